// The step from a value in units of the output's scale to the output's byte, with the activation on
// the way: what every integer kernel reproduces bit by bit. One IEEE operation a step.
#pragma once

#include <cstdint>

#include "engine/kernels/activation.h"

namespace lode::engine {

/// How a value v, real / scale, becomes a byte.
struct Requantisation {
  Activation activation;  ///< None where the bounds are all of it
  float scale = 1.0F;     ///< of the output
  float inverse = 1.0F;   ///< 1 / scale, rounded
  std::int32_t zero = 0;
  float low = 0.0F;  ///< bounds on v, within [-zero, 255 - zero]
  float high = 255.0F;
};

[[nodiscard, gnu::always_inline]] inline float clamped(float value, float low, float high) {
  value = value > low ? value : low;  // low for a NaN
  return value < high ? value : high;
}

/// Relu and Clip become bounds. Sigmoid and SiLU are not taken.
[[nodiscard, gnu::always_inline]] inline Requantisation requantisation(const Activation& activation,
                                                                       float scale,
                                                                       std::int32_t zero) {
  Requantisation result;
  result.activation = activation;
  result.scale = scale;
  result.inverse = 1.0F / scale;
  result.zero = zero;
  const float lowest = 0.0F - static_cast<float>(zero);
  const float highest = 255.0F - static_cast<float>(zero);
  result.low = lowest;
  result.high = highest;
  if (activation.kind == ActivationKind::kRelu) result.low = 0.0F;
  if (activation.kind == ActivationKind::kClip) {
    result.low = clamped(activation.alpha / scale, lowest, highest);
    result.high = clamped(activation.beta / scale, lowest, highest);
  }
  if (activation.kind == ActivationKind::kRelu || activation.kind == ActivationKind::kClip) {
    result.activation.kind = ActivationKind::kNone;
  }
  return result;
}

/// The nearest integer, half to even, for |value| < 2^22.
[[nodiscard, gnu::always_inline]] inline std::int32_t nearest_even(float value) {
  constexpr float kUnitInTheLastPlace = 12582912.0F;  // 1.5 * 2^23
  return static_cast<std::int32_t>((value + kUnitInTheLastPlace) - kUnitInTheLastPlace);
}

[[nodiscard, gnu::always_inline]] inline std::uint8_t requantised(const Requantisation& to,
                                                                  float v) {
  const ActivationKind kind = to.activation.kind;
  if (kind == ActivationKind::kLeakyRelu) {
    v = apply_activation(to.activation, v);
  } else if (kind != ActivationKind::kNone) {
    v = apply_activation(to.activation, v * to.scale) * to.inverse;
  }
  return static_cast<std::uint8_t>(nearest_even(clamped(v, to.low, to.high)) + to.zero);
}

}  // namespace lode::engine
