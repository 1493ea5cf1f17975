// Conv to the conv and dwconv kernels.
#include "engine/kernels/conv/conv.h"
#include "engine/kernels/dwconv/dwconv.h"
#include "engine/ops/activation.h"
#include "engine/ops/lowering.h"
#include "engine/ops/window.h"

namespace lode::engine {

namespace {

ConvShape conv_shape(const Window& window, const Shape& input, const Shape& weight,
                     std::int64_t groups) {
  ConvShape shape;
  shape.batch = input[0];
  shape.in_h = window.height().input;
  shape.in_w = window.width().input;
  shape.in_c = input[1];
  shape.out_h = window.height().output;
  shape.out_w = window.width().output;
  shape.out_c = weight[0];
  shape.kernel_h = window.height().kernel;
  shape.kernel_w = window.width().kernel;
  shape.stride_h = window.height().stride;
  shape.stride_w = window.width().stride;
  shape.dilation_h = window.height().dilation;
  shape.dilation_w = window.width().dilation;
  shape.pad_top = window.height().pad_begin;
  shape.pad_left = window.width().pad_begin;
  shape.pad_bottom = window.height().pad_end;
  shape.pad_right = window.width().pad_end;
  shape.groups = groups;
  return shape;
}

}  // namespace

Result<Step> lower_conv(LowerContext& context) {
  if (context.inputs[0].shape.rank() != 4) return refuse_lowering("not two spatial axes");
  if (!is_float_input(context, 0)) return refuse_lowering("not float");
  if (!is_float_input(context, 1, true)) return refuse_lowering("weights are not constant");
  const bool has_bias = context.inputs.size() > 2 && context.inputs[2].present;
  if (has_bias && !is_float_input(context, 2, true)) {
    return refuse_lowering("the bias is not constant");
  }
  const Shape& input = context.inputs[0].shape;
  const Shape& weight = context.inputs[1].shape;
  LODE_TRY(const Window window, conv_window(context.node, input, weight));
  LODE_TRY(const std::int64_t groups, attribute_int(context.node, "group", 1));
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const ConvShape shape = conv_shape(window, input, weight, groups);
  const auto selection =
      is_depthwise(shape) ? select_dwconv(shape, context.isa) : select_conv(shape, context.isa);
  const ConvWeights weights{constant_floats(context, 1), constant_floats(context, 2)};
  auto packed = cached_weights(context, selection, shape, weights);
  Step step = kernel_step(selection, shape,
                          [data = packed->data(), activation](const StepArguments& arguments) {
                            return ConvArguments{.x = float_input(arguments, 0),
                                                 .packed = data,
                                                 .y = float_output(arguments, 0),
                                                 .scratch = arguments.scratch,
                                                 .activation = activation};
                          });
  step.flops = conv_flops(shape);
  attach_weights(step, std::move(packed));
  return step;
}

}  // namespace lode::engine
