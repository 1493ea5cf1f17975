// The fused activations and the exponential on a vector type: F32x16 (simd_avx512.h) or F32x8
// (simd_avx2.h), which include this header. For files with -m flags: everything is inlined by
// force and nothing comes from a library.
#pragma once

#include <cstdint>

#include "engine/kernels/activation.h"

namespace lode::engine {

[[nodiscard, gnu::always_inline]] constexpr std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}

/// e^x; 0 below about -104, infinite above about 88.7, NaN for NaN. Off by at most 2 units in the
/// last place where the result is normal.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r), where q of degree 4 is the minimax
/// fit of the relative error (3e-9; by the Remez exchange).
template <typename V>
[[nodiscard, gnu::always_inline]] inline V exponential(V x) {
  x = at_most(at_least(x, V::broadcast(-104.0F)), V::broadcast(89.0F));
  const V n = round_to_integer(multiply(x, V::broadcast(0x1.715476p+0F)));  // x / ln 2
  V r = negative_multiply_add(n, V::broadcast(0x1.62e430p-1F), x);          // ln 2 in two parts
  r = negative_multiply_add(n, V::broadcast(-0x1.05c610p-29F), r);
  V q = V::broadcast(0x1.6a241ep-10F);
  q = multiply_add(q, r, V::broadcast(0x1.1239f2p-7F));
  q = multiply_add(q, r, V::broadcast(0x1.5558f2p-5F));
  q = multiply_add(q, r, V::broadcast(0x1.555492p-3F));
  q = multiply_add(q, r, V::broadcast(0x1.fffffcp-2F));
  const V exponential_of_r = add(multiply_add(multiply(r, r), q, r), V::broadcast(1.0F));
  return scale_by_power_of_two(exponential_of_r, n);
}

/// 1 + e^-x: what Sigmoid divides 1 by, and SiLU x.
template <typename V>
[[nodiscard, gnu::always_inline]] inline V logistic_divisor(V x) {
  return add(V::broadcast(1.0F), exponential(negate(x)));
}

/// apply_activation() on a vector, for a kind known at compile time.
template <ActivationKind kKind, typename V>
[[nodiscard, gnu::always_inline]] inline V activate_vector(const Activation& activation, V x) {
  const V zero = V::zero();
  const V one = V::broadcast(1.0F);
  if constexpr (kKind == ActivationKind::kNone) {
    return x;
  } else if constexpr (kKind == ActivationKind::kRelu) {
    return at_least(x, zero);
  } else if constexpr (kKind == ActivationKind::kLeakyRelu) {
    return where_negative(x, multiply(x, V::broadcast(activation.alpha)), x);
  } else if constexpr (kKind == ActivationKind::kClip) {
    return at_most(at_least(x, V::broadcast(activation.alpha)), V::broadcast(activation.beta));
  } else if constexpr (kKind == ActivationKind::kSigmoid) {
    return divide(one, logistic_divisor(x));
  } else if constexpr (kKind == ActivationKind::kHardSigmoid) {
    const V line = multiply_add(x, V::broadcast(activation.alpha), V::broadcast(activation.beta));
    return at_least(at_most(line, one), zero);
  } else if constexpr (kKind == ActivationKind::kHardSwish) {
    const V line = multiply_add(x, V::broadcast(1.0F / 6.0F), V::broadcast(0.5F));
    return multiply(x, at_least(at_most(line, one), zero));
  } else {
    static_assert(kKind == ActivationKind::kSilu);
    return divide(x, logistic_divisor(x));
  }
}

/// Calls visit.template operator()<kind>() for the kind at hand: one branch around a loop instead
/// of one in it.
template <typename Visit>
[[gnu::always_inline]] inline void with_activation_kind(ActivationKind kind, const Visit& visit) {
  switch (kind) {
    case ActivationKind::kNone:
      return visit.template operator()<ActivationKind::kNone>();
    case ActivationKind::kRelu:
      return visit.template operator()<ActivationKind::kRelu>();
    case ActivationKind::kLeakyRelu:
      return visit.template operator()<ActivationKind::kLeakyRelu>();
    case ActivationKind::kClip:
      return visit.template operator()<ActivationKind::kClip>();
    case ActivationKind::kSigmoid:
      return visit.template operator()<ActivationKind::kSigmoid>();
    case ActivationKind::kHardSigmoid:
      return visit.template operator()<ActivationKind::kHardSigmoid>();
    case ActivationKind::kHardSwish:
      return visit.template operator()<ActivationKind::kHardSwish>();
    case ActivationKind::kSilu:
      return visit.template operator()<ActivationKind::kSilu>();
  }
}

/// apply_activation() on a tile of vectors in registers: one branch for all of them.
template <int kCount, typename V>
[[gnu::always_inline]] inline void activate_tile(const Activation& activation, V (&tile)[kCount]) {
  with_activation_kind(
      activation.kind, [&]<ActivationKind kKind>() __attribute__((always_inline)) {
#pragma GCC unroll 64
        for (int i = 0; i < kCount; ++i) tile[i] = activate_vector<kKind>(activation, tile[i]);
      });
}

/// apply_activation() on one vector.
template <typename V>
[[nodiscard, gnu::always_inline]] inline V activate_vector(const Activation& activation, V x) {
  V tile[1] = {x};
  activate_tile(activation, tile);
  return tile[0];
}

}  // namespace lode::engine
