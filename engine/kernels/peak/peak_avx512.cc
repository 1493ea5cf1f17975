// The limits in AVX-512: two fused multiply-adds a cycle want eight chains in flight; more cost
// nothing.
#if defined(__x86_64__)
#include "engine/kernels/simd_avx512.h"
//
#include "engine/kernels/peak/peak.h"

namespace lode::engine {

namespace {

constexpr int kChains = 12;
constexpr int kLanes = 16;

float sum_of_lanes(__m512 value) {
  alignas(64) float lanes[kLanes];
  _mm512_store_ps(lanes, value);
  float sum = 0.0F;
  for (const float lane : lanes) sum += lane;
  return sum;
}

float multiply_add(std::int64_t rounds) {
  const __m512 factor = _mm512_set1_ps(0.999F);
  const __m512 step = _mm512_set1_ps(0.001F);
  __m512 chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i] = _mm512_set1_ps(static_cast<float>(i));
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chains[i] = _mm512_fmadd_ps(chains[i], factor, step);
  }
  __m512 sum = chains[0];
  for (int i = 1; i < kChains; ++i) sum = _mm512_add_ps(sum, chains[i]);
  return sum_of_lanes(sum);
}

float read(const float* from, std::int64_t count) {
  constexpr int kStreams = 8;
  __m512 sums[kStreams];
  for (int i = 0; i < kStreams; ++i) sums[i] = _mm512_setzero_ps();
  for (std::int64_t at = 0; at < count; at += kStreams * kLanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kStreams; ++i) {
      sums[i] = _mm512_add_ps(sums[i], _mm512_load_ps(from + at + i * kLanes));
    }
  }
  for (int i = 1; i < kStreams; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return sum_of_lanes(sums[0]);
}

/// Bytes as words: a multiplication in pairs and an addition, since a product of bytes alone would
/// saturate.
float multiply_bytes(std::int64_t rounds) {
  const __m512i x = _mm512_set1_epi32(0x00030004);
  __m512i chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i] = _mm512_set1_epi32(i);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      // The chain is multiplied, so that no product is the same as another.
      chains[i] = _mm512_add_epi32(chains[i], _mm512_madd_epi16(chains[i], x));
    }
  }
  for (int i = 1; i < kChains; ++i) chains[0] = _mm512_xor_si512(chains[0], chains[i]);
  return static_cast<float>(_mm_cvtsi128_si32(_mm512_castsi512_si128(chains[0])));
}

}  // namespace

constexpr PeakKernel avx512_f32_peak = {.name = "avx512_f32_peak",
                                        .isa = Isa::kAvx512,
                                        .flops_per_round = 2 * kChains * kLanes,
                                        .multiply_add = multiply_add,
                                        .read = read};

constexpr ProductPeakKernel avx512_u8_peak = {.name = "avx512_u8_peak",
                                              .isa = Isa::kAvx512,
                                              .ops_per_round = 2 * kChains * 2 * kLanes,
                                              .multiply_add = multiply_bytes};

}  // namespace lode::engine
#endif
