// Eight floats in an AVX2 register: masked loads and stores, arithmetic with a stated fate of NaN,
// and the fused activations (simd_math.h). For *_avx2.cc files only, inside their
// #if defined(__x86_64__). Everything is inlined by force: a file with -m flags must not emit a
// copy of an inline function.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "engine/kernels/simd_math.h"

namespace lode::engine {

/// The mask of the first `count` lanes, 0 <= count <= 8: all ones in them, zeros elsewhere.
[[nodiscard, gnu::always_inline]] inline __m256i tail_mask8(std::int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

struct F32x8 {
  static constexpr std::int64_t kLanes = 8;
  static constexpr int kRegisters = 16;
  using Mask = __m256i;

  __m256 lanes;

  [[nodiscard, gnu::always_inline]] static Mask first(std::int64_t count) {
    return tail_mask8(count);
  }
  [[nodiscard, gnu::always_inline]] static F32x8 zero() { return {_mm256_setzero_ps()}; }
  [[nodiscard, gnu::always_inline]] static F32x8 broadcast(float value) {
    return {_mm256_set1_ps(value)};
  }
  [[nodiscard, gnu::always_inline]] static F32x8 load(const float* from) {
    return {_mm256_loadu_ps(from)};
  }
  /// IEEE halves, widened.
  [[nodiscard, gnu::always_inline]] static F32x8 load(const std::uint16_t* from) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)))};
  }
  /// Zeros in the lanes outside the mask, whose memory is not touched.
  [[nodiscard, gnu::always_inline]] static F32x8 load(const float* from, Mask mask) {
    return {_mm256_maskload_ps(from, mask)};
  }
  /// `otherwise` in the lanes outside the mask.
  [[nodiscard, gnu::always_inline]] static F32x8 load_or(const float* from, Mask mask,
                                                         F32x8 otherwise) {
    return {_mm256_blendv_ps(otherwise.lanes, _mm256_maskload_ps(from, mask),
                             _mm256_castsi256_ps(mask))};
  }
  /// Four by four, `step` floats apart.
  [[nodiscard, gnu::always_inline]] static F32x8 load_quads(const float* from, std::int64_t step) {
    return {_mm256_loadu2_m128(from + step, from)};
  }
  [[gnu::always_inline]] void store(float* to) const { _mm256_storeu_ps(to, lanes); }
  [[gnu::always_inline]] void store(float* to, Mask mask) const {
    _mm256_maskstore_ps(to, mask, lanes);
  }
};

/// Makes the compiler load `a` once and hold it, rather than load it again for every use.
[[gnu::always_inline]] inline void hold_in_register(F32x8& a) {
  __asm__("" : "+v"(a.lanes));
}

