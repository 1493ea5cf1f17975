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
  /// The same of signed bytes.
  [[nodiscard, gnu::always_inline]] static I32x16 load_signed_bytes(const std::uint8_t* from,
                                                                    std::int64_t count) {
    return {_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(tail_mask16(count), from))};
  }
  /// The first `count` of values in [0, 255], or in [-128, 127].
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
[[nodiscard, gnu::always_inline]] inline I32x16 bits_of(I32x16 a, I32x16 mask) {
  return {_mm512_and_si512(a.lanes, mask.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 to_float(I32x16 a) {
  return {_mm512_cvtepi32_ps(a.lanes)};
}
/// max(a, b) and min(a, b); b where `a` is NaN.
[[nodiscard, gnu::always_inline]] inline F32x16 number_at_least(F32x16 a, F32x16 b) {
  return {_mm512_max_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x16 number_at_most(F32x16 a, F32x16 b) {
  return {_mm512_min_ps(a.lanes, b.lanes)};
}
/// To the nearest, half to even; values must fit.
[[nodiscard, gnu::always_inline]] inline I32x16 to_nearest(F32x16 a) {
  return {_mm512_cvtps_epi32(a.lanes)};
}

/// Packing works in quarters of registers: dword 4 q + j holds quarter q of vector j.
[[nodiscard, gnu::always_inline]] inline __m512i in_order(__m512i packed) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, packed);
}

/// Four vectors as bytes in order, values below 0 as 0 and above 255 as 255.
[[gnu::always_inline]] inline void store_bytes(I32x16 a, I32x16 b, I32x16 c, I32x16 d,
                                               std::uint8_t* to) {
  const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(a.lanes, b.lanes),
                                            _mm512_packs_epi32(c.lanes, d.lanes));
  _mm512_storeu_si512(to, in_order(bytes));
}

/// The bytes of pixels of three channels, a channel a vector of values in [0, 255], side by side.
[[gnu::always_inline]] inline void store_triples(I32x16 a, I32x16 b, I32x16 c, std::uint8_t* to) {
  const __m512i four = _mm512_or_si512(
      a.lanes, _mm512_or_si512(_mm512_slli_epi32(b.lanes, 8), _mm512_slli_epi32(c.lanes, 16)));
  const __m512i three =
      _mm512_shuffle_epi8(four, _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12,
                                                                     13, 14, -1, -1, -1, -1)));
  const __m512i order = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15);
  _mm512_mask_storeu_epi32(to, 0x0FFF, _mm512_permutexvar_epi32(order, three));
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
  const __m512i bytes =
      clamp.interleaved(sums[0].lanes, sums[kVectors > 1 ? 1 : 0].lanes,
                        sums[kVectors > 2 ? 2 : 0].lanes, sums[kVectors > 3 ? 3 : 0].lanes);
  const __mmask64 mask = valid >= 64 ? ~__mmask64{0} : (__mmask64{1} << valid) - 1U;
  _mm512_mask_storeu_epi8(to, mask, in_order(bytes));
}

// ---- bytes of 64, 32 or 16 channels, and the four vectors of sums that they come to
//
// Interleaving works in quarters of 16 bytes: of four vectors of 32-bit elements made of a vector
// of bytes, vector j holds bytes 16 q + 4 j to 16 q + 4 j + 3 in its quarter q.

struct U8x64 {
  static constexpr std::int64_t kBytes = 64;
  using Register = __m512i;
  using Mask = __mmask64;

