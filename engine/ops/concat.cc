// Concat.
#include "engine/ops/checks.h"
#include "engine/ops/lowering.h"

namespace lode::engine {
namespace {

Result<std::size_t> read_axis(const Node& node, std::size_t rank) {
  if (node.opset >= 4 && node.attributes.count("axis") == 0) {
    return node_error(node, "attribute 'axis' is missing");
  }
  LODE_TRY(const std::int64_t axis, attribute_int(node, "axis", 1));
  return resolve_axis(node, axis, rank);
}

Status check_concat(const Node& node) {
  return check_signature(node, {.min_inputs = 1, .max_inputs = kVariadic}, {{"axis"}});
}

Status infer_concat(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_same_types(context));
  Shape result = context.inputs[0].shape;
  LODE_TRY(const std::size_t axis, read_axis(node, result.rank()));
  result[axis] = 0;
  for (const ValueInfo& input : context.inputs) {
    Shape others = input.shape;
    if (axis < others.rank()) others[axis] = result[axis];
    if (others != result) {
      return node_error(node, "shapes {} and {} do not join along axis {}",
                        context.inputs[0].shape.to_string(), input.shape.to_string(), axis);
    }
    result[axis] += input.shape[axis];
    // One by one, so that the sum stays far from its type's end.
    LODE_CHECK_OK(make_shape(node, result.extents()));
  }
  return set_output(context, context.inputs[0].dtype, result);
}

Status run_concat(const ReferenceContext& context) {
  const MutableTensorView& output = context.outputs[0];
  LODE_TRY(const std::size_t axis, read_axis(context.node, output.shape.rank()));
  if (output.element_count() == 0) return {};
  const std::int64_t outer = extent_product(output.shape, 0, axis);
  std::byte* result = output.data;
  for (std::int64_t i = 0; i < outer; ++i) {
    for (const TensorView& input : context.inputs) {
      const auto bytes = input.byte_size() / static_cast<std::size_t>(outer);
      if (bytes == 0) continue;
      std::memcpy(result, input.data + static_cast<std::size_t>(i) * bytes, bytes);
      result += bytes;
    }
  }
  return {};
}

bool joins_behind_samples(const Node& node, std::span<const ValueInfo> inputs) {
  const Result<std::size_t> axis = read_axis(node, inputs[0].shape.rank());
  return axis.ok() && *axis != 0;
}

}  // namespace

OperatorDef concat_operator() {
  return {.op_type = "Concat",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_concat,
          .infer = infer_concat,
          .reference = run_concat,
          .lower = lower_concat,
          .layout = LayoutRule::kFollow,
          .placements = concat_placements,
          .keeps_samples = joins_behind_samples};
}

}  // namespace lode::engine