[[nodiscard, gnu::always_inline]] inline F32x8 add(F32x8 a, F32x8 b) {
  return {_mm256_add_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x8 subtract(F32x8 a, F32x8 b) {
  return {_mm256_sub_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x8 multiply(F32x8 a, F32x8 b) {
  return {_mm256_mul_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x8 divide(F32x8 a, F32x8 b) {
  return {_mm256_div_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x8 square_root(F32x8 a) {
  return {_mm256_sqrt_ps(a.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x8 negate(F32x8 a) {
  return {_mm256_xor_ps(a.lanes, _mm256_set1_ps(-0.0F))};
}
/// a * b + c, rounded once.
[[nodiscard, gnu::always_inline]] inline F32x8 multiply_add(F32x8 a, F32x8 b, F32x8 c) {
  return {_mm256_fmadd_ps(a.lanes, b.lanes, c.lanes)};
}
/// c - a * b, rounded once.
[[nodiscard, gnu::always_inline]] inline F32x8 negative_multiply_add(F32x8 a, F32x8 b, F32x8 c) {
  return {_mm256_fnmadd_ps(a.lanes, b.lanes, c.lanes)};
}
/// max(a, low) and min(a, high); NaN where `a` is: the instruction returns its second operand then.
[[nodiscard, gnu::always_inline]] inline F32x8 at_least(F32x8 a, F32x8 low) {
  return {_mm256_max_ps(low.lanes, a.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x8 at_most(F32x8 a, F32x8 high) {
  return {_mm256_min_ps(high.lanes, a.lanes)};
}
/// The greater one; NaN where either is.
[[nodiscard, gnu::always_inline]] inline F32x8 maximum_or_nan(F32x8 a, F32x8 b) {
  const __m256 greater = _mm256_max_ps(a.lanes, b.lanes);
  return {_mm256_blendv_ps(greater, a.lanes, _mm256_cmp_ps(a.lanes, a.lanes, _CMP_UNORD_Q))};
}
/// `then` where x < 0, `otherwise` elsewhere and where x is NaN.
[[nodiscard, gnu::always_inline]] inline F32x8 where_negative(F32x8 x, F32x8 then,
                                                              F32x8 otherwise) {
  const __m256 negative = _mm256_cmp_ps(x.lanes, _mm256_setzero_ps(), _CMP_LT_OQ);
  return {_mm256_blendv_ps(otherwise.lanes, then.lanes, negative)};
}
/// To the nearest integer, half to even.
[[nodiscard, gnu::always_inline]] inline F32x8 round_to_integer(F32x8 a) {
  return {_mm256_round_ps(a.lanes, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
/// 2^n for an integer n in [-126, 127].
[[nodiscard, gnu::always_inline]] inline __m256 power_of_two(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
/// a * 2^n for an integer n in [-151, 129], gradually below the normal range: by two factors, since
/// 2^n itself may be no float.
[[nodiscard, gnu::always_inline]] inline F32x8 scale_by_power_of_two(F32x8 a, F32x8 n) {
  const __m256i whole = _mm256_cvtps_epi32(n.lanes);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  const __m256i rest = _mm256_sub_epi32(whole, half);
  return {_mm256_mul_ps(_mm256_mul_ps(a.lanes, power_of_two(half)), power_of_two(rest))};
}
[[nodiscard, gnu::always_inline]] inline float sum_of_lanes(F32x8 a) {
  // By halves, in an order of its own choosing that never changes.
  const __m128 four =
      _mm_add_ps(_mm256_castps256_ps128(a.lanes), _mm256_extractf128_ps(a.lanes, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
[[nodiscard, gnu::always_inline]] inline float greatest_lane(F32x8 a) {
  const __m128 four =
      _mm_max_ps(_mm256_castps256_ps128(a.lanes), _mm256_extractf128_ps(a.lanes, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/// An 8x8 matrix, a row a vector, to its transpose: by pairs and quadruples of elements, then of
/// halves of registers.
[[gnu::always_inline]] inline void transpose(F32x8 (&rows)[8]) {
  __m256 pairs[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(rows[i].lanes, rows[i + 1].lanes);
    pairs[i + 1] = _mm256_unpackhi_ps(rows[i].lanes, rows[i + 1].lanes);
  }
  // fours[4 g + j]: column 4 h + j of rows 4 g to 4 g + 3 in each half h.
  __m256 fours[8];
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
    fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xEE);
    fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
    fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    rows[j].lanes = _mm256_permute2f128_ps(fours[j], fours[4 + j], 0x20);
    rows[4 + j].lanes = _mm256_permute2f128_ps(fours[j], fours[4 + j], 0x31);
  }
}

/// apply_activation() on a register, for a kind known at compile time.
template <ActivationKind kKind>
[[nodiscard, gnu::always_inline]] inline __m256 activate(const Activation& activation, __m256 x) {
  return activate_vector<kKind>(activation, F32x8{x}).lanes;
}

/// apply_activation() on a register.
[[nodiscard, gnu::always_inline]] inline __m256 activate(const Activation& activation, __m256 x) {
  return activate_vector(activation, F32x8{x}).lanes;
}

}  // namespace lode::engine
