#include "engine/ops/half_weights.h"

#include <algorithm>

#include "engine/ops/checks.h"

namespace lode::engine {

namespace {

std::unique_ptr<float[]> widened(const TensorView& halves) {
  const auto count = static_cast<std::size_t>(halves.element_count());
  auto floats = std::make_unique_for_overwrite<float[]>(count);
  const auto* from = reinterpret_cast<const std::uint16_t*>(halves.data);
  std::transform(from, from + count, floats.get(), f16_to_f32);
  return floats;
}

}  // namespace

Result<bool> has_half_weights(const Node& node) {
  return attribute_flag(node, kHalfWeightsAttribute, false);
}

Status check_weighted_types(const InferContext& context) {
  LODE_TRY(const bool half, has_half_weights(context.node));
  if (!half) return check_same_types(context);
  const DType data = context.inputs[0].dtype;
  const DType weights = context.inputs[kWeightInput].dtype;
  if (data != DType::kF32 || weights != DType::kF16) {
    return node_error(context.node,
                      "attribute '{}' is for f16 weights beside f32 data, not {} "
                      "beside {}",
                      kHalfWeightsAttribute, dtype_name(weights), dtype_name(data));
  }
  return check_same_types(context, kWeightInput + 1);
}

WidenedContext::WidenedContext(const ReferenceContext& context)
    : context_{context.node, widen_weights(context.inputs), context.outputs} {}

std::span<const TensorView> WidenedContext::widen_weights(std::span<const TensorView> inputs) {
  if (inputs[0].dtype != DType::kF32 || inputs[kWeightInput].dtype != DType::kF16) return inputs;
  LODE_ASSERT(inputs.size() <= kInputsMax);
  weights_ = widened(inputs[kWeightInput]);
  std::copy(inputs.begin(), inputs.end(), inputs_.begin());
  TensorView& weights = inputs_[kWeightInput];
  weights = {reinterpret_cast<const std::byte*>(weights_.get()), DType::kF32, weights.shape};
  return std::span(inputs_).first(inputs.size());
}

FloatWeights::FloatWeights(const Tensor& weights)
    : widened_(weights.dtype() == DType::kF16 ? widened(weights.view()) : nullptr),
      data_(widened_ != nullptr ? widened_.get() : weights.as<float>().data()),
      count_(static_cast<std::size_t>(weights.element_count())) {}

}  // namespace lode::engine
