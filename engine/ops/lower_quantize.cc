// From float to 8 bits and back: to the quantize kernels.
#include <algorithm>

#include "engine/kernels/quantize/quantize.h"
#include "engine/ops/dynamic_range.h"
#include "engine/ops/lowering.h"
#include "engine/ops/qlinear_inputs.h"
#include "engine/ops/quantization.h"

namespace lode::engine {

namespace {

/// A float value of any rank as [samples, pixels, channels].
QuantizeShape quantize_shape(const LowerContext& context) {
  const Shape& x = context.inputs[0].shape;
  QuantizeShape shape;
  if (layouts_coincide(x)) {
    // One order for both: a row a sample.
    shape.samples = x.rank() > 1 ? x[0] : 1;
    shape.channels = x.element_count() / shape.samples;
    shape.pixels = 1;
    return shape;
  }
  shape.samples = x[0];
  shape.channels = x[1];
  shape.pixels = x[2] * x[3];
  shape.x_is_plain = !context.input_places[0].is_channels_last();
  shape.x_stride = context.input_places[0].pixel_stride;
  shape.y_stride = context.output_places[0].pixel_stride;
  return shape;
}

/// [rows, columns] of a value that both sides have in one order, and their strides.
DequantizeShape dequantize_shape(const LowerContext& context) {
  const Shape& x = context.inputs[0].shape;
  DequantizeShape shape;
  shape.x_stride = context.input_places[0].pixel_stride;
  shape.y_stride = context.output_places[0].pixel_stride;
  shape.columns = shape.x_stride != 0 || shape.y_stride != 0 ? x[1] : x.element_count();
  shape.rows = x.element_count() / shape.columns;
  return shape;
}

}  // namespace

PlacementSupport quantize_placements(const LowerContext&) {
  return {.plain_input = true, .strided_inputs = true, .strided_output = true};
}

PlacementSupport strided_placements(const LowerContext&) {
  return {.plain_input = false, .strided_inputs = true, .strided_output = true};
}

Result<Step> lower_quantize_linear(LowerContext& context) {
  const DType type = context.outputs[0].dtype;
  if (!is_float_input(context, 0)) return refuse_lowering("not float");
  if (type != DType::kU8 && type != DType::kI8) return refuse_lowering("the result is not 8-bit");
  const auto to = constant_scale(context, 1, 2);
  if (!to) return refuse_lowering("there is no one constant scale");
  QuantizeShape shape = quantize_shape(context);
  shape.is_signed = type == DType::kI8;
  return kernel_step(select_quantize(shape, context.isa), shape,
                     [to = *to](const StepArguments& arguments) {
                       return QuantizeArguments{.x = float_input(arguments, 0),
                                                .y = arguments.outputs[0],
                                                .scale = to.scale,
                                                .zero = to.zero};
                     });
}

Result<Step> lower_dequantize_linear(LowerContext& context) {
  const DType type = context.inputs[0].dtype;
  if (type != DType::kU8 && type != DType::kI8) return refuse_lowering("the data are not 8-bit");
  if (context.outputs[0].dtype != DType::kF32) return refuse_lowering("the result is not float");
  const auto from = constant_scale(context, 1, 2);
  if (!from) return refuse_lowering("there is no one constant scale");
  DequantizeShape shape = dequantize_shape(context);
  shape.is_signed = type == DType::kI8;
  return kernel_step(select_dequantize(shape, context.isa), shape,
                     [from = *from](const StepArguments& arguments) {
                       return DequantizeArguments{.x = arguments.inputs[0],
                                                  .y = float_output(arguments, 0),
                                                  .scale = from.scale,
                                                  .zero = from.zero};
                     });
}

Result<Step> lower_dynamic_range(LowerContext& context) {
  LODE_TRY(const RangeShape shape, range_shape(context.node, context.inputs[0].shape));
  return kernel_step(select_range(shape, context.isa), shape, [](const StepArguments& arguments) {
    return RangeArguments{.x = float_input(arguments, 0), .ranges = float_output(arguments, 0)};
  });
}

Result<Step> lower_dynamic_quantize(LowerContext& context) {
  const Shape& ranges = context.inputs[1].shape;
  QuantizeShape shape = quantize_shape(context);
  shape.ranges = ranges[0];
  shape.pieces = ranges[1];
  Step step =
      kernel_step(select_quantize(shape, context.isa), shape, [](const StepArguments& arguments) {
        return QuantizeArguments{.x = float_input(arguments, 0),
                                 .y = arguments.outputs[0],
                                 .ranges = float_input(arguments, 1),
                                 .scales = float_output(arguments, 1),
                                 .zeros = byte_output(arguments, 2)};
      });
  if (shape.ranges == shape.samples) return step;
  // One range for all: the task that has written it down repeats it for the other images.
  step.run = [run = std::move(step.run), samples = shape.samples](const StepArguments& arguments,
                                                                  std::int64_t task) {
    run(arguments, task);
    if (task != 0) return;
    float* scales = float_output(arguments, 1);
    std::uint8_t* zeros = byte_output(arguments, 2);
    std::fill_n(scales + 1, samples - 1, scales[0]);
    std::fill_n(zeros + 1, samples - 1, zeros[0]);
  };
  return step;
}

}  // namespace lode::engine
