// Scales and zero points: what operators on quantised values check of them, and how they read them.
// A quantised value q stands for the real number (q - zero point) * scale.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "engine/kernels/qconv/requantise.h"
#include "engine/ops/checks.h"

namespace lode::engine {

/// The operator set of com.microsoft.
inline constexpr std::string_view kMicrosoftDomain = "com.microsoft";
inline constexpr std::int64_t kMicrosoftOpset = 1;

/// Operators that only passes make; no file may hold one.
inline constexpr std::string_view kOwnDomain = "lode";
inline constexpr std::int64_t kOwnOpset = 1;

/// What quantised activations and weights are made of.
inline constexpr TypeSet kByteTypes = types({DType::kU8, DType::kI8});
/// What accumulators, and biases in their units, are made of.
inline constexpr TypeSet kAccumulatorTypes = types({DType::kI32});

/// Positions of a quantised operand among a node's inputs.
struct OperandInputs {
  std::size_t data = 0;
  std::size_t scale = 1;
  std::size_t zero_point = 2;
};

/// The node has an input `index` that is not omitted.
[[nodiscard]] inline bool has_input(const Node& node, std::size_t index) {
  return index < node.inputs.size() && node.inputs[index] != kNoValue;
}

/// Input `index` is a scale: f32, one for all elements (rank 0 or [1]) or, if `channels` > 1, also
/// [channels]. Elements that are known are positive and finite.
[[nodiscard]] Status check_scale(const InferContext& context, std::size_t index,
                                 std::int64_t channels = 1);

/// Input `index`, if present, is a zero point: of `type`, one or `channels`, as a scale.
[[nodiscard]] Status check_zero_point(const InferContext& context, std::size_t index, DType type,
                                      std::int64_t channels = 1);

/// Elements of 8 bits with their scale and, if it is there, zero point.
[[nodiscard]] Status check_operand(const InferContext& context, OperandInputs operand,
                                   std::int64_t channels = 1);

/// The fused activation of a node whose result is quantised: neither Sigmoid nor SiLU, which are
/// tables of their own there.
[[nodiscard]] Result<Activation> fused_byte_activation(const Node& node);

/// Scale and zero point of an output of 8 bits, at these inputs. Returns its type, the zero
/// point's.
[[nodiscard]] Result<DType> check_output_quantisation(const InferContext& context,
                                                      std::size_t scale, std::size_t zero_point);

/// Input `index`, if present, is a bias in the accumulator's units: i32 [channels].
[[nodiscard]] Status check_accumulator_bias(const InferContext& context, std::size_t index,
                                            std::int64_t channels);

/// a + b modulo 2^32.
[[nodiscard]] inline std::int32_t wrapping_add(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}

/// Scale and zero point of each channel, from an operator's inputs.
class Quantisation {
 public:
  /// Reads the inputs at these positions; an omitted zero point is 0, an omitted scale 1.
  Quantisation(std::span<const TensorView> inputs, std::size_t scale, std::size_t zero_point);

  /// `channel` is ignored where one scale (zero point) serves all.
  [[nodiscard]] float scale(std::int64_t channel = 0) const;
  [[nodiscard]] std::int32_t zero_point(std::int64_t channel = 0) const;

 private:
  TensorView scale_;
  TensorView zero_point_;
};

/// The integer `index` of a tensor of u8, s8, u16, s16 or s32.
[[nodiscard]] std::int32_t small_integer_at(const TensorView& view, std::int64_t index);

/// The float `index` of a tensor of f32, f16 or bf16.
[[nodiscard]] float small_float_at(const TensorView& view, std::int64_t index);

/// `value`, in units of the scale, as a quantised number: rounded half to even, zero point added,
/// saturated. A NaN becomes the least number.
template <typename Q>
[[nodiscard]] Q saturate_quantised(float value, std::int32_t zero_point) {
  const float low = static_cast<float>(std::numeric_limits<Q>::min() - zero_point);
  const float high = static_cast<float>(std::numeric_limits<Q>::max() - zero_point);
  const float bounded = value > low ? (value < high ? value : high) : low;
  return static_cast<Q>(static_cast<std::int32_t>(std::nearbyint(bounded)) + zero_point);
}

/// QuantizeLinear of one element: a division, as ONNX defines it (a reciprocal differs by one).
template <typename Q>
[[nodiscard]] Q quantise(float x, float scale, std::int32_t zero_point) {
  return saturate_quantised<Q>(x / scale, zero_point);
}

/// What maps numbers between `low` and `high` onto u8: both bounds are extended to 0 first, and a
/// range of one point has scale 1 (DynamicQuantizeLinear).
struct DynamicRange {
  float scale = 1.0F;
  std::int32_t zero_point = 0;
};
[[nodiscard]] DynamicRange dynamic_range(float low, float high);

/// The result of an operator on quantised values as bytes of its type. The formula is that of the
/// kernels (kernels/qconv/requantise.h), which know u8 alone: s8 is u8 less 128, zero point
/// included.
class ByteOutput {
 public:
  /// `activation` is neither Sigmoid nor SiLU.
  ByteOutput(const MutableTensorView& output, const Quantisation& quantisation,
             const Activation& activation = {})
      : bytes_(reinterpret_cast<std::uint8_t*>(output.data)),
        flip_(output.dtype == DType::kI8 ? 128 : 0),
        to_(requantisation(activation, quantisation.scale(), quantisation.zero_point() + flip_)) {}

  /// Element `index` from a value in units of the output's scale.
  void set(std::int64_t index, float value) {
    bytes_[index] = static_cast<std::uint8_t>(requantised(to_, value) ^ flip_);
  }

 private:
  std::uint8_t* bytes_;
  std::int32_t flip_;
  Requantisation to_;
};

/// Calls visitor.operator()<T>() with the T of an 8-bit type.
template <typename Visitor>
decltype(auto) visit_byte(DType type, Visitor&& visitor) {
  LODE_ASSERT((types({type}) & kByteTypes) != 0);
  if (type == DType::kU8) return visitor.template operator()<std::uint8_t>();
  return visitor.template operator()<std::int8_t>();
}

}  // namespace lode::engine
