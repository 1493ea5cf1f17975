// Rounding to half in place: every variant, bit for bit.
#include <gtest/gtest.h>

#include <bit>

#include "base/dtype.h"
#include "engine/kernels/eltwise/round.h"
#include "tests/engine/kernels/kernel_runner.h"

namespace lode::engine {
namespace {

// Every binade of floats, with mantissas at, above and below the ties of halves.
std::vector<float> hard_floats() {
  std::vector<float> values;
  for (std::uint32_t exponent = 0; exponent < 256; ++exponent) {
    for (const std::uint32_t mantissa :
         {0x0U, 0x1U, 0xFFFU, 0x1000U, 0x1001U, 0x2000U, 0x3000U, 0x7FF000U, 0x7FFFFFU}) {
      for (const std::uint32_t sign : {0U, 0x80000000U}) {
        values.push_back(std::bit_cast<float>(sign | (exponent << 23) | mantissa));
      }
    }
  }
  return values;
}

bool same(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

TEST(RoundHalf, EveryVariantRoundsAsTheFormatDoes) {
  const std::vector<float> values = hard_floats();
  const auto count = static_cast<std::int64_t>(values.size());
  const RoundShape shape{.rows = 1, .columns = count, .stride = count};
  std::vector<float> want = values;
  round_reference(shape, {want.data()});
  EXPECT_EQ(want[want.size() / 2], f16_to_f32(f32_to_f16(values[values.size() / 2])));
  for (const RoundKernel* kernel : round_kernels()) {
    if (kernel->isa > best_isa()) continue;
    std::vector<float> got = values;
    run_all_tasks(*kernel, shape, RoundArguments{got.data()});
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_TRUE(same(got[i], want[i])) << kernel->name << " of " << values[i];
    }
  }
}

TEST(RoundHalf, OnlyTheRowsAreTouched) {
  for (const std::int64_t columns : {1, 7, 8, 9, 16, 17, 33, 20000}) {
    const RoundShape shape{.rows = 5, .columns = columns, .stride = columns + 3};
    const std::vector<float> values = random_floats(shape.rows * shape.stride, "round");
    std::vector<float> want = values;
    round_reference(shape, {want.data()});
    for (const RoundKernel* kernel : round_kernels()) {
      if (kernel->isa > best_isa()) continue;
      std::vector<float> got = values;
      run_all_tasks(*kernel, shape, RoundArguments{got.data()});
      for (std::size_t i = 0; i < got.size(); ++i) {
        const bool is_inside = static_cast<std::int64_t>(i) % shape.stride < columns;
        ASSERT_EQ(got[i], is_inside ? want[i] : values[i]) << kernel->name << " at " << i;
      }
    }
  }
}

TEST(RoundHalf, TheChoiceIsWithinTheCap) {
  const RoundShape shape{.rows = 1, .columns = 8, .stride = 8};
  for (const Isa cap : kAllIsas) EXPECT_LE(select_round(shape, cap).kernel->isa, cap);
}

}  // namespace
}  // namespace lode::engine
