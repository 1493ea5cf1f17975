// The limits of the ABI's baseline, in the compiler's own vectors: a multiplication and an addition
// apart, since the baseline of x86-64 has no fused one and results stay comparable across machines.
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "engine/kernels/peak/peak.h"

namespace lode::engine {

namespace {

constexpr int kLanes = 4;
constexpr int kChains = 12;
using Vector [[gnu::vector_size(kLanes * sizeof(float)), gnu::may_alias]] = float;

#if defined(__SSE2__)
struct BytePairs {
  __m128i lanes;

  void start(int value) { lanes = _mm_set1_epi32(value); }
  void step() { lanes = _mm_add_epi32(lanes, _mm_madd_epi16(lanes, _mm_set1_epi32(0x00030004))); }
  [[nodiscard]] std::int32_t first() const { return _mm_cvtsi128_si32(lanes); }
};
#else
struct BytePairs {
  std::uint32_t lanes[kLanes];

  void start(int value) {
    for (std::uint32_t& lane : lanes) lane = static_cast<std::uint32_t>(value);
  }
  void step() {
    for (std::uint32_t& lane : lanes) lane += (lane & 0xFFFFU) * 4U + (lane >> 16U) * 3U;
  }
  [[nodiscard]] std::int32_t first() const { return static_cast<std::int32_t>(lanes[0]); }
};
#endif

float multiply_add(std::int64_t rounds) {
  const Vector factor = {0.999F, 0.999F, 0.999F, 0.999F};
  const Vector step = {0.001F, 0.001F, 0.001F, 0.001F};
  Vector chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i] = Vector{} + static_cast<float>(i);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chains[i] = chains[i] * factor + step;
  }
  Vector sum = chains[0];
  for (int i = 1; i < kChains; ++i) sum += chains[i];
  return sum[0] + sum[1] + sum[2] + sum[3];
}

float read(const float* from, std::int64_t count) {
  constexpr int kStreams = 8;
  Vector sums[kStreams] = {};
  for (std::int64_t at = 0; at < count; at += kStreams * kLanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kStreams; ++i) {
      const auto* vector = reinterpret_cast<const Vector*>(from + at + i * kLanes);
      sums[i] += *vector;
    }
  }
  for (int i = 1; i < kStreams; ++i) sums[0] += sums[i];
  return sums[0][0] + sums[0][1] + sums[0][2] + sums[0][3];
}

/// Pairs of words, as the integer tile for every machine has them.
float multiply_bytes(std::int64_t rounds) {
  BytePairs chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i].start(i);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chains[i].step();
  }
  std::int32_t sum = 0;
  for (int i = 0; i < kChains; ++i) sum ^= chains[i].first();
  return static_cast<float>(sum);
}

}  // namespace

constexpr PeakKernel generic_f32_peak = {.name = "generic_f32_peak",
                                         .isa = Isa::kGeneric,
                                         .flops_per_round = 2 * kChains * kLanes,
                                         .multiply_add = multiply_add,
                                         .read = read};

constexpr ProductPeakKernel generic_u8_peak = {.name = "generic_u8_peak",
                                               .isa = Isa::kGeneric,
                                               .ops_per_round = 2 * kChains * 2 * kLanes,
                                               .multiply_add = multiply_bytes};

}  // namespace lode::engine
