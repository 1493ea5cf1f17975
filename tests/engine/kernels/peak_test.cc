// The limits: each instruction set has its loops, and they give rates that a machine can have.
#include "engine/kernels/peak/peak.h"

#include <gtest/gtest.h>

#include "engine/kernels/aligned_floats.h"
#include "engine/kernels/qdwconv/qdwconv.h"

namespace lode::engine {
namespace {

TEST(Peak, EveryInstructionSetHasItsOwn) {
  EXPECT_EQ(select_peak(Isa::kGeneric).isa, Isa::kGeneric);
#if defined(__x86_64__)
  EXPECT_EQ(select_peak(Isa::kAvx2).name, "avx2_f32_peak");
  EXPECT_EQ(select_peak(Isa::kAvx512).name, "avx512_f32_peak");
  EXPECT_EQ(select_peak(Isa::kAvx512Vnni).name, "avx512_f32_peak");
  EXPECT_EQ(select_byte_peak(Isa::kAvx512).name, "avx512_u8_peak");
  EXPECT_EQ(select_byte_peak(Isa::kAvx512Vnni).name, "avx512vnni_u8_peak");
  EXPECT_EQ(select_byte_peak(Isa::kAvx512Amx).name, "avx512amx_u8_peak");
#endif
}

TEST(Peak, ReadsEachFloatOnce) {
  constexpr std::int64_t kCount = 4 * PeakKernel::kReadStep;
  AlignedFloats floats(kCount);
  for (std::int64_t i = 0; i < kCount; ++i) floats.data()[i] = static_cast<float>(i % 7);
  float sum = 0.0F;
  for (std::int64_t i = 0; i < kCount; ++i) sum += floats.data()[i];
  for (const PeakKernel* kernel : peak_kernels()) {
    if (kernel->isa > best_isa()) continue;
    EXPECT_EQ(kernel->read(floats.data(), kCount), sum) << kernel->name;
    EXPECT_EQ(kernel->read(floats.data(), 0), 0.0F) << kernel->name;
  }
}

// x -> 0.999 x + 0.001 has its fixed point at 1: what 12 chains and all lanes end at, wherever they
// began.
TEST(Peak, MultiplyAddIsDoneInAllChains) {
  for (const PeakKernel* kernel : peak_kernels()) {
    if (kernel->isa > best_isa()) continue;
    const auto lanes = static_cast<float>(kernel->flops_per_round / 2);
    EXPECT_NEAR(kernel->multiply_add(50'000), lanes, 0.01F * lanes) << kernel->name;
  }
}

/// What a chain of products of bytes ends at: a round adds 1 1 + 2 2 + 3 3 + 4 4 where four are
/// summed up at once, sixteen times that with tiles, else four times its low word and three times
/// its high one.
std::int32_t end_of_chain(std::int32_t chain, std::int64_t rounds, Isa isa) {
  for (std::int64_t round = 0; round < rounds; ++round) {
    const std::int32_t low = static_cast<std::int16_t>(chain & 0xFFFF);
    const std::int32_t high = static_cast<std::int16_t>(static_cast<std::uint32_t>(chain) >> 16U);
    if (isa == Isa::kAvx512Amx) {
      chain += 16 * 30;
    } else {
      chain += isa == Isa::kAvx512Vnni ? 30 : 4 * low + 3 * high;
    }
  }
  return chain;
}

TEST(Peak, ProductsOfBytesAreDoneInAllChains) {
  for (const ProductPeakKernel* kernel : byte_peak_kernels()) {
    if (kernel->isa > best_isa()) continue;
    for (const std::int64_t rounds : {1, 5}) {
      const bool has_tiles = kernel->isa == Isa::kAvx512Amx;
      std::int32_t want = 0;
      for (int chain = 0; chain < (has_tiles ? 6 : 12); ++chain) {
        const std::int32_t end = end_of_chain(chain, rounds, kernel->isa);
        want = has_tiles ? want + end : want ^ end;
      }
      EXPECT_EQ(kernel->multiply_add(rounds), static_cast<float>(want)) << kernel->name;
    }
    EXPECT_GT(measure_products(*kernel, 0.0), 1e6) << kernel->name;
    EXPECT_LT(measure_products(*kernel, 0.0), 1e14) << kernel->name;
  }
}

// A round adds 32 products of ones to each of six chains, which begin at 0 to 5.
TEST(Peak, ProductsOfPairsAreDoneInAllChains) {
  EXPECT_EQ(select_pair_peak(Isa::kAvx512Vnni), nullptr);
  for (const ProductPeakKernel* kernel : pair_peak_kernels()) {
    EXPECT_EQ(select_pair_peak(kernel->isa), kernel);
    if (kernel->isa > best_isa()) continue;
    for (const std::int64_t rounds : {1, 5}) {
      EXPECT_EQ(kernel->multiply_add(rounds), static_cast<float>(15 + 6 * 32 * rounds));
    }
    EXPECT_GT(measure_products(*kernel, 0.0), 1e6) << kernel->name;
    EXPECT_LT(measure_products(*kernel, 0.0), 1e14) << kernel->name;
  }
}

TEST(Peak, NamesTellWhatIsMultiplied) {
  for (const QConvKernel* kernel : qconv_kernels()) EXPECT_TRUE(multiplies_bytes(kernel->name));
  for (const QDwConvKernel* kernel : qdwconv_kernels()) EXPECT_TRUE(multiplies_bytes(kernel->name));
  for (const ConvKernel* kernel : conv_kernels()) EXPECT_FALSE(multiplies_bytes(kernel->name));
  EXPECT_TRUE(multiplies_pairs("avx512amx_f32_conv_bf16x3"));
  EXPECT_FALSE(multiplies_pairs("avx512_f32_conv"));
  EXPECT_FALSE(multiplies_bytes(""));
  EXPECT_FALSE(multiplies_bytes("reference"));
}

TEST(Peak, RatesArePossible) {
  AlignedFloats floats(PeakKernel::kReadStep * 64);
  for (std::size_t i = 0; i < floats.size(); ++i) floats.data()[i] = 1.0F;
  for (const PeakKernel* kernel : peak_kernels()) {
    if (kernel->isa > best_isa()) continue;
    EXPECT_GT(measure_flops(*kernel, 0.0), 1e6) << kernel->name;
    EXPECT_LT(measure_flops(*kernel, 0.0), 1e13) << kernel->name;
    const double reads = measure_reads(*kernel, {floats.data(), floats.size()}, 0.0);
    EXPECT_GT(reads, 1e6) << kernel->name;
    EXPECT_LT(reads, 1e13) << kernel->name;
  }
}

}  // namespace
}  // namespace lode::engine
