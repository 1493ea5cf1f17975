// The limit of products of bytes with VNNI: two instructions a cycle want ten chains in flight;
// more cost nothing.
#if defined(__x86_64__)
#include "engine/kernels/simd_avx512.h"
//
#include "engine/kernels/peak/peak.h"

namespace lode::engine {

namespace {

constexpr int kChains = 12;
constexpr int kProducts = 64;

float multiply_add(std::int64_t rounds) {
  const __m512i x = _mm512_set1_epi32(0x01020304);
  __m512i chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i] = _mm512_set1_epi32(i);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chains[i] = _mm512_dpbusd_epi32(chains[i], x, x);
  }
  for (int i = 1; i < kChains; ++i) chains[0] = _mm512_xor_si512(chains[0], chains[i]);
  return static_cast<float>(_mm_cvtsi128_si32(_mm512_castsi512_si128(chains[0])));
}

}  // namespace

constexpr ProductPeakKernel avx512vnni_u8_peak = {.name = "avx512vnni_u8_peak",
                                                  .isa = Isa::kAvx512Vnni,
                                                  .ops_per_round = 2 * kChains * kProducts,
                                                  .multiply_add = multiply_add};

}  // namespace lode::engine
#endif
