// The constants that packed weights begin with, and the factor of a channel: what every variant
// packs alike.
#pragma once

#include <cstdint>
#include <cstring>

#include "engine/kernels/qconv/byte_sum.h"
#include "engine/kernels/qconv/qconv.h"

namespace lode::engine {

/// At the head of the packed weights, in kConstantFloats floats.
struct QConstants {
  std::int32_t x_zero = 0;
  float y_scale = 1.0F;  ///< of the bytes that are stored: the sum's where adds_bytes
  std::int32_t y_zero = 0;
  ByteSum residual;
  /// Sums times any factor, with any residual, fit int32.
  std::int32_t is_small = 0;
};

inline constexpr std::int64_t kConstantFloats = 16;
static_assert(sizeof(QConstants) <= kConstantFloats * sizeof(float));

inline void write_constants(const QConstants& constants, float* packed) {
  std::memcpy(static_cast<void*>(packed), &constants, sizeof(constants));
}
[[nodiscard, gnu::always_inline]] inline QConstants read_constants(const float* packed) {
  QConstants constants;
  __builtin_memcpy(static_cast<void*>(&constants), packed, sizeof(constants));
  return constants;
}

/// What float(sum) is multiplied by: u8: the whole factor; float: that of the scales; dynamic: the
/// weights' scale alone.
[[nodiscard, gnu::always_inline]] inline float factor_of(const QConvShape& shape,
                                                         const QConvWeights& weights,
                                                         std::int64_t c) {
  if (shape.is_dynamic) return weights.scales[c];
  const float factor = weights.x_scale * weights.scales[c];
  return shape.output == QOutput::kUint8 ? factor / weights.y_scale : factor;
}

[[nodiscard, gnu::always_inline]] inline QConstants constants_of(const QConvShape& shape,
                                                                 const QConvWeights& weights) {
  QConstants constants;
  constants.x_zero = shape.is_dynamic ? 0 : weights.x_zero;
  constants.y_scale = shape.adds_bytes ? weights.sum_scale : weights.y_scale;
  constants.y_zero = shape.adds_bytes ? weights.sum_zero : weights.y_zero;
  ByteSum& residual = constants.residual;
  residual.factor = weights.residual_scale / constants.y_scale;
  residual.zero = weights.residual_zero;
  residual.rounds_first = shape.adds_bytes ? 1 : 0;
  residual.own_factor = weights.y_scale / constants.y_scale;
  residual.own_low = 0.0F - static_cast<float>(weights.y_zero);
  residual.own_high = 255.0F - static_cast<float>(weights.y_zero);
  bool is_small = shape.output == QOutput::kUint8 && residual.factor <= 0x1p20F &&
                  residual.own_factor <= 0x1p20F;
  for (std::int64_t c = 0; c < shape.out_c; ++c) {
    is_small = is_small && factor_of(shape, weights, c) <= 0.5F;
  }
  constants.is_small = is_small ? 1 : 0;
  return constants;
}

/// Weights and zero points as s8: u8 ones are moved by 128 both.
[[nodiscard, gnu::always_inline]] inline std::int32_t signed_weight(const QConvWeights& weights,
                                                                    std::int64_t at) {
  if (!weights.is_unsigned) return weights.oihw[at];
  return static_cast<std::int32_t>(static_cast<std::uint8_t>(weights.oihw[at])) - 128;
}
[[nodiscard, gnu::always_inline]] inline std::int32_t signed_zero(const QConvWeights& weights,
                                                                  std::int64_t c) {
  const std::int32_t zero = weights.zeros != nullptr ? weights.zeros[c] : 0;
  return weights.is_unsigned ? zero - 128 : zero;
}

}  // namespace lode::engine
