#include "engine/ops/quantization.h"

#include <algorithm>

#include "engine/ops/activation.h"
#include "engine/ops/element.h"

namespace lode::engine {
namespace {

bool is_omitted(const InferContext& context, std::size_t index) {
  return index >= context.inputs.size() || !context.inputs[index].present;
}

// One for all, or one for each of `channels`.
Status check_parameter_shape(const InferContext& context, std::size_t index, std::string_view what,
                             std::int64_t channels) {
  const Shape& shape = context.inputs[index].shape;
  const bool fits =
      shape.rank() == 0 || (shape.rank() == 1 && (shape[0] == 1 || shape[0] == channels));
  if (fits) return {};
  if (channels == 1) {
    return node_error(context.node, "{} (input {}) has shape {}; one element is needed", what,
                      index, shape.to_string());
  }
  return node_error(context.node, "{} (input {}) has shape {}; one element or [{}] is needed", what,
                    index, shape.to_string(), channels);
}

Status check_scale_values(const InferContext& context, std::size_t index) {
  const Tensor* known = context.inputs[index].constant;
  if (known == nullptr || !known->has_elements()) return {};
  for (std::int64_t i = 0; i < known->element_count(); ++i) {
    const float scale = small_float_at(known->view(), i);
    if (scale > 0.0F && std::isfinite(scale)) continue;
    return node_error(context.node,
                      "scale (input {}) is {} at element {}; scales must be positive and finite: "
                      "quantise the model again with a floor under its scales",
                      index, scale, i);
  }
  return {};
}

}  // namespace

Status check_scale(const InferContext& context, std::size_t index, std::int64_t channels) {
  if (is_omitted(context, index)) {
    return node_error(context.node, "scale (input {}) is omitted, but needed", index);
  }
  LODE_CHECK_OK(check_type(context, index, kFloatTypes & ~types({DType::kF64})));
  LODE_CHECK_OK(check_parameter_shape(context, index, "scale", channels));
  return check_scale_values(context, index);
}

Status check_zero_point(const InferContext& context, std::size_t index, DType type,
                        std::int64_t channels) {
  if (is_omitted(context, index)) return {};
  const DType own = context.inputs[index].dtype;
  if (own != type) {
    return node_error(context.node, "zero point (input {}) has element type {}, but its data {}",
                      index, dtype_name(own), dtype_name(type));
  }
  return check_parameter_shape(context, index, "zero point", channels);
}

Status check_operand(const InferContext& context, OperandInputs operand, std::int64_t channels) {
  LODE_CHECK_OK(check_type(context, operand.data, kByteTypes));
  LODE_CHECK_OK(check_type(context, operand.scale, types({DType::kF32})));
  LODE_CHECK_OK(check_scale(context, operand.scale, channels));
  return check_zero_point(context, operand.zero_point, context.inputs[operand.data].dtype,
                          channels);
}

Result<Activation> fused_byte_activation(const Node& node) {
  LODE_TRY(const Activation activation, fused_activation(node));
  if (activation.kind != ActivationKind::kSigmoid && activation.kind != ActivationKind::kSilu) {
    return activation;
  }
  return node_error(node, "attribute 'lode_activation' does not go with a quantised result");
}

Result<DType> check_output_quantisation(const InferContext& context, std::size_t scale,
                                        std::size_t zero_point) {
  LODE_CHECK_OK(check_type(context, scale, types({DType::kF32})));
  LODE_CHECK_OK(check_scale(context, scale));
  if (is_omitted(context, zero_point)) return DType::kU8;
  LODE_CHECK_OK(check_type(context, zero_point, kByteTypes));
  const DType type = context.inputs[zero_point].dtype;
  LODE_CHECK_OK(check_zero_point(context, zero_point, type));
  return type;
}

Status check_accumulator_bias(const InferContext& context, std::size_t index,
                              std::int64_t channels) {
  if (is_omitted(context, index)) return {};
  LODE_CHECK_OK(check_type(context, index, kAccumulatorTypes));
  if (context.inputs[index].shape == Shape{channels}) return {};
  return node_error(context.node, "bias (input {}) has shape {}; [{}] is needed", index,
                    context.inputs[index].shape.to_string(), channels);
}

Quantisation::Quantisation(std::span<const TensorView> inputs, std::size_t scale,
                           std::size_t zero_point) {
  if (scale < inputs.size()) scale_ = inputs[scale];
  if (zero_point < inputs.size()) zero_point_ = inputs[zero_point];
}

float Quantisation::scale(std::int64_t channel) const {
  if (scale_.data == nullptr) return 1.0F;
  return small_float_at(scale_, scale_.element_count() == 1 ? 0 : channel);
}

std::int32_t Quantisation::zero_point(std::int64_t channel) const {
  if (zero_point_.data == nullptr) return 0;
  return small_integer_at(zero_point_, zero_point_.element_count() == 1 ? 0 : channel);
}

std::int32_t small_integer_at(const TensorView& view, std::int64_t index) {
  return visit_integer(view.dtype, [&]<typename T>() {
    LODE_ASSERT(sizeof(T) <= sizeof(std::int32_t));
    return static_cast<std::int32_t>(elements<T>(view)[index]);
  });
}

float small_float_at(const TensorView& view, std::int64_t index) {
  return visit_floating(view.dtype, [&]<typename T>() {
    return static_cast<float>(widen(elements<T>(view)[index]));
  });
}

DynamicRange dynamic_range(float low, float high) {
  low = std::min(low, 0.0F);
  high = std::max(high, 0.0F);
  DynamicRange range;
  if (high > low) range.scale = (high - low) / 255.0F;
  // The difference of two denormals, divided: nothing then is told apart from 0.
  if (range.scale == 0.0F) range.scale = 1.0F;
  range.zero_point = saturate_quantised<std::uint8_t>(-low / range.scale, 0);
  return range;
}

}  // namespace lode::engine
