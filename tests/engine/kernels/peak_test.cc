// The limits: each instruction set has its loops, and they give rates that a machine can have.
#include "engine/kernels/peak/peak.h"

#include <gtest/gtest.h>

#include "engine/kernels/aligned_floats.h"

namespace lode::engine {
namespace {

TEST(Peak, EveryInstructionSetHasItsOwn) {
  EXPECT_EQ(select_peak(Isa::kGeneric).isa, Isa::kGeneric);
#if defined(__x86_64__)
  EXPECT_EQ(select_peak(Isa::kAvx2).name, "avx2_f32_peak");
  EXPECT_EQ(select_peak(Isa::kAvx512).name, "avx512_f32_peak");
  EXPECT_EQ(select_peak(Isa::kAvx512Vnni).name, "avx512_f32_peak");
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
