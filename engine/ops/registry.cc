// The one list of operators. A line here, a file with `OperatorDef NAME_operator()`, and a test.
#include <fmt/format.h>

#include <array>

#include "engine/ops/operator.h"

#define LODE_OPERATORS(X)        \
  X(add)                         \
  X(average_pool)                \
  X(batch_normalization)         \
  X(cast)                        \
  X(clip)                        \
  X(concat)                      \
  X(constant)                    \
  X(constant_of_shape)           \
  X(conv)                        \
  X(conv_integer)                \
  X(dequantize_linear)           \
  X(div)                         \
  X(dropout)                     \
  X(dynamic_conv)                \
  X(dynamic_gemm)                \
  X(dynamic_quantize)            \
  X(dynamic_quantize_linear)     \
  X(dynamic_quantize_matmul)     \
  X(dynamic_range)               \
  X(flatten)                     \
  X(gather)                      \
  X(gemm)                        \
  X(global_average_pool)         \
  X(hard_sigmoid)                \
  X(hard_swish)                  \
  X(identity)                    \
  X(leaky_relu)                  \
  X(lrn)                         \
  X(matmul)                      \
  X(matmul_integer)              \
  X(matmul_integer_to_float)     \
  X(max_pool)                    \
  X(mul)                         \
  X(pad)                         \
  X(qgemm)                       \
  X(qlinear_add)                 \
  X(qlinear_average_pool)        \
  X(qlinear_concat)              \
  X(qlinear_conv)                \
  X(qlinear_global_average_pool) \
  X(qlinear_leaky_relu)          \
  X(qlinear_matmul)              \
  X(qlinear_mul)                 \
  X(qlinear_sigmoid)             \
  X(qlinear_softmax)             \
  X(qlinear_unary)               \
  X(quantize_linear)             \
  X(reduce_mean)                 \
  X(relu)                        \
  X(reshape)                     \
  X(shape)                       \
  X(sigmoid)                     \
  X(softmax)                     \
  X(squeeze)                     \
  X(sub)                         \
  X(sum)                         \
  X(swish)                       \
  X(transpose)                   \
  X(unsqueeze)

namespace lode::engine {

#define LODE_DECLARE(name) OperatorDef name##_operator();
LODE_OPERATORS(LODE_DECLARE)
#undef LODE_DECLARE

std::span<const OperatorDef> all_operators() {
#define LODE_CALL(name) name##_operator(),
  static const std::array kOperators = {LODE_OPERATORS(LODE_CALL)};
#undef LODE_CALL
  return kOperators;
}

Result<const OperatorDef*> find_operator(const Node& node) {
  for (const OperatorDef& definition : all_operators()) {
    if (definition.op_type != node.op_type || definition.domain != node.domain) continue;
    if (node.opset >= definition.opset_min && node.opset <= definition.opset_max) {
      return &definition;
    }
    return runtime_error("{}: operator set {} is not supported; {} to {} are", describe(node),
                         node.opset, definition.opset_min, definition.opset_max);
  }
  return runtime_error("{}: the operator is not supported (domain '{}', operator set {})",
                       describe(node), node.domain.empty() ? "ai.onnx" : node.domain, node.opset);
}

}  // namespace lode::engine
