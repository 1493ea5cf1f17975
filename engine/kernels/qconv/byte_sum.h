// A residual of bytes added to a convolution's value: what every variant does alike.
#pragma once

#include <cstdint>

#include "engine/kernels/qconv/requantise.h"

namespace lode::engine {

/// How the residual's byte meets the value, which is in units of the convolution's scale.
struct ByteSum {
  float factor = 0.0F;  ///< the residual's scale / that of the bytes that are stored
  std::int32_t zero = 0;
  /// Not 0: the value becomes a byte of the convolution's scale first, rounded within own_low and
  /// own_high, and is then multiplied by own_factor, that scale / the stored bytes'.
  std::int32_t rounds_first = 0;
  float own_factor = 1.0F;
  float own_low = 0.0F;
  float own_high = 255.0F;
};

/// The sum in units of the stored bytes' scale.
[[nodiscard, gnu::always_inline]] inline float with_residual(const ByteSum& sum, float v,
                                                             std::int32_t residual) {
  if (sum.rounds_first != 0) {
    v = static_cast<float>(nearest_even(clamped(v, sum.own_low, sum.own_high))) * sum.own_factor;
  }
  return v + static_cast<float>(residual - sum.zero) * sum.factor;
}

}  // namespace lode::engine
