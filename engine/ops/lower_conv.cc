// Conv to the conv and dwconv kernels.
#include "engine/kernels/dwconv/dwconv.h"
#include "engine/ops/activation.h"
#include "engine/ops/conv_call.h"
#include "engine/ops/conv_fusion.h"
#include "engine/ops/half_weights.h"
#include "engine/ops/kernel_shapes.h"
#include "engine/ops/lowering.h"
#include "engine/ops/window.h"

namespace lode::engine {

namespace {

/// Why no kernel takes the node; "" if one does.
std::string why_not_lowered(const LowerContext& context) {
  const bool has_bias = context.inputs.size() > kConvBias && context.inputs[kConvBias].present;
  if (context.inputs[0].shape.rank() != 4) return "not two spatial axes";
  if (!is_float_input(context, 0)) return "not float";
  if (!has_constant_weights(context)) return "weights are not constant";
  if (has_bias && !is_float_input(context, kConvBias, true)) return "the bias is not constant";
  return "";
}

/// The node's convolution on dense values.
Result<ConvShape> dense_shape(const LowerContext& context) {
  const Shape& input = context.inputs[0].shape;
  const Shape& weight = context.inputs[1].shape;
  LODE_TRY(const Window window, conv_window(context.node, input, weight));
  LODE_TRY(const std::int64_t groups, attribute_int(context.node, "group", 1));
  LODE_TRY(const ConvFusion fusion, conv_fusion(context.node));
  ConvShape shape = conv_shape(window, input, weight, groups);
  shape.has_residual = fusion.has_residual;
  shape.prologue = fusion.prologue;
  shape.half_weights = context.inputs[kWeightInput].dtype == DType::kF16;
  shape.workers = context.workers;
  shape.allow_winograd = context.passes.allow(MachinePass::kWinograd);
  shape.allow_bf16x3 = context.passes.allow(MachinePass::kBf16x3);
  return shape;
}

/// The kernels of the depthwise family have no prologue.
bool runs_depthwise(const ConvShape& shape) {
  return is_depthwise(shape) && shape.prologue == ConvPrologue::kNone;
}

}  // namespace

PlacementSupport conv_placements(const LowerContext& context) {
  if (!why_not_lowered(context).empty()) return {};
  const Result<ConvShape> shape = dense_shape(context);
  if (!shape.ok()) return {};
  return {.plain_input = !runs_depthwise(*shape) && shape->prologue == ConvPrologue::kNone &&
                         takes_plain_input(*shape, context.isa),
          .strided_inputs = true,
          .strided_output = true};
}

Result<Step> lower_conv(LowerContext& context) {
  std::string why_not = why_not_lowered(context);
  if (!why_not.empty()) return refuse_lowering(std::move(why_not));
  LODE_TRY(const Activation activation, fused_activation(context.node));
  LODE_TRY(ConvShape shape, dense_shape(context));
  shape.x_is_plain =
      !context.input_places[0].is_channels_last() && !layouts_coincide(context.inputs[0].shape);
  shape.x_stride = context.input_places[0].pixel_stride;
  shape.y_stride = context.output_places[0].pixel_stride;
  if (shape.has_residual) shape.residual_stride = context.input_places[kConvResidual].pixel_stride;
  const auto selection =
      runs_depthwise(shape) ? select_dwconv(shape, context.isa) : select_conv(shape, context.isa);
  const auto& kernel = *selection.kernel;
  auto packed = cached_floats(context, kernel.name, kernel.packed_floats(shape), [&](float* to) {
    const FloatWeights weights(*context.inputs[kWeightInput].constant);
    kernel.pack(shape, {weights.data(), constant_floats(context, kConvBias)}, to);
  });
  Step step = kernel_step(
      selection, shape, [data = packed->data(), activation](const StepArguments& arguments) {
        return ConvArguments{.x = float_input(arguments, 0),
                             .packed = data,
                             .y = float_output(arguments, 0),
                             .scratch = arguments.scratch,
                             .activation = activation,
                             .residual = optional_float_input(arguments, kConvResidual),
                             .prologue_scale = optional_float_input(arguments, kConvScale),
                             .prologue_shift = optional_float_input(arguments, kConvShift)};
      });
  step.flops = conv_flops(shape);
  step.conv = std::make_shared<const ConvCall>(ConvCall{
      .kernel = &kernel, .shape = shape, .packed = packed->data(), .activation = activation});
  attach_weights(step, std::move(packed), 1U << 1U | 1U << kConvBias);
  return step;
}

}  // namespace lode::engine