  /// The first `count` channels, at most all.
  [[nodiscard, gnu::always_inline]] static Mask first(std::int64_t count) {
    return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1U;
  }
  [[nodiscard, gnu::always_inline]] static Register load(const std::uint8_t* from, Mask mask) {
    return _mm512_maskz_loadu_epi8(mask, from);
  }
  [[nodiscard, gnu::always_inline]] static Register load(const void* from) {
    return _mm512_load_si512(from);
  }
  [[gnu::always_inline]] static void store(void* to, Register value) {
    _mm512_store_si512(to, value);
  }
  [[gnu::always_inline]] static void store(std::uint8_t* to, Register bytes, Mask mask) {
    _mm512_mask_storeu_epi8(to, mask, bytes);
  }
  [[nodiscard, gnu::always_inline]] static Register splat(std::int32_t byte) {
    return _mm512_set1_epi8(static_cast<char>(byte));
  }
  [[nodiscard, gnu::always_inline]] static Register splat_words(std::int32_t word) {
    return _mm512_set1_epi16(static_cast<std::int16_t>(word));
  }
  [[nodiscard, gnu::always_inline]] static Register greater(Register a, Register b) {
    return _mm512_max_epu8(a, b);
  }
  /// Bytes of a and b in turn: of the lower and upper halves of the quarters.
  [[nodiscard, gnu::always_inline]] static Register low_bytes(Register a, Register b) {
    return _mm512_unpacklo_epi8(a, b);
  }
  [[nodiscard, gnu::always_inline]] static Register high_bytes(Register a, Register b) {
    return _mm512_unpackhi_epi8(a, b);
  }
  [[nodiscard, gnu::always_inline]] static Register low_words(Register a, Register b) {
    return _mm512_unpacklo_epi16(a, b);
  }
  [[nodiscard, gnu::always_inline]] static Register high_words(Register a, Register b) {
    return _mm512_unpackhi_epi16(a, b);
  }
  /// sums + the two products of words of each 32-bit element.
  [[nodiscard, gnu::always_inline]] static Register add_pairs(Register sums, Register x,
                                                              Register w) {
    return _mm512_add_epi32(sums, _mm512_madd_epi16(x, w));
  }
  /// round(float(sums) * factors).
  [[nodiscard, gnu::always_inline]] static Register scaled(Register sums, const float* factors) {
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_load_ps(factors)));
  }
  /// clamp(sum + zero, low, high) of four vectors, as bytes in the order of the channels.
  [[nodiscard, gnu::always_inline]] static Register clamped_bytes(const Register (&sums)[4],
                                                                  Register zero, Register low,
                                                                  Register high) {
    const Register ab = _mm512_adds_epi16(_mm512_packs_epi32(sums[0], sums[1]), zero);
    const Register cd = _mm512_adds_epi16(_mm512_packs_epi32(sums[2], sums[3]), zero);
    return _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(ab, cd), low), high);
  }
};

struct U8x32 {
  static constexpr std::int64_t kBytes = 32;
  using Register = __m256i;
  using Mask = __mmask32;

  /// The first `count` channels, at most all.
  [[nodiscard, gnu::always_inline]] static Mask first(std::int64_t count) {
    return static_cast<__mmask32>((std::uint64_t{1} << count) - 1U);
  }
  [[nodiscard, gnu::always_inline]] static Register load(const std::uint8_t* from, Mask mask) {
    return _mm256_maskz_loadu_epi8(mask, from);
  }
  [[nodiscard, gnu::always_inline]] static Register load(const void* from) {
    return _mm256_load_si256(static_cast<const __m256i*>(from));
  }
  [[gnu::always_inline]] static void store(void* to, Register value) {
    _mm256_store_si256(static_cast<__m256i*>(to), value);
  }
  [[gnu::always_inline]] static void store(std::uint8_t* to, Register bytes, Mask mask) {
    _mm256_mask_storeu_epi8(to, mask, bytes);
  }
  [[nodiscard, gnu::always_inline]] static Register splat(std::int32_t byte) {
    return _mm256_set1_epi8(static_cast<char>(byte));
  }
  [[nodiscard, gnu::always_inline]] static Register splat_words(std::int32_t word) {
    return _mm256_set1_epi16(static_cast<std::int16_t>(word));
  }
  [[nodiscard, gnu::always_inline]] static Register greater(Register a, Register b) {
    return _mm256_max_epu8(a, b);
  }
  /// Bytes of a and b in turn: of the lower and upper halves of the quarters.
  [[nodiscard, gnu::always_inline]] static Register low_bytes(Register a, Register b) {
    return _mm256_unpacklo_epi8(a, b);
  }
  [[nodiscard, gnu::always_inline]] static Register high_bytes(Register a, Register b) {
    return _mm256_unpackhi_epi8(a, b);
  }
  [[nodiscard, gnu::always_inline]] static Register low_words(Register a, Register b) {
    return _mm256_unpacklo_epi16(a, b);
  }
  [[nodiscard, gnu::always_inline]] static Register high_words(Register a, Register b) {
    return _mm256_unpackhi_epi16(a, b);
  }
  /// sums + the two products of words of each 32-bit element.
  [[nodiscard, gnu::always_inline]] static Register add_pairs(Register sums, Register x,
                                                              Register w) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(x, w));
  }
  /// round(float(sums) * factors).
  [[nodiscard, gnu::always_inline]] static Register scaled(Register sums, const float* factors) {
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_load_ps(factors)));
  }
  /// clamp(sum + zero, low, high) of four vectors, as bytes in the order of the channels.
  [[nodiscard, gnu::always_inline]] static Register clamped_bytes(const Register (&sums)[4],
                                                                  Register zero, Register low,
                                                                  Register high) {
    const Register ab = _mm256_adds_epi16(_mm256_packs_epi32(sums[0], sums[1]), zero);
    const Register cd = _mm256_adds_epi16(_mm256_packs_epi32(sums[2], sums[3]), zero);
    return _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(ab, cd), low), high);
  }
};

