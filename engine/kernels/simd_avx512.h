// Sixteen floats in an AVX-512 register: masked loads and stores, arithmetic with a stated fate of
// NaN, and the fused activations (simd_math.h). For *_avx512*.cc files only, inside their
// #if defined(__x86_64__). Everything is inlined by force: a file with -m flags must not emit a
// copy of an inline function.
#pragma once

// GCC 12 takes the deliberately undefined operand of its own intrinsics for a mistake.
#pragma GCC diagnostic push
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <cstdint>

#include "engine/kernels/simd_math.h"

namespace lode::engine {

/// The mask of the first `count` lanes, 0 <= count <= 16.
[[nodiscard, gnu::always_inline]] inline __mmask16 tail_mask16(std::int64_t count) {
  return static_cast<__mmask16>((1U << static_cast<unsigned>(count)) - 1U);
}

struct F32x16 {
  static constexpr std::int64_t kLanes = 16;
  static constexpr int kRegisters = 32;
  using Mask = __mmask16;

  __m512 lanes;

  [[nodiscard, gnu::always_inline]] static Mask first(std::int64_t count) {
    return tail_mask16(count);
  }
  [[nodiscard, gnu::always_inline]] static F32x16 zero() { return {_mm512_setzero_ps()}; }
  [[nodiscard, gnu::always_inline]] static F32x16 broadcast(float value) {
    return {_mm512_set1_ps(value)};
  }
  [[nodiscard, gnu::always_inline]] static F32x16 load(const float* from) {
    return {_mm512_loadu_ps(from)};
  }
  /// Zeros in the lanes outside the mask, whose memory is not touched.
  [[nodiscard, gnu::always_inline]] static F32x16 load(const float* from, Mask mask) {
    return {_mm512_maskz_loadu_ps(mask, from)};
  }
  /// IEEE halves, widened.
  [[nodiscard, gnu::always_inline]] static F32x16 load(const std::uint16_t* from) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)))};
  }
  /// `otherwise` in the lanes outside the mask.
  [[nodiscard, gnu::always_inline]] static F32x16 load_or(const float* from, Mask mask,
                                                          F32x16 otherwise) {
    return {_mm512_mask_loadu_ps(otherwise.lanes, mask, from)};
  }
  /// Four by four, `step` floats apart.
  [[nodiscard, gnu::always_inline]] static F32x16 load_quads(const float* from, std::int64_t step) {
    const __m256 low = _mm256_loadu2_m128(from + step, from);
    const __m256 high = _mm256_loadu2_m128(from + 3 * step, from + 2 * step);
    return {_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1)};
  }
  [[gnu::always_inline]] void store(float* to) const { _mm512_storeu_ps(to, lanes); }
  [[gnu::always_inline]] void store(float* to, Mask mask) const {
    _mm512_mask_storeu_ps(to, mask, lanes);
  }
};

/// Makes the compiler load `a` once and hold it, rather than load it again for every use.
[[gnu::always_inline]] inline void hold_in_register(F32x16& a) {
  __asm__("" : "+v"(a.lanes));
}

