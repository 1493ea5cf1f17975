// ConvInteger and QLinearConv: convolutions of 8-bit integers.
#include "engine/ops/activation.h"
#include "engine/ops/element.h"
#include "engine/ops/integer_conv.h"
#include "engine/ops/lowering.h"
#include "engine/ops/qlinear_inputs.h"

namespace lode::engine {
namespace {

// Inputs of ConvInteger, which knows no scales.
constexpr OperandInputs kIntegerInput{.data = 0, .scale = kVariadic, .zero_point = 2};
constexpr OperandInputs kIntegerWeight{.data = 1, .scale = kVariadic, .zero_point = 3};

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

bool has_float_output(const Node& node) {
  return node.attributes.contains(kFloatOutputAttribute);
}

Status check_qlinear_conv(const Node& node) {
  const bool is_float = has_float_output(node);
  LODE_CHECK_OK(check_signature(node, {.min_inputs = is_float ? 5U : 8U, .max_inputs = 14},
                                {{"auto_pad"},
                                 {"dilations"},
                                 {"group"},
                                 {"kernel_shape"},
                                 {"pads"},
                                 {"strides"},
                                 {"lode_activation"},
                                 {"lode_alpha"},
                                 {"lode_beta"},
                                 {"lode_residual"},
                                 {kFloatOutputAttribute}}));
  LODE_CHECK_OK(attribute_within(node, kFloatOutputAttribute, 1, 1, 1));
  LODE_CHECK_OK(is_float ? fused_activation(node) : fused_byte_activation(node));
  LODE_TRY(const bool has_residual, attribute_flag(node, "lode_residual", false));
  const bool has_sum = has_residual && !is_float &&
                       (has_input(node, kQConvSumScale) || has_input(node, kQConvSumZeroPoint));
  for (const auto& [index, wanted] :
       {std::pair(kQConvScale, !is_float), std::pair(kQConvZeroPoint, !is_float),
        std::pair(kQConvResidual.data, has_residual),
        std::pair(kQConvResidual.scale, has_residual && !is_float),
        std::pair(kQConvResidual.zero_point, has_residual && !is_float),
        std::pair(kQConvSumScale, has_sum), std::pair(kQConvSumZeroPoint, has_sum)}) {
    if (has_input(node, index) == wanted) continue;
    return node_error(node, "input {} is {}", index, wanted ? "missing" : "one too many");
  }
  return {};
}

Status check_residual(const InferContext& context, DType type, const Shape& output) {
  if (!has_input(context.node, kQConvResidual.data)) return {};
  const ValueInfo& residual = context.inputs[kQConvResidual.data];
  if (type != DType::kF32) LODE_CHECK_OK(check_operand(context, kQConvResidual));
  if (residual.dtype == type && residual.shape == output) return {};
  return node_error(context.node, "residual (input {}) is {}{}; {}{} is needed",
                    kQConvResidual.data, dtype_name(residual.dtype), residual.shape.to_string(),
                    dtype_name(type), output.to_string());
}

Status infer_qlinear_conv(InferContext& context) {
  LODE_TRY(const Window window,
           check_integer_convolution(context, kQConvInput.data, kQConvWeight.data));
  const std::int64_t channels = context.inputs[kQConvWeight.data].shape[0];
  LODE_CHECK_OK(check_operand(context, kQConvInput));
  LODE_CHECK_OK(check_operand(context, kQConvWeight, channels));
  LODE_CHECK_OK(check_accumulator_bias(context, kQConvBias, channels));
  DType type = DType::kF32;
  if (!has_float_output(context.node)) {
    LODE_TRY(type, check_output_quantisation(context, kQConvScale, kQConvZeroPoint));
  }
  if (has_input(context.node, kQConvSumScale)) {
    LODE_CHECK_OK(check_scale(context, kQConvSumScale));
    LODE_CHECK_OK(check_zero_point(context, kQConvSumZeroPoint, type));
  }
  const Shape output = window_output_shape(window, context.inputs[0].shape[0], channels);
  LODE_CHECK_OK(check_residual(context, type, output));
  return set_output(context, type, output);
}

// Calls visit(index, sum, real value of a unit of the sum) for each output.
template <typename Visit>
Status for_each_qconv(const ReferenceContext& context, Visit visit) {
  LODE_TRY(const IntegerConvolution convolution,
           read_integer_convolution(context, kQConvInput, kQConvWeight));
  const std::int32_t* bias = optional_elements<std::int32_t>(context.inputs, kQConvBias);
  for_each_sum(convolution,
               [&](std::int64_t, std::int64_t channel, std::int64_t index, std::int32_t sum) {
                 if (bias != nullptr) sum = wrapping_add(sum, bias[channel]);
                 visit(index, sum, convolution.images.scale() * convolution.filters.scale(channel));
               });
  return {};
}

/// To the bytes of a sum with a residual, if there is one.
Status run_to_bytes(const ReferenceContext& context, const Activation& activation) {
  const bool has_residual = has_input(context.node, kQConvResidual.data);
  const bool has_sum = has_input(context.node, kQConvSumScale);
  const Quantisation own(context.inputs, kQConvScale, kQConvZeroPoint);
  const Quantisation residual(context.inputs, kQConvResidual.scale, kQConvResidual.zero_point);
  const Quantisation sum(context.inputs, kQConvSumScale, kQConvSumZeroPoint);
  const Quantisation& output = has_sum ? sum : own;
  // Steps of the convolution's own scale, as they would be stored.
  const auto own_steps = [&](float value) {
    return visit_byte(context.outputs[0].dtype, [&]<typename Q>() {
      return saturate_quantised<Q>(value, own.zero_point()) - own.zero_point();
    });
  };
  const float own_factor = own.scale() / output.scale();
  const float residual_factor = residual.scale() / output.scale();
  ByteOutput result(context.outputs[0], output, activation);
  return for_each_qconv(context, [&](std::int64_t index, std::int32_t taps, float unit) {
    float value = static_cast<float>(taps) * (unit / own.scale());
    if (has_sum) value = static_cast<float>(own_steps(value)) * own_factor;
    if (has_residual) {
      const std::int32_t steps =
          small_integer_at(context.inputs[kQConvResidual.data], index) - residual.zero_point();
      value += static_cast<float>(steps) * residual_factor;
    }
    result.set(index, value);
  });
}

Status run_qlinear_conv(const ReferenceContext& context) {
  LODE_TRY(const Activation activation, fused_activation(context.node));
  if (!has_float_output(context.node)) return run_to_bytes(context, activation);
  const float* residual = optional_elements<float>(context.inputs, kQConvResidual.data);
  float* result = elements<float>(context.outputs[0]);
  return for_each_qconv(context, [&](std::int64_t index, std::int32_t sum, float unit) {
    float value = static_cast<float>(sum) * unit;
    if (residual != nullptr) value += residual[index];
    result[index] = apply_activation(activation, value);
  });
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
          .reference = run_qlinear_conv,
          .lower = lower_qlinear_conv,
          .layout = LayoutRule::kChannelsLast,
          .placements = qconv_placements,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