struct U8x16 {
  static constexpr std::int64_t kBytes = 16;
  using Register = __m128i;
  using Mask = __mmask16;

  /// The first `count` channels, at most all.
  [[nodiscard, gnu::always_inline]] static Mask first(std::int64_t count) {
    return static_cast<__mmask16>((std::uint64_t{1} << count) - 1U);
  }
  [[nodiscard, gnu::always_inline]] static Register load(const std::uint8_t* from, Mask mask) {
    return _mm_maskz_loadu_epi8(mask, from);
  }
  [[nodiscard, gnu::always_inline]] static Register load(const void* from) {
    return _mm_load_si128(static_cast<const __m128i*>(from));
  }
  [[gnu::always_inline]] static void store(void* to, Register value) {
    _mm_store_si128(static_cast<__m128i*>(to), value);
  }
  [[gnu::always_inline]] static void store(std::uint8_t* to, Register bytes, Mask mask) {
    _mm_mask_storeu_epi8(to, mask, bytes);
  }
  [[nodiscard, gnu::always_inline]] static Register splat(std::int32_t byte) {
    return _mm_set1_epi8(static_cast<char>(byte));
  }
  [[nodiscard, gnu::always_inline]] static Register splat_words(std::int32_t word) {
    return _mm_set1_epi16(static_cast<std::int16_t>(word));
  }
  [[nodiscard, gnu::always_inline]] static Register greater(Register a, Register b) {
    return _mm_max_epu8(a, b);
  }
  /// Bytes of a and b in turn: of the lower and upper halves of the quarters.
  [[nodiscard, gnu::always_inline]] static Register low_bytes(Register a, Register b) {
    return _mm_unpacklo_epi8(a, b);
  }
  [[nodiscard, gnu::always_inline]] static Register high_bytes(Register a, Register b) {
    return _mm_unpackhi_epi8(a, b);
  }
  [[nodiscard, gnu::always_inline]] static Register low_words(Register a, Register b) {
    return _mm_unpacklo_epi16(a, b);
  }
  [[nodiscard, gnu::always_inline]] static Register high_words(Register a, Register b) {
    return _mm_unpackhi_epi16(a, b);
  }
  /// sums + the two products of words of each 32-bit element.
  [[nodiscard, gnu::always_inline]] static Register add_pairs(Register sums, Register x,
                                                              Register w) {
    return _mm_add_epi32(sums, _mm_madd_epi16(x, w));
  }
  /// round(float(sums) * factors).
  [[nodiscard, gnu::always_inline]] static Register scaled(Register sums, const float* factors) {
    return _mm_cvtps_epi32(_mm_mul_ps(_mm_cvtepi32_ps(sums), _mm_load_ps(factors)));
  }
  /// clamp(sum + zero, low, high) of four vectors, as bytes in the order of the channels.
  [[nodiscard, gnu::always_inline]] static Register clamped_bytes(const Register (&sums)[4],
                                                                  Register zero, Register low,
                                                                  Register high) {
    const Register ab = _mm_adds_epi16(_mm_packs_epi32(sums[0], sums[1]), zero);
    const Register cd = _mm_adds_epi16(_mm_packs_epi32(sums[2], sums[3]), zero);
    return _mm_min_epu8(_mm_max_epu8(_mm_packus_epi16(ab, cd), low), high);
  }
};

}  // namespace lode::engine
