// Quotients of a quantisation by two multiplications, where they round to the same integers as a
// true division, which takes longer than all else that is done to an element.
//
// With u = 2^-24, nearest + rest = (1 / scale)(1 + e) with |e| < 1.1 u^2, and
// fma(x, nearest, x * rest) is z = (x / scale)(1 + d), rounded, with |d| < 2.2 u^2. As integers, z
// and the quotient differ only where a midpoint m between a half integer and one of its neighbours
// in float lies between x / scale and z. Let X, S < 2^24 and M <= 2^25 be the significands of x,
// scale and m as integers: |X 2^t - S M| <= 2.2 u^2 S M < 5 for some t > 16. Half integers within
// 255 of 0 have nine bits, so M is a multiple of 2^16 plus or minus 1, and S would have to lie
// within 5 of a multiple of 2^16. Where it does, for one scale in four thousand, `serves` is false;
// so it is where something could overflow or vanish.
#pragma once

#include <cstdint>

namespace lode::engine {

/// 1 / scale as the sum of two floats.
struct SplitInverse {
  float nearest = 0.0F;
  float rest = 0.0F;
  /// nearest integer(x * nearest + x * rest) is nearest integer(x / scale) for |x| <= 255 scale.
  bool serves = false;
};

[[nodiscard, gnu::always_inline]] inline SplitInverse split_inverse(float scale) {
  constexpr std::uint32_t kNear = 8;
  constexpr std::uint32_t kPeriod = 1U << 16;
  SplitInverse result;
  const std::uint32_t significand = __builtin_bit_cast(std::uint32_t, scale);
  result.serves =
      scale > 0x1p-60F && scale < 0x1p60F && (significand + kNear) % kPeriod > 2 * kNear;
  if (!result.serves) return result;
  const double inverse = 1.0 / static_cast<double>(scale);
  result.nearest = static_cast<float>(inverse);
  result.rest = static_cast<float>(inverse - static_cast<double>(result.nearest));
  return result;
}

}  // namespace lode::engine
