// Elementwise operators to the eltwise kernels.
#include "engine/kernels/eltwise/eltwise.h"
#include "engine/ops/activation.h"
#include "engine/ops/lowering.h"

namespace lode::engine {

namespace {

/// own_activation() with the bounds of Clip that are inputs, which must be known.
Result<Activation> activation_of(const LowerContext& context) {
  LODE_TRY(Activation activation, own_activation(context.node));
  if (activation.kind != ActivationKind::kClip) return activation;
  if (const float* low = constant_floats(context, 1)) activation.alpha = *low;
  if (const float* high = constant_floats(context, 2)) activation.beta = *high;
  return activation;
}

BinaryOp binary_op(std::string_view op_type) {
  if (op_type == "Sub") return BinaryOp::kSubtract;
  if (op_type == "Mul") return BinaryOp::kMultiply;
  if (op_type == "Div") return BinaryOp::kDivide;
  LODE_ASSERT(op_type == "Add" || op_type == "Sum");
  return BinaryOp::kAdd;
}

}  // namespace

Result<Step> lower_unary(LowerContext& context) {
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    if (!context.inputs[i].present) continue;
    if (!is_float_input(context, i, i > 0)) {
      return refuse_lowering(i == 0 ? "not float" : "a bound is not constant");
    }
  }
  LODE_TRY(const Activation activation, activation_of(context));
  const UnaryShape shape{context.outputs[0].shape.element_count()};
  Step step = kernel_step(select_unary(shape, context.isa), shape,
                          [activation](const StepArguments& arguments) {
                            return UnaryArguments{.x = float_input(arguments, 0),
                                                  .y = float_output(arguments, 0),
                                                  .activation = activation};
                          });
  step.may_overwrite = 1U;
  return step;
}

Result<Step> lower_binary(LowerContext& context) {
  if (context.inputs.size() != 2) return refuse_lowering("not two inputs");
  if (!is_float_input(context, 0) || !is_float_input(context, 1)) {
    return refuse_lowering("not float");
  }
  const Shape& a = context.inputs[0].shape;
  const Shape& b = context.inputs[1].shape;
  if (context.node.opset < 7 && a != b) {
    return refuse_lowering("operator sets before 7 broadcast by 'axis'");
  }
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const Shape& y = context.outputs[0].shape;
  const Shape y_strides = physical_strides(y, context.output_places[0]);
  const BinaryShape shape = binary_shape(binary_op(context.node.op_type), y,
                                         broadcast_along(a, context.input_places[0], y),
                                         broadcast_along(b, context.input_places[1], y), y_strides);
  Step step = kernel_step(select_binary(shape, context.isa), shape,
                          [activation](const StepArguments& arguments) {
                            return BinaryArguments{.a = float_input(arguments, 0),
                                                   .b = float_input(arguments, 1),
                                                   .y = float_output(arguments, 0),
                                                   .activation = activation};
                          });
  for (std::size_t i = 0; i < 2; ++i) {
    const Shape& x = context.inputs[i].shape;
    const bool in_step = x == y && physical_strides(x, context.input_places[i]) == y_strides;
    if (in_step) step.may_overwrite |= 1U << i;
  }
  return step;
}

}  // namespace lode::engine
