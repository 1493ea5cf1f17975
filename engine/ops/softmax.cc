// Softmax: along one axis since operator set 13, over all axes from `axis` on before.
#include <algorithm>
#include <cmath>

#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"

namespace lode::engine {
namespace {

// The elements that are normalised together: `count` of them, `step` apart; `outer` x `step` such
// groups.
struct SoftmaxShape {
  std::int64_t outer = 1;
  std::int64_t count = 1;
  std::int64_t step = 1;
};

Result<SoftmaxShape> read_softmax(const Node& node, const Shape& shape) {
  const bool along_one_axis = node.opset >= 13;
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

}  // namespace

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
