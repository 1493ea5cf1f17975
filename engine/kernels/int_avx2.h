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
  /// The first `count` of values in [0, 255].
  [[gnu::always_inline]] void store_bytes(std::uint8_t* to, std::int64_t count) const {
    const __m256i words = _mm256_packs_epi32(lanes, lanes);
    const __m128i eight =
        _mm_unpacklo_epi64(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    const __m128i bytes = _mm_packus_epi16(eight, eight);
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
[[nodiscard, gnu::always_inline]] inline F32x8 to_float(I32x8 a) {
  return {_mm256_cvtepi32_ps(a.lanes)};
}
/// To the nearest, half to even; values must fit.
[[nodiscard, gnu::always_inline]] inline I32x8 to_nearest(F32x8 a) {
  return {_mm256_cvtps_epi32(a.lanes)};
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

}  // namespace lode::engine
