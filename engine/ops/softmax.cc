// Softmax: along one axis since operator set 13, over all axes from `axis` on before.
#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/ops/element.h"
#include "engine/ops/lowering.h"
#include "engine/ops/qlinear_inputs.h"

namespace lode::engine {
namespace {

// The elements that are normalised together: `count` of them, `step` apart; `outer` x `step` such
// groups.
struct SoftmaxShape {
  std::int64_t outer = 1;
  std::int64_t count = 1;
  std::int64_t step = 1;
};

// QLinearSoftmax is of com.microsoft, and says by an attribute whose Softmax it is.
Result<SoftmaxShape> read_softmax(const Node& node, const Shape& shape) {
  LODE_TRY(const std::int64_t opset, attribute_int(node, "opset", node.opset));
  const bool along_one_axis = opset >= 13;
  LODE_TRY(const std::int64_t attribute, attribute_int(node, "axis", along_one_axis ? -1 : 1));
  LODE_TRY(const std::size_t axis, resolve_axis(node, attribute, shape.rank()));
  const std::size_t end = along_one_axis ? axis + 1 : shape.rank();
  return SoftmaxShape{.outer = extent_product(shape, 0, axis),
                      .count = extent_product(shape, axis, end),
                      .step = extent_product(shape, end, shape.rank())};
}

Status check_softmax(const Node& node) {
  return check_signature(node, {}, {{"axis"}});
}

Status infer_softmax(InferContext& context) {
  LODE_CHECK_OK(check_type(context, 0, kFloatTypes));
  LODE_CHECK_OK(read_softmax(context.node, context.inputs[0].shape));
  return set_output(context, context.inputs[0].dtype, context.inputs[0].shape);
}

template <typename T>
void normalize(const T* source, T* result, std::int64_t count, std::int64_t step) {
  double greatest = lowest_value<double>();
  for (std::int64_t i = 0; i < count; ++i) greatest = std::max(greatest, widen(source[i * step]));
  double sum = 0.0;
  for (std::int64_t i = 0; i < count; ++i) sum += std::exp(widen(source[i * step]) - greatest);
  for (std::int64_t i = 0; i < count; ++i) {
    result[i * step] = narrow<T>(std::exp(widen(source[i * step]) - greatest) / sum);
  }
}

Status run_softmax(const ReferenceContext& context) {
  LODE_TRY(const SoftmaxShape shape, read_softmax(context.node, context.inputs[0].shape));
  visit_floating(context.inputs[0].dtype, [&]<typename T>() {
    for (std::int64_t outer = 0; outer < shape.outer; ++outer) {
      for (std::int64_t inner = 0; inner < shape.step; ++inner) {
        const std::int64_t first = outer * shape.count * shape.step + inner;
        normalize(elements<T>(context.inputs[0]) + first, elements<T>(context.outputs[0]) + first,
                  shape.count, shape.step);
      }
    }
  });
  return {};
}

bool normalizes_behind_samples(const Node& node, std::span<const ValueInfo> inputs) {
  const Result<SoftmaxShape> shape = read_softmax(node, inputs[0].shape);
  return shape.ok() && shape->outer >= inputs[0].shape[0];
}

Status check_qlinear_softmax(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 4, .max_inputs = 5}, {{"axis"}, {"opset"}}));
  if (has_input(node, kQUnaryScale)) {
    if (node.attributes.contains("opset")) return {};
    return node_error(node, "attribute 'opset' is missing");
  }
  return node_error(node, "output scale (input {}) is omitted, but needed", kQUnaryScale);
}

Status infer_qlinear_softmax(InferContext& context) {
  LODE_CHECK_OK(check_operand(context, kQUnaryInput));
  LODE_CHECK_OK(read_softmax(context.node, context.inputs[0].shape));
  LODE_TRY(const DType type, check_output_quantisation(context, kQUnaryScale, kQUnaryZeroPoint));
  return set_output(context, type, context.inputs[0].shape);
}

Status run_qlinear_softmax(const ReferenceContext& context) {
  const TensorView& input = context.inputs[0];
  LODE_TRY(const SoftmaxShape shape, read_softmax(context.node, input.shape));
  const Quantisation from(context.inputs, kQUnaryInput.scale, kQUnaryInput.zero_point);
  ByteOutput result(context.outputs[0], {context.inputs, kQUnaryScale, kQUnaryZeroPoint});
  const float scale = Quantisation(context.inputs, kQUnaryScale, kQUnaryZeroPoint).scale();
  std::vector<float> row(static_cast<std::size_t>(shape.count));
  for (std::int64_t outer = 0; outer < shape.outer; ++outer) {
    for (std::int64_t inner = 0; inner < shape.step; ++inner) {
      const std::int64_t first = outer * shape.count * shape.step + inner;
      for (std::int64_t i = 0; i < shape.count; ++i) {
        const std::int32_t byte = small_integer_at(input, first + i * shape.step);
        row[static_cast<std::size_t>(i)] =
            static_cast<float>(byte - from.zero_point()) * from.scale();
      }
      normalize(row.data(), row.data(), shape.count, 1);
      for (std::int64_t i = 0; i < shape.count; ++i) {
        result.set(first + i * shape.step, row[static_cast<std::size_t>(i)] / scale);
      }
    }
  }
  return {};
}

}  // namespace

OperatorDef qlinear_softmax_operator() {
  return {.domain = kMicrosoftDomain,
          .op_type = "QLinearSoftmax",
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_qlinear_softmax,
          .infer = infer_qlinear_softmax,
          .reference = run_qlinear_softmax};
}

OperatorDef softmax_operator() {
  return {.op_type = "Softmax",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_softmax,
          .infer = infer_softmax,
          .reference = run_softmax,
          .lower = lower_softmax,
          .keeps_samples = normalizes_behind_samples};
}

}  // namespace lode::engine
