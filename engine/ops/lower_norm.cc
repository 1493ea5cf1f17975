// BatchNormalization that no convolution absorbed, LRN and Softmax.
#include <cmath>

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/reduce/reduce.h"
#include "engine/ops/activation.h"
#include "engine/ops/checks.h"
#include "engine/ops/lowering.h"

namespace lode::engine {

namespace {

/// Scales, then shifts: y = scale * x + shift with the statistics folded in.
std::shared_ptr<const AlignedFloats> folded_parameters(LowerContext& context, std::int64_t channels,
                                                       float epsilon) {
  return cached_floats(
      context, "affine", static_cast<std::size_t>(2 * channels), [&](float* folded) {
        const float* scale = constant_floats(context, 1);
        const float* bias = constant_floats(context, 2);
        const float* mean = constant_floats(context, 3);
        const float* variance = constant_floats(context, 4);
        for (std::int64_t c = 0; c < channels; ++c) {
          const double factor = scale[c] / std::sqrt(static_cast<double>(variance[c]) + epsilon);
          folded[c] = static_cast<float>(factor);
          folded[channels + c] = static_cast<float>(bias[c] - mean[c] * factor);
        }
      });
}

}  // namespace

Result<Step> lower_batch_norm(LowerContext& context) {
  if (!is_float_input(context, 0)) return refuse_lowering("not float");
  for (std::size_t i = 1; i < 5; ++i) {
    if (!is_float_input(context, i, true)) return refuse_lowering("a parameter is not constant");
  }
  if (!has_one_float_output(context)) return refuse_lowering("statistics are asked for");
  LODE_TRY(const std::int64_t spatial, attribute_int(context.node, "spatial", 1));
  if (spatial == 0) return refuse_lowering("'spatial'=0");
  LODE_TRY(const float epsilon, attribute_float(context.node, "epsilon", 1e-5F));
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const Shape& input = context.inputs[0].shape;
  const std::int64_t channels = input[1];
  AffineShape shape;
  shape.channels = channels;
  if (context.input_places[0].is_channels_last()) {
    shape.outer = input[0] * input[2] * input[3];
  } else {
    shape.outer = input[0];
    shape.inner = extent_product(input, 2, input.rank());
  }
  auto folded = folded_parameters(context, channels, epsilon);
  Step step =
      kernel_step(select_affine(shape, context.isa), shape,
                  [data = folded->data(), channels, activation](const StepArguments& arguments) {
                    return AffineArguments{.x = float_input(arguments, 0),
                                           .scale = data,
                                           .shift = data + channels,
                                           .y = float_output(arguments, 0),
                                           .activation = activation};
                  });
  step.may_overwrite = 1U;
  attach_weights(step, std::move(folded), 0b11110U);
  return step;
}

Result<Step> lower_lrn(LowerContext& context) {
  if (!is_float_input(context, 0)) return refuse_lowering("not float");
  if (context.inputs[0].shape.rank() != 4) return refuse_lowering("not two spatial axes");
  const Shape& input = context.inputs[0].shape;
  LrnShape shape;
  shape.channels = input[1];
  shape.pixels = input[0] * input[2] * input[3];
  LODE_TRY(shape.size, attribute_int(context.node, "size", 1));
  LODE_TRY(shape.alpha, attribute_float(context.node, "alpha", 1e-4F));
  LODE_TRY(shape.beta, attribute_float(context.node, "beta", 0.75F));
  LODE_TRY(shape.bias, attribute_float(context.node, "bias", 1.0F));
  return kernel_step(select_lrn(shape, context.isa), shape, [](const StepArguments& arguments) {
    return ReduceArguments{float_input(arguments, 0), float_output(arguments, 0)};
  });
}

Result<Step> lower_softmax(LowerContext& context) {
  if (!is_float_input(context, 0)) return refuse_lowering("not float");
  const Node& node = context.node;
  const Shape& input = context.inputs[0].shape;
  const bool along_one_axis = node.opset >= 13;
  LODE_TRY(const std::int64_t attribute, attribute_int(node, "axis", along_one_axis ? -1 : 1));
  LODE_TRY(const std::size_t axis, resolve_axis(node, attribute, input.rank()));
  const std::size_t end = along_one_axis ? axis + 1 : input.rank();
  const ReduceShape shape{.outer = extent_product(input, 0, axis),
                          .count = extent_product(input, axis, end),
                          .inner = extent_product(input, end, input.rank())};
  return kernel_step(select_softmax(shape, context.isa), shape, [](const StepArguments& arguments) {
    return ReduceArguments{float_input(arguments, 0), float_output(arguments, 0)};
  });
}

}  // namespace lode::engine
