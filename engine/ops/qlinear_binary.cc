// QLinearAdd and QLinearMul of com.microsoft.
#include "engine/ops/activation.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"
#include "engine/ops/qlinear_inputs.h"

namespace lode::engine {
namespace {

Status check_qbinary(const Node& node) {
  LODE_CHECK_OK(
      check_signature(node, {.min_inputs = 7, .max_inputs = 8, .omittable = 1U << 2U | 1U << 5U},
                      {{"lode_activation"}, {"lode_alpha"}, {"lode_beta"}}));
  LODE_CHECK_OK(fused_byte_activation(node));
  return {};
}

Status infer_qbinary(InferContext& context) {
  LODE_CHECK_OK(check_operand(context, kQBinaryA));
  LODE_CHECK_OK(check_operand(context, kQBinaryB));
  LODE_TRY(const Shape shape, broadcast_shapes(context.node, context.inputs[kQBinaryA.data].shape,
                                               context.inputs[kQBinaryB.data].shape));
  if (context.inputs[kQBinaryA.data].dtype != context.inputs[kQBinaryB.data].dtype) {
    return node_error(context.node, "A is {}, but B {}",
                      dtype_name(context.inputs[kQBinaryA.data].dtype),
                      dtype_name(context.inputs[kQBinaryB.data].dtype));
  }
  LODE_TRY(const DType type, check_output_quantisation(context, kQBinaryScale, kQBinaryZeroPoint));
  return set_output(context, type, shape);
}

// combine(a, b): the value in units of the output's scale, of numbers without their zero points.
template <typename Combine>
Status run_qbinary(const ReferenceContext& context, Combine combine) {
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const Quantisation a(context.inputs, kQBinaryA.scale, kQBinaryA.zero_point);
  const Quantisation b(context.inputs, kQBinaryB.scale, kQBinaryB.zero_point);
  const Quantisation output(context.inputs, kQBinaryScale, kQBinaryZeroPoint);
  const TensorView& left = context.inputs[kQBinaryA.data];
  const TensorView& right = context.inputs[kQBinaryB.data];
  ByteOutput result(context.outputs[0], output, activation);
  const Shape& shape = context.outputs[0].shape;
  const std::array strides = {broadcast_strides(left.shape, shape),
                              broadcast_strides(right.shape, shape)};
  for_each_row<2>(shape, strides, [&](const Row<2>& row) {
    for (std::int64_t i = 0; i < row.count; ++i) {
      const std::int32_t x =
          small_integer_at(left, row.offsets[0] + i * row.steps[0]) - a.zero_point();
      const std::int32_t y =
          small_integer_at(right, row.offsets[1] + i * row.steps[1]) - b.zero_point();
      result.set(row.start + i, combine(x, y, a.scale(), b.scale(), output.scale()));
    }
  });
  return {};
}

Status run_qlinear_add(const ReferenceContext& context) {
  return run_qbinary(context, [](std::int32_t x, std::int32_t y, float a, float b, float output) {
    return static_cast<float>(x) * (a / output) + static_cast<float>(y) * (b / output);
  });
}

Status run_qlinear_mul(const ReferenceContext& context) {
  return run_qbinary(context, [](std::int32_t x, std::int32_t y, float a, float b, float output) {
    return static_cast<float>(x * y) * ((a * b) / output);
  });
}

bool aligns_samples(const Node&, std::span<const ValueInfo> inputs) {
  const ValueInfo& a = inputs[kQBinaryA.data];
  const ValueInfo& b = inputs[kQBinaryB.data];
  return a.constant != nullptr || b.constant != nullptr || a.shape.rank() == b.shape.rank();
}

OperatorDef binary_operator(std::string_view op_type,
                            Status (*reference)(const ReferenceContext&)) {
  return {.domain = kMicrosoftDomain,
          .op_type = op_type,
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_qbinary,
          .infer = infer_qbinary,
          .reference = reference,
          .lower = lower_qbinary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = aligns_samples};
}

}  // namespace

OperatorDef qlinear_add_operator() {
  return binary_operator("QLinearAdd", run_qlinear_add);
}

OperatorDef qlinear_mul_operator() {
  return binary_operator("QLinearMul", run_qlinear_mul);
}

}  // namespace lode::engine
