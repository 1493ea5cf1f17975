// ConvInteger and QLinearConv: convolutions of 8-bit integers.
#include "engine/ops/element.h"
#include "engine/ops/integer_conv.h"

namespace lode::engine {
namespace {

// Inputs of ConvInteger, which knows no scales.
constexpr OperandInputs kIntegerInput{.data = 0, .scale = kVariadic, .zero_point = 2};
constexpr OperandInputs kIntegerWeight{.data = 1, .scale = kVariadic, .zero_point = 3};

// Inputs of QLinearConv.
constexpr OperandInputs kInput{.data = 0, .scale = 1, .zero_point = 2};
constexpr OperandInputs kWeight{.data = 3, .scale = 4, .zero_point = 5};
constexpr std::size_t kOutputScale = 6;
constexpr std::size_t kOutputZeroPoint = 7;
constexpr std::size_t kBias = 8;

Status check_conv_integer(const Node& node) {
  return check_signature(
      node, {.min_inputs = 2, .max_inputs = 4},
      {{"auto_pad"}, {"dilations"}, {"group"}, {"kernel_shape"}, {"pads"}, {"strides"}});
}

Status infer_conv_integer(InferContext& context) {
  LODE_TRY(const Window window, check_integer_convolution(context, 0, 1));
  const std::int64_t channels = context.inputs[1].shape[0];
  LODE_CHECK_OK(check_zero_point(context, kIntegerInput.zero_point, context.inputs[0].dtype));
  LODE_CHECK_OK(
      check_zero_point(context, kIntegerWeight.zero_point, context.inputs[1].dtype, channels));
  return set_output(context, DType::kI32,
                    window_output_shape(window, context.inputs[0].shape[0], channels));
}

Status run_conv_integer(const ReferenceContext& context) {
  LODE_TRY(const IntegerConvolution convolution,
           read_integer_convolution(context, kIntegerInput, kIntegerWeight));
  std::int32_t* result = elements<std::int32_t>(context.outputs[0]);
  for_each_sum(convolution, [result](std::int64_t, std::int64_t, std::int64_t index,
                                     std::int32_t sum) { result[index] = sum; });
  return {};
}

Status check_qlinear_conv(const Node& node) {
  return check_signature(
      node, {.min_inputs = 8, .max_inputs = 9},
      {{"auto_pad"}, {"dilations"}, {"group"}, {"kernel_shape"}, {"pads"}, {"strides"}});
}

Status infer_qlinear_conv(InferContext& context) {
  LODE_TRY(const Window window, check_integer_convolution(context, kInput.data, kWeight.data));
  const std::int64_t channels = context.inputs[kWeight.data].shape[0];
  LODE_CHECK_OK(check_operand(context, kInput));
  LODE_CHECK_OK(check_operand(context, kWeight, channels));
  LODE_CHECK_OK(check_scale(context, kOutputScale));
  LODE_CHECK_OK(check_type(context, kOutputZeroPoint, kByteTypes));
  const DType type = context.inputs[kOutputZeroPoint].dtype;
  LODE_CHECK_OK(check_zero_point(context, kOutputZeroPoint, type));
  LODE_CHECK_OK(check_accumulator_bias(context, kBias, channels));
  return set_output(context, type,
                    window_output_shape(window, context.inputs[0].shape[0], channels));
}

Status run_qlinear_conv(const ReferenceContext& context) {
  LODE_TRY(const IntegerConvolution convolution,
           read_integer_convolution(context, kInput, kWeight));
  const Quantisation output(context.inputs, kOutputScale, kOutputZeroPoint);
  const std::int32_t* bias = optional_elements<std::int32_t>(context.inputs, kBias);
  visit_byte(context.outputs[0].dtype, [&]<typename Q>() {
    Q* result = elements<Q>(context.outputs[0]);
    for_each_sum(convolution, [&](std::int64_t, std::int64_t channel, std::int64_t index,
                                  std::int32_t sum) {
      const float factor =
          convolution.images.scale() * convolution.filters.scale(channel) / output.scale();
      if (bias != nullptr) sum = wrapping_add(sum, bias[channel]);
      result[index] = saturate_quantised<Q>(static_cast<float>(sum) * factor, output.zero_point());
    });
  });
  return {};
}

}  // namespace

OperatorDef conv_integer_operator() {
  return {.op_type = "ConvInteger",
          .opset_min = 10,
          .opset_max = kLatestOpset,
          .check = check_conv_integer,
          .infer = infer_conv_integer,
          .reference = run_conv_integer};
}

OperatorDef qlinear_conv_operator() {
  return {.op_type = "QLinearConv",
          .opset_min = 10,
          .opset_max = kLatestOpset,
          .check = check_qlinear_conv,
          .infer = infer_qlinear_conv,
          .reference = run_qlinear_conv};
}

}  // namespace lode::engine
