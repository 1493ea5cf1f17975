// Eight integers of 32 bits in an AVX2 register, and their way to and from bytes. For *_avx2.cc
// files only, inside their #if defined(__x86_64__). Everything is inlined by force.
#pragma once

#include "engine/kernels/simd_avx2.h"

namespace lode::engine {

struct I32x8 {
  static constexpr std::int64_t kLanes = 8;
  using Float = F32x8;

  __m256i lanes;

  [[nodiscard, gnu::always_inline]] static I32x8 broadcast(std::int32_t value) {
    return {_mm256_set1_epi32(value)};
  }
  [[nodiscard, gnu::always_inline]] static I32x8 load(const void* from) {
    return {_mm256_loadu_si256(static_cast<const __m256i*>(from))};
  }
  [[gnu::always_inline]] void store(void* to) const {
    _mm256_storeu_si256(static_cast<__m256i*>(to), lanes);
  }
  [[nodiscard, gnu::always_inline]] static I32x8 load_bytes(const std::uint8_t* from) {
    return {_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)))};
  }
  /// `count` <= 8 bytes, zeros in the lanes behind them.
  [[nodiscard, gnu::always_inline]] static I32x8 load_bytes(const std::uint8_t* from,
                                                            std::int64_t count) {
    if (count == kLanes) return load_bytes(from);
    alignas(8) std::uint8_t bytes[kLanes] = {};
    for (std::int64_t i = 0; i < count; ++i) bytes[i] = from[i];
    return load_bytes(bytes);
  }
  /// The same of signed bytes.
  [[nodiscard, gnu::always_inline]] static I32x8 load_signed_bytes(const std::uint8_t* from,
                                                                   std::int64_t count) {
    const I32x8 bytes = load_bytes(from, count);
    return {_mm256_srai_epi32(_mm256_slli_epi32(bytes.lanes, 24), 24)};
  }
  /// The first `count` of values in [0, 255], or in [-128, 127].
  [[gnu::always_inline]] void store_bytes(std::uint8_t* to, std::int64_t count) const {
    const __m256i low_bytes = _mm256_shuffle_epi8(
        lanes, _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4,
                                8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    const __m128i bytes = _mm_unpacklo_epi32(_mm256_castsi256_si128(low_bytes),
                                             _mm256_extracti128_si256(low_bytes, 1));
    if (count == kLanes) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(to), bytes);
      return;
    }
    alignas(16) std::uint8_t stored[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(stored), bytes);
    for (std::int64_t i = 0; i < count; ++i) to[i] = stored[i];
  }
};

