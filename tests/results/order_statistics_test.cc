// Intervals of percentiles against tabled ranks, and their coverage of known truth.
#include "results/stats/order_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace lode::stats {
namespace {

/// F(k) of binomial(n, p) by its sum, for n small enough.
double binomial_cdf(int n, double p, int k) {
  double sum = 0.0;
  for (int i = 0; i <= k; ++i) {
    sum += std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0) +
                    i * std::log(p) + (n - i) * std::log1p(-p));
  }
  return sum;
}

TEST(PercentileRanks, MedianOfTheTables) {
  // 95% intervals of the median, by rank from 1: n=10: 2 and 9; n=20: 6 and 15; n=100: 40 and 61.
  struct Row {
    std::uint64_t n, lower, upper;
    double confidence;
  };
  for (const Row& row : {Row{10, 2, 9, 0.9785}, Row{20, 6, 15, 0.9586}, Row{100, 40, 61, 0.9648}}) {
    const auto ranks = percentile_ranks(row.n, 0.5, 0.95);
    ASSERT_TRUE(ranks);
    EXPECT_EQ(ranks->lower + 1, row.lower) << row.n;
    EXPECT_EQ(ranks->upper + 1, row.upper) << row.n;
    EXPECT_NEAR(ranks->confidence, row.confidence, 5e-5);
  }
}

TEST(PercentileRanks, AreTheClosestThatKeepTheTails) {
  for (const int n : {30, 100, 500}) {
    for (const double p : {0.1, 0.5, 0.9, 0.97}) {
      const auto ranks = percentile_ranks(static_cast<std::uint64_t>(n), p, 0.9);
      if (!ranks) continue;
      const int lower = static_cast<int>(ranks->lower);
      const int upper = static_cast<int>(ranks->upper);
      EXPECT_LE(binomial_cdf(n, p, lower), 0.05 + 1e-12);
      EXPECT_GT(binomial_cdf(n, p, lower + 1), 0.05);
      EXPECT_GE(binomial_cdf(n, p, upper), 0.95 - 1e-12);
      EXPECT_LT(binomial_cdf(n, p, upper - 1), 0.95);
      EXPECT_GE(ranks->confidence, 0.9);
    }
  }
}

TEST(PercentileRanks, NoneWhereTheSampleIsTooSmall) {
  EXPECT_FALSE(percentile_ranks(1, 0.5, 0.95));
  EXPECT_FALSE(percentile_ranks(5, 0.5, 0.95));
  EXPECT_TRUE(percentile_ranks(6, 0.5, 0.95));
  // The largest of n lies below the p99 with probability 0.99^n: 368 values are needed for 2.5%.
  EXPECT_FALSE(percentile_ranks(367, 0.99, 0.95));
  EXPECT_TRUE(percentile_ranks(368, 0.99, 0.95));
}

TEST(PercentileRanks, CloseInAsTheSampleGrows) {
  const auto ranks = percentile_ranks(10'000'000, 0.99, 0.95);
  ASSERT_TRUE(ranks);
  // p n +- 1.96 sqrt(n p (1-p))
  EXPECT_NEAR(static_cast<double>(ranks->lower), 9'900'000 - 616.7, 3.0);
  EXPECT_NEAR(static_cast<double>(ranks->upper), 9'900'000 + 616.7, 3.0);
}

TEST(PercentileInterval, CoversTheTruthAsOftenAsItSays) {
  constexpr int kTrials = 2'000;
  for (const double p : {0.5, 0.9, 0.99}) {
    // Exponential of mean 1e6 ns: its percentile is known.
    const double truth_ns = -1e6 * std::log(1.0 - p);
    Rng rng = make_rng(3, "coverage");
    int covered = 0;
    double claimed = 0.0;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<std::int64_t> values(600);
      for (std::int64_t& value : values) {
        value = std::llround(-1e6 * std::log(1.0 - static_cast<double>(uniform_unit(rng))));
      }
      std::sort(values.begin(), values.end());
      const auto interval = percentile_interval(values, p, 0.95);
      ASSERT_TRUE(interval);
      claimed = interval->confidence;
      covered += static_cast<double>(interval->lower_ns) <= truth_ns &&
                 truth_ns <= static_cast<double>(interval->upper_ns);
    }
    EXPECT_NEAR(static_cast<double>(covered) / kTrials, claimed, 0.015) << p;
  }
}

}  // namespace
}  // namespace lode::stats
