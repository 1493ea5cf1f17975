// QLinearConcat of com.microsoft: operands of different scales, joined along an axis.
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"
#include "engine/ops/qlinear_inputs.h"
#include "engine/ops/qlinear_table.h"

namespace lode::engine {
namespace {

constexpr std::size_t kInputsOfOperand = 3;

std::size_t operand_count(const Node& node) {
  return (node.inputs.size() - 2) / kInputsOfOperand;
}

Status check_qconcat(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 5, .max_inputs = kVariadic}, {{"axis"}}));
  if ((node.inputs.size() - 2) % kInputsOfOperand != 0) {
    return node_error(node, "has {} inputs; 2 and 3 for each operand are needed",
                      node.inputs.size());
  }
  if (node.attributes.count("axis") == 0) {
    return node_error(node, "attribute 'axis' is missing");
  }
  return {};
}

Result<std::size_t> read_axis(const Node& node, std::size_t rank) {
  LODE_TRY(const std::int64_t axis, attribute_int(node, "axis", 0));
  return resolve_axis(node, axis, rank);
}

Status infer_qconcat(InferContext& context) {
  const Node& node = context.node;
  LODE_TRY(const DType type, check_output_quantisation(context, kQConcatScale, kQConcatZeroPoint));
  Shape result = context.inputs[qconcat_operand(0).data].shape;
  LODE_TRY(const std::size_t axis, read_axis(node, result.rank()));
  result[axis] = 0;
  for (std::size_t i = 0; i < operand_count(node); ++i) {
    const OperandInputs operand = qconcat_operand(i);
    LODE_CHECK_OK(check_operand(context, operand));
    Shape others = context.inputs[operand.data].shape;
    if (others.rank() == result.rank()) others[axis] = result[axis];
    if (others != result) {
      return node_error(node, "operand {} of shape {} does not join the others along axis {}", i,
                        context.inputs[operand.data].shape.to_string(), axis);
    }
    result[axis] += context.inputs[operand.data].shape[axis];
    LODE_CHECK_OK(make_shape(node, result.extents()));
  }
  return set_output(context, type, result);
}

Status run_qconcat(const ReferenceContext& context) {
  const Shape& shape = context.outputs[0].shape;
  LODE_TRY(const std::size_t axis, read_axis(context.node, shape.rank()));
  if (shape.element_count() == 0) return {};
  const std::int64_t outer = extent_product(shape, 0, axis);
  const std::int64_t step = extent_product(shape, axis, shape.rank());
  auto* result = reinterpret_cast<std::uint8_t*>(context.outputs[0].data);
  for (std::size_t i = 0; i < operand_count(context.node); ++i) {
    const OperandInputs operand = qconcat_operand(i);
    const TensorView& view = context.inputs[operand.data];
    const ByteTable table =
        byte_table({.activation = {},
                    .from = scale_at(context.inputs, operand.scale, operand.zero_point),
                    .from_type = view.dtype,
                    .to = scale_at(context.inputs, kQConcatScale, kQConcatZeroPoint),
                    .to_type = context.outputs[0].dtype});
    const auto* source = reinterpret_cast<const std::uint8_t*>(view.data);
    const std::int64_t count = view.element_count() / outer;
    for (std::int64_t row = 0; row < outer; ++row) {
      for (std::int64_t k = 0; k < count; ++k) result[row * step + k] = table[*source++];
    }
    result += count;
  }
  return {};
}

}  // namespace

OperatorDef qlinear_concat_operator() {
  return {.domain = kMicrosoftDomain,
          .op_type = "QLinearConcat",
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_qconcat,
          .infer = infer_qconcat,
          .reference = run_qconcat};
}

}  // namespace lode::engine
