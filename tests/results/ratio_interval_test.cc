// Levels and ratios of several runs: coverage of known truth, disturbed runs, few runs, one run.
#include "results/stats/ratio_interval.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lode::stats {
namespace {

constexpr IntervalOptions kOptions{.confidence = 0.95, .resamples = 1000};

/// One figure a run, that scatters by `deviation` of its logarithm.
std::vector<double> runs(std::size_t count, double level, double deviation, Rng& rng) {
  std::vector<double> values(count);
  for (double& value : values) {
    value = level * std::exp(deviation * static_cast<double>(standard_normal(rng)));
  }
  return values;
}

bool covers(const Estimate& interval, double truth) {
  return interval.lower <= truth && truth <= interval.upper;
}

TEST(RatioOfPairs, CoversTheTruth) {
  for (const std::size_t pairs : {3U, 6U, 10U, 24U}) {
    Rng rng = make_rng(1, "pairs");
    int covered = 0;
    int rejected = 0;
    constexpr int kTrials = 1000;
    for (int trial = 0; trial < kTrials; ++trial) {
      const auto above = runs(pairs, 2.0, 0.02, rng);
      const auto below = runs(pairs, 1.6, 0.02, rng);
      covered += covers(ratio_of_pairs(above, below, kOptions, rng).ratio, 1.25) ? 1 : 0;
      rejected += ratio_of_pairs(above, runs(pairs, 2.0, 0.02, rng), kOptions, rng).p_value <= 0.05;
    }
    EXPECT_NEAR(covered / 1000.0, 0.95, 0.025) << pairs;
    EXPECT_NEAR(rejected / 1000.0, 0.05, 0.02) << pairs;
  }
}

TEST(RatioOfPairs, WhatBothHaveInCommonCancels) {
  Rng rng = make_rng(2, "drift");
  std::vector<double> above;
  std::vector<double> below;
  for (int i = 0; i < 12; ++i) {
    const double heat = 1.0 + 0.05 * i;
    above.push_back(heat * 1.02 * (1.0 + 0.001 * static_cast<double>(standard_normal(rng))));
    below.push_back(heat * (1.0 + 0.001 * static_cast<double>(standard_normal(rng))));
  }
  const RatioEstimate paired = ratio_of_pairs(above, below, kOptions, rng);
  EXPECT_TRUE(covers(paired.ratio, 1.02));
  EXPECT_LT(paired.ratio.upper - paired.ratio.lower, 0.004);
  EXPECT_LT(paired.p_value, 1e-6);
  EXPECT_GT(ratio_of_runs(above, below, kOptions, rng).p_value, 0.1);
}

TEST(RatioOfPairs, ADisturbedRunDoesNotMoveIt) {
  Rng rng = make_rng(3, "outlier");
  auto above = runs(10, 1.0, 0.003, rng);
  const auto below = runs(10, 1.0, 0.003, rng);
  above[4] *= 3.0;
  const RatioEstimate ratio = ratio_of_pairs(above, below, kOptions, rng);
  EXPECT_NEAR(ratio.ratio.value, 1.0, 0.005);
  EXPECT_GT(ratio.p_value, 0.01);
}

TEST(RatioOfPairs, OnePairHasNoInterval) {
  Rng rng = make_rng(4, "one");
  const std::vector<double> two = {2.0};
  const std::vector<double> one = {1.0};
  const RatioEstimate ratio = ratio_of_pairs(two, one, kOptions, rng);
  EXPECT_EQ(ratio.ratio.method, IntervalMethod::kNone);
  EXPECT_EQ(ratio.p_value, 1.0);
  EXPECT_NEAR(ratio.ratio.value, 2.0, 1e-12);
}

TEST(RatioOfPairs, OfFiguresThatNeverVary) {
  Rng rng = make_rng(5, "constant");
  const std::vector<double> high(5, 3.0);
  const std::vector<double> low(5, 2.0);
  EXPECT_EQ(ratio_of_pairs(low, low, kOptions, rng).p_value, 1.0);
  const RatioEstimate ratio = ratio_of_pairs(high, low, kOptions, rng);
  EXPECT_EQ(ratio.p_value, 0.0);
  EXPECT_NEAR(ratio.ratio.lower, 1.5, 1e-12);
  EXPECT_NEAR(ratio.ratio.upper, 1.5, 1e-12);
}

TEST(RatioOfRuns, CoversTheTruthWithUnlikeSides) {
  struct Sides {
    std::size_t above, below;
  };
  for (const Sides& sides : {Sides{4, 7}, Sides{10, 10}, Sides{1, 6}, Sides{12, 20}}) {
    Rng rng = make_rng(6, "unpaired");
    int covered = 0;
    for (int trial = 0; trial < 1000; ++trial) {
      const auto above = runs(sides.above, 2.0, 0.02, rng);
      const auto below = runs(sides.below, 1.6, sides.above == 1 ? 0.02 : 0.03, rng);
      covered += covers(ratio_of_runs(above, below, kOptions, rng).ratio, 1.25) ? 1 : 0;
    }
    // With unlike spreads and few runs it is on the wide side.
    EXPECT_GE(covered, 925) << sides.above << " " << sides.below;
    EXPECT_LE(covered, 985) << sides.above << " " << sides.below;
  }
}

TEST(LevelOfRuns, CoversTheMedianOfWhatScatters) {
  Rng rng = make_rng(7, "level");
  int covered = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    covered += covers(level_of_runs(runs(10, 5.0, 0.1, rng), kOptions, rng), 5.0) ? 1 : 0;
  }
  EXPECT_NEAR(covered / 1000.0, 0.95, 0.025);
}

TEST(LevelOfRuns, IsTheSameForTheSameSeed) {
  Rng rng = make_rng(8, "level");
  const auto values = runs(10, 5.0, 0.1, rng);
  Rng first = make_rng(9, "a");
  Rng second = make_rng(9, "a");
  EXPECT_EQ(level_of_runs(values, kOptions, first).lower,
            level_of_runs(values, kOptions, second).lower);
}

}  // namespace
}  // namespace lode::stats
