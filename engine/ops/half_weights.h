// Weights in IEEE half beside data in f32. A Conv, Gemm or MatMul with the attribute
// `lode_half_weights` = 1 reads f32 data and an f16 constant as its input 1: the weights count as
// the floats that they are when widened, sums are float. ONNX has no such operator; in a file the
// same is an f16 initialiser behind a Cast to f32.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "engine/ops/operator.h"

namespace lode::engine {

inline constexpr std::string_view kHalfWeightsAttribute = "lode_half_weights";
inline constexpr std::size_t kWeightInput = 1;

/// The node is one of the three and has the attribute. Errors name a bad attribute.
[[nodiscard]] Result<bool> has_half_weights(const Node& node);

/// All inputs have the type of input 0, but f16 weights beside f32 data where the node says so.
[[nodiscard]] Status check_weighted_types(const InferContext& context);

/// The context of a reference with float weights in the place of half ones: references then need
/// not know of them.
class WidenedContext {
 public:
  explicit WidenedContext(const ReferenceContext& context);
  WidenedContext(const WidenedContext&) = delete;
  WidenedContext& operator=(const WidenedContext&) = delete;

  [[nodiscard]] const ReferenceContext& get() const { return context_; }

 private:
  [[nodiscard]] std::span<const TensorView> widen_weights(std::span<const TensorView> inputs);

  static constexpr std::size_t kInputsMax = 6;
  std::unique_ptr<float[]> weights_;
  std::array<TensorView, kInputsMax> inputs_{};
  ReferenceContext context_;
};

/// Constant weights as floats while they are packed: in place, or one layer's widened copy.
class FloatWeights {
 public:
  explicit FloatWeights(const Tensor& weights);
  [[nodiscard]] const float* data() const { return data_; }
  [[nodiscard]] std::span<const float> values() const { return {data_, count_}; }

 private:
  std::unique_ptr<float[]> widened_;
  const float* data_;
  std::size_t count_;
};

}  // namespace lode::engine