[[nodiscard, gnu::always_inline]] inline I32x8 add(I32x8 a, I32x8 b) {
  return {_mm256_add_epi32(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline I32x8 subtract(I32x8 a, I32x8 b) {
  return {_mm256_sub_epi32(a.lanes, b.lanes)};
}
/// The low 32 bits.
[[nodiscard, gnu::always_inline]] inline I32x8 multiply(I32x8 a, I32x8 b) {
  return {_mm256_mullo_epi32(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline I32x8 bits_of(I32x8 a, I32x8 mask) {
  return {_mm256_and_si256(a.lanes, mask.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x8 to_float(I32x8 a) {
  return {_mm256_cvtepi32_ps(a.lanes)};
}
/// max(a, b) and min(a, b); b where `a` is NaN.
[[nodiscard, gnu::always_inline]] inline F32x8 number_at_least(F32x8 a, F32x8 b) {
  return {_mm256_max_ps(a.lanes, b.lanes)};
}
[[nodiscard, gnu::always_inline]] inline F32x8 number_at_most(F32x8 a, F32x8 b) {
  return {_mm256_min_ps(a.lanes, b.lanes)};
}
/// To the nearest, half to even; values must fit.
[[nodiscard, gnu::always_inline]] inline I32x8 to_nearest(F32x8 a) {
  return {_mm256_cvtps_epi32(a.lanes)};
}

/// Four vectors as bytes in order, values below 0 as 0 and above 255 as 255.
[[gnu::always_inline]] inline void store_bytes(I32x8 a, I32x8 b, I32x8 c, I32x8 d,
                                               std::uint8_t* to) {
  // Packing works in halves of registers: dword 4 h + j holds half h of vector j.
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(a.lanes, b.lanes),
                                            _mm256_packs_epi32(c.lanes, d.lanes));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permutevar8x32_epi32(bytes, order));
}

/// The bytes of pixels of three channels, a channel a vector of values in [0, 255], side by side.
[[gnu::always_inline]] inline void store_triples(I32x8 a, I32x8 b, I32x8 c, std::uint8_t* to) {
  const __m256i four = _mm256_or_si256(
      a.lanes, _mm256_or_si256(_mm256_slli_epi32(b.lanes, 8), _mm256_slli_epi32(c.lanes, 16)));
  const __m256i three = _mm256_shuffle_epi8(
      four, _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1, 0, 1, 2, 4, 5,
                             6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
  const __m256i joined =
      _mm256_permutevar8x32_epi32(three, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(joined));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to + 16), _mm256_extracti128_si256(joined, 1));
}

/// Bytes of sums: clamp(sum + zero, low, high) for low and high in [0, 255].
struct ByteClamp {
  __m256i zero;
  __m256i low;
  __m256i high;

  [[gnu::always_inline]] ByteClamp(std::int32_t zero_point, std::int32_t least,
                                   std::int32_t greatest)
      : zero(_mm256_set1_epi32(zero_point)),
        low(_mm256_set1_epi32(least)),
        high(_mm256_set1_epi32(greatest)) {}
};

/// Stores kVectors vectors as bytes, `valid` of them.
template <int kVectors>
[[gnu::always_inline]] inline void store_clamped(const ByteClamp& clamp,
                                                 const I32x8 (&sums)[kVectors], std::uint8_t* to,
                                                 std::int64_t valid) {
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) {
    const std::int64_t left = valid - j * I32x8::kLanes;
    // Sums leave no room for the zero point only where they leave the bytes by far.
    const __m256i near = _mm256_min_epi32(_mm256_max_epi32(sums[j].lanes, _mm256_set1_epi32(-512)),
                                          _mm256_set1_epi32(512));
    const __m256i moved = _mm256_add_epi32(near, clamp.zero);
    const I32x8 bytes{_mm256_min_epi32(_mm256_max_epi32(moved, clamp.low), clamp.high)};
    bytes.store_bytes(to + j * I32x8::kLanes, left < I32x8::kLanes ? left : I32x8::kLanes);
  }
}

// ---- bytes of 32 or 16 channels, and the four vectors of sums that they come to
//
// Interleaving works in quarters of 16 bytes: of four vectors of 32-bit elements made of a vector
// of bytes, vector j holds bytes 16 q + 4 j to 16 q + 4 j + 3 in its quarter q.

struct U8x32 {
  static constexpr std::int64_t kBytes = 32;
  using Register = __m256i;
  using Mask = std::int64_t;  ///< how many are there

  /// The first `count` channels, at most all.
  [[nodiscard, gnu::always_inline]] static Mask first(std::int64_t count) { return count; }
  [[nodiscard, gnu::always_inline]] static Register load(const std::uint8_t* from, Mask count) {
    if (count >= kBytes) {
      return _mm256_loadu_si256(reinterpret_cast<const Register*>(from));
    }
    alignas(kBytes) std::uint8_t bytes[kBytes] = {};
    for (std::int64_t i = 0; i < count; ++i) bytes[i] = from[i];
    return load(bytes);
  }
  [[nodiscard, gnu::always_inline]] static Register load(const void* from) {
    return _mm256_load_si256(static_cast<const Register*>(from));
  }
  [[gnu::always_inline]] static void store(void* to, Register value) {
    _mm256_store_si256(static_cast<Register*>(to), value);
  }
  [[gnu::always_inline]] static void store(std::uint8_t* to, Register bytes, Mask count) {
    if (count >= kBytes) {
      _mm256_storeu_si256(reinterpret_cast<Register*>(to), bytes);
      return;
    }
    alignas(kBytes) std::uint8_t stored[kBytes];
    store(stored, bytes);
    for (std::int64_t i = 0; i < count; ++i) to[i] = stored[i];
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
  using Mask = std::int64_t;  ///< how many are there

  /// The first `count` channels, at most all.
  [[nodiscard, gnu::always_inline]] static Mask first(std::int64_t count) { return count; }
  [[nodiscard, gnu::always_inline]] static Register load(const std::uint8_t* from, Mask count) {
    if (count >= kBytes) {
      return _mm_loadu_si128(reinterpret_cast<const Register*>(from));
    }
    alignas(kBytes) std::uint8_t bytes[kBytes] = {};
    for (std::int64_t i = 0; i < count; ++i) bytes[i] = from[i];
    return load(bytes);
  }
  [[nodiscard, gnu::always_inline]] static Register load(const void* from) {
    return _mm_load_si128(static_cast<const Register*>(from));
  }
  [[gnu::always_inline]] static void store(void* to, Register value) {
    _mm_store_si128(static_cast<Register*>(to), value);
  }
  [[gnu::always_inline]] static void store(std::uint8_t* to, Register bytes, Mask count) {
    if (count >= kBytes) {
      _mm_storeu_si128(reinterpret_cast<Register*>(to), bytes);
      return;
    }
    alignas(kBytes) std::uint8_t stored[kBytes];
    store(stored, bytes);
    for (std::int64_t i = 0; i < count; ++i) to[i] = stored[i];
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
