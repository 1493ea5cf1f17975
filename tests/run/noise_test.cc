// The noise floor: known times have a known one.
#include "run/noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace lode::run {
namespace {

TEST(Noise, SteadyWorkHasNone) {
  const std::vector<std::int64_t> times(200, 1'000'000);
  const Noise noise = summarise_noise(times);
  EXPECT_EQ(noise.quanta, 200U);
  EXPECT_EQ(noise.p50_ns, 1'000'000);
  EXPECT_EQ(noise.max_ns, 1'000'000);
  EXPECT_EQ(noise.floor, 0.0);
  EXPECT_EQ(judge_noise(noise).fitness, Fitness::kGreen);
}

TEST(Noise, OutliersAreTheTailAndADriftIsTheFloor) {
  std::vector<std::int64_t> times(200, 1'000'000);
  times[7] = times[107] = 9'000'000;
  const Noise tail = summarise_noise(times);
  EXPECT_EQ(tail.max_ns, 9'000'000);
  EXPECT_EQ(tail.p99_ns, 9'000'000);
  EXPECT_EQ(tail.floor, 0.0);
  for (std::size_t i = 180; i < 200; ++i) times[i] = 1'030'000;
  const Noise drift = summarise_noise(times);
  EXPECT_DOUBLE_EQ(drift.floor, 0.03);
  EXPECT_EQ(judge_noise(drift).fitness, Fitness::kAmber);
  EXPECT_FALSE(judge_noise(drift).advice.empty());
  for (std::size_t i = 0; i < 20; ++i) times[i] = 900'000;
  EXPECT_EQ(judge_noise(summarise_noise(times)).fitness, Fitness::kRed);
}

TEST(Noise, IsMeasured) {
  const std::atomic<bool> never{false};
  const auto noise = measure_noise(30'000'000, never);
  ASSERT_TRUE(noise.ok());
  EXPECT_GE(noise->quanta, kNoiseBlocks);
  EXPECT_GE(noise->p99_ns, noise->p50_ns);
  EXPECT_GT(noise->p50_ns, 0);
  const std::atomic<bool> at_once{true};
  EXPECT_EQ(measure_noise(30'000'000, at_once).error().kind, ErrorKind::kInterrupted);
}

}  // namespace
}  // namespace lode::run
