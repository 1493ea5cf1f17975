// Sixteen integers of 32 bits in an AVX-512 register, and their way to and from bytes. For
// *_avx512*.cc files only, inside their #if defined(__x86_64__). Everything is inlined by force.
#pragma once

#include "engine/kernels/simd_avx512.h"

namespace lode::engine {

struct I32x16 {
  static constexpr std::int64_t kLanes = 16;
  using Float = F32x16;

  __m512i lanes;

  [[nodiscard, gnu::always_inline]] static I32x16 broadcast(std::int32_t value) {
    return {_mm512_set1_epi32(value)};
  }
  [[nodiscard, gnu::always_inline]] static I32x16 load(const void* from) {
    return {_mm512_loadu_si512(from)};
  }
  [[gnu::always_inline]] void store(void* to) const { _mm512_storeu_si512(to, lanes); }
  /// `count` <= 16 bytes, zeros in the lanes behind them.
  [[nodiscard, gnu::always_inline]] static I32x16 load_bytes(const std::uint8_t* from,
                                                             std::int64_t count) {
    return {_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(tail_mask16(count), from))};
  }
  [[nodiscard, gnu::always_inline]] static I32x16 load_bytes(const std::uint8_t* from) {
    return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)))};
  }
  /// The first `count` of values in [0, 255].
  [[gnu::always_inline]] void store_bytes(std::uint8_t* to, std::int64_t count) const {
    _mm_mask_storeu_epi8(to, tail_mask16(count), _mm512_cvtepi32_epi8(lanes));
  }
};

[[nodiscard, gnu::always_inline]] inline I32x16 add(I32x16 a, I32x16 b) {
  return {_mm512_add_epi32(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline I32x16 subtract(I32x16 a, I32x16 b) {
  return {_mm512_sub_epi32(a.lanes, b.lanes)};
}
/// The low 32 bits.
[[nodiscard, gnu::always_inline]] inline I32x16 multiply(I32x16 a, I32x16 b) {
  return {_mm512_mullo_epi32(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 to_float(I32x16 a) {
  return {_mm512_cvtepi32_ps(a.lanes)};
}
/// To the nearest, half to even; values must fit.
[[nodiscard, gnu::always_inline]] inline I32x16 to_nearest(F32x16 a) {
  return {_mm512_cvtps_epi32(a.lanes)};
}

/// Bytes of sixty-four sums, the vectors in order: clamp(sum + zero, low, high) for low and high in
/// [0, 255]; with `zero` and the bounds in all words or bytes.
struct ByteClamp {
  __m512i zero;
  __m512i low;
  __m512i high;

  [[gnu::always_inline]] ByteClamp(std::int32_t zero_point, std::int32_t least,
                                   std::int32_t greatest)
      : zero(_mm512_set1_epi16(static_cast<std::int16_t>(zero_point))),
        low(_mm512_set1_epi8(static_cast<char>(least))),
        high(_mm512_set1_epi8(static_cast<char>(greatest))) {}

  [[nodiscard, gnu::always_inline]] __m512i interleaved(__m512i a, __m512i b, __m512i c,
                                                        __m512i d) const {
    const __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), zero);
    const __m512i cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), zero);
    return _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(ab, cd), low), high);
  }
};

/// Stores kVectors vectors as bytes, `valid` of them.
template <int kVectors>
[[gnu::always_inline]] inline void store_clamped(const ByteClamp& clamp,
                                                 const I32x16 (&sums)[kVectors], std::uint8_t* to,
                                                 std::int64_t valid) {
  // Packing works in quarters of registers: dword 4 q + j holds quarter q of vector j.
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes =
      clamp.interleaved(sums[0].lanes, sums[kVectors > 1 ? 1 : 0].lanes,
                        sums[kVectors > 2 ? 2 : 0].lanes, sums[kVectors > 3 ? 3 : 0].lanes);
  const __mmask64 mask = valid >= 64 ? ~__mmask64{0} : (__mmask64{1} << valid) - 1U;
  _mm512_mask_storeu_epi8(to, mask, _mm512_permutexvar_epi32(order, bytes));
}

}  // namespace lode::engine
