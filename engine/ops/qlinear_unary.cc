// QLinearSigmoid and QLinearLeakyRelu of com.microsoft, and lode.QLinearUnary: an activation, or
// none, from one scale to another. The 256 possible results are a table, exact by definition.
#include "engine/ops/activation.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"
#include "engine/ops/qlinear_inputs.h"
#include "engine/ops/qlinear_table.h"

namespace lode::engine {
namespace {

constexpr float kLeakySlope = 0.01F;

Status check_sigmoid(const Node& node) {
  return check_signature(node, {.min_inputs = 4, .max_inputs = 5, .omittable = 1U << 2U}, {});
}

Status check_leaky_relu(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 4, .max_inputs = 5, .omittable = 1U << 2U},
                                {{"alpha"}}));
  LODE_CHECK_OK(attribute_float(node, "alpha", kLeakySlope));
  return {};
}

Status check_unary(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 4, .max_inputs = 5, .omittable = 1U << 2U},
                                {{"lode_activation"}, {"lode_alpha"}, {"lode_beta"}}));
  LODE_CHECK_OK(fused_activation(node));
  return {};
}

Status infer_unary(InferContext& context) {
  if (!has_input(context.node, kQUnaryScale)) {
    return node_error(context.node, "output scale (input {}) is omitted, but needed", kQUnaryScale);
  }
  LODE_CHECK_OK(check_operand(context, kQUnaryInput));
  LODE_TRY(const DType type, check_output_quantisation(context, kQUnaryScale, kQUnaryZeroPoint));
  return set_output(context, type, context.inputs[0].shape);
}

Status run_unary(const ReferenceContext& context) {
  LODE_TRY(const Activation activation, table_activation(context.node));
  const ByteTable table =
      byte_table({.activation = activation,
                  .from = scale_at(context.inputs, kQUnaryInput.scale, kQUnaryInput.zero_point),
                  .from_type = context.inputs[0].dtype,
                  .to = scale_at(context.inputs, kQUnaryScale, kQUnaryZeroPoint),
                  .to_type = context.outputs[0].dtype});
  const auto* source = reinterpret_cast<const std::uint8_t*>(context.inputs[0].data);
  auto* result = reinterpret_cast<std::uint8_t*>(context.outputs[0].data);
  const std::int64_t count = context.inputs[0].element_count();
  for (std::int64_t i = 0; i < count; ++i) result[i] = table[source[i]];
  return {};
}

}  // namespace

Result<Activation> table_activation(const Node& node) {
  if (node.op_type == "QLinearSigmoid") return Activation{.kind = ActivationKind::kSigmoid};
  if (node.op_type == "QLinearLeakyRelu") {
    LODE_TRY(const float alpha, attribute_float(node, "alpha", kLeakySlope));
    return Activation{.kind = ActivationKind::kLeakyRelu, .alpha = alpha};
  }
  return fused_activation(node);
}

ByteTable byte_table(const TableRule& rule) {
  ByteTable table{};
  for (std::int32_t byte = 0; byte < 256; ++byte) {
    const std::int32_t from = rule.from_type == DType::kI8 ? static_cast<std::int8_t>(byte) : byte;
    const float x = static_cast<float>(from - rule.from.zero) * rule.from.scale;
    const float y = apply_activation(rule.activation, x);
    visit_byte(rule.to_type, [&]<typename Q>() {
      table[static_cast<std::size_t>(byte)] =
          static_cast<std::uint8_t>(quantise<Q>(y, rule.to.scale, rule.to.zero));
    });
  }
  return table;
}

OperatorDef qlinear_sigmoid_operator() {
  return {.domain = kMicrosoftDomain,
          .op_type = "QLinearSigmoid",
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_sigmoid,
          .infer = infer_unary,
          .reference = run_unary,
          .lower = lower_qunary,
          .layout = LayoutRule::kFollow,
          .placements = strided_placements,
          .keeps_samples = each_sample};
}

OperatorDef qlinear_leaky_relu_operator() {
  return {.domain = kMicrosoftDomain,
          .op_type = "QLinearLeakyRelu",
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_leaky_relu,
          .infer = infer_unary,
          .reference = run_unary,
          .lower = lower_qunary,
          .layout = LayoutRule::kFollow,
          .placements = strided_placements,
          .keeps_samples = each_sample};
}

OperatorDef qlinear_unary_operator() {
  return {.domain = kOwnDomain,
          .op_type = "QLinearUnary",
          .opset_min = kOwnOpset,
          .opset_max = kOwnOpset,
          .check = check_unary,
          .infer = infer_unary,
          .reference = run_unary,
          .lower = lower_qunary,
          .layout = LayoutRule::kFollow,
          .placements = strided_placements,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