[[nodiscard, gnu::always_inline]] inline F32x16 add(F32x16 a, F32x16 b) {
  return {_mm512_add_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 subtract(F32x16 a, F32x16 b) {
  return {_mm512_sub_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 multiply(F32x16 a, F32x16 b) {
  return {_mm512_mul_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 divide(F32x16 a, F32x16 b) {
  return {_mm512_div_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 square_root(F32x16 a) {
  return {_mm512_sqrt_ps(a.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 negate(F32x16 a) {
  return {_mm512_xor_ps(a.lanes, _mm512_set1_ps(-0.0F))};
}
/// a * b + c, rounded once.
[[nodiscard, gnu::always_inline]] inline F32x16 multiply_add(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm512_fmadd_ps(a.lanes, b.lanes, c.lanes)};
}
/// c - a * b, rounded once.
[[nodiscard, gnu::always_inline]] inline F32x16 negative_multiply_add(F32x16 a, F32x16 b,
                                                                      F32x16 c) {
  return {_mm512_fnmadd_ps(a.lanes, b.lanes, c.lanes)};
}
/// max(a, low) and min(a, high); NaN where `a` is: the instruction returns its second operand then.
[[nodiscard, gnu::always_inline]] inline F32x16 at_least(F32x16 a, F32x16 low) {
  return {_mm512_max_ps(low.lanes, a.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 at_most(F32x16 a, F32x16 high) {
  return {_mm512_min_ps(high.lanes, a.lanes)};
}
/// The greater one; NaN where either is.
[[nodiscard, gnu::always_inline]] inline F32x16 maximum_or_nan(F32x16 a, F32x16 b) {
  const __m512 greater = _mm512_max_ps(a.lanes, b.lanes);
  return {_mm512_mask_mov_ps(greater, _mm512_cmp_ps_mask(a.lanes, a.lanes, _CMP_UNORD_Q), a.lanes)};
}
/// `then` where x < 0, `otherwise` elsewhere and where x is NaN.
[[nodiscard, gnu::always_inline]] inline F32x16 where_negative(F32x16 x, F32x16 then,
                                                               F32x16 otherwise) {
  const __mmask16 negative = _mm512_cmp_ps_mask(x.lanes, _mm512_setzero_ps(), _CMP_LT_OQ);
  return {_mm512_mask_mov_ps(otherwise.lanes, negative, then.lanes)};
}
/// To the nearest integer, half to even.
[[nodiscard, gnu::always_inline]] inline F32x16 round_to_integer(F32x16 a) {
  return {_mm512_roundscale_ps(a.lanes, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
/// a * 2^n for an integer n in [-151, 129], gradually below the normal range.
[[nodiscard, gnu::always_inline]] inline F32x16 scale_by_power_of_two(F32x16 a, F32x16 n) {
  return {_mm512_scalef_ps(a.lanes, n.lanes)};
}
/// Lanes 0 to 7 of a, lanes 8 to 15 of b.
[[nodiscard, gnu::always_inline]] inline F32x16 join_halves(F32x16 a, F32x16 b) {
  return {_mm512_mask_mov_ps(a.lanes, 0xFF00, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 swap_halves(F32x16 a) {
  return {_mm512_shuffle_f32x4(a.lanes, a.lanes, 0x4E)};
}
[[nodiscard, gnu::always_inline]] inline float sum_of_lanes(F32x16 a) {
  // By halves, in an order of its own choosing that never changes.
  const __m256 low = _mm512_castps512_ps256(a.lanes);
  const __m256 high = _mm512_extractf32x8_ps(a.lanes, 1);
  const __m256 eight = _mm256_add_ps(low, high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
[[nodiscard, gnu::always_inline]] inline float greatest_lane(F32x16 a) {
  const __m256 low = _mm512_castps512_ps256(a.lanes);
  const __m256 high = _mm512_extractf32x8_ps(a.lanes, 1);
  const __m256 eight = _mm256_max_ps(low, high);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/// A 16x16 matrix, a row a vector, to its transpose: by pairs and quadruples of elements, then of
/// quarters of registers.
[[gnu::always_inline]] inline void transpose(F32x16 (&rows)[16]) {
  __m512 pairs[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_ps(rows[i].lanes, rows[i + 1].lanes);
    pairs[i + 1] = _mm512_unpackhi_ps(rows[i].lanes, rows[i + 1].lanes);
  }
  // fours[4 g + j]: column 4 q + j of rows 4 g to 4 g + 3 in each quarter q.
  __m512 fours[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    fours[i] = _mm512_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
    fours[i + 1] = _mm512_shuffle_ps(pairs[i], pairs[i + 2], 0xEE);
    fours[i + 2] = _mm512_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
    fours[i + 3] = _mm512_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 even_low = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0x88);
    const __m512 odd_low = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0xDD);
    const __m512 even_high = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0x88);
    const __m512 odd_high = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0xDD);
    rows[j].lanes = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
    rows[4 + j].lanes = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
    rows[8 + j].lanes = _mm512_shuffle_f32x4(even_low, even_high, 0xDD);
    rows[12 + j].lanes = _mm512_shuffle_f32x4(odd_low, odd_high, 0xDD);
  }
}

/// apply_activation() on a register, for a kind known at compile time.
template <ActivationKind kKind>
[[nodiscard, gnu::always_inline]] inline __m512 activate(const Activation& activation, __m512 x) {
  return activate_vector<kKind>(activation, F32x16{x}).lanes;
}

/// apply_activation() on a register.
[[nodiscard, gnu::always_inline]] inline __m512 activate(const Activation& activation, __m512 x) {
  return activate_vector(activation, F32x16{x}).lanes;
}

}  // namespace lode::engine
