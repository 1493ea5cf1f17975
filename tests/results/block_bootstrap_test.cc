// The block bootstrap: block lengths, and intervals that cover a known truth as often as they say.
#include "results/stats/block_bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/percentile.h"
#include "results/stats/ratio_interval.h"

namespace lode::stats {
namespace {

/// Service times as they look on a real machine: skewed, each resembling the one before it. The
/// logarithm is an autoregression with deviation 0.3, so percentiles of two such series differ by
/// exactly the ratio of their scales.
std::vector<std::int64_t> times(std::size_t n, double correlation, double scale_ns, Rng& rng) {
  std::vector<std::int64_t> values(n);
  const double fresh = std::sqrt(1.0 - correlation * correlation);
  double state = static_cast<double>(standard_normal(rng));
  for (std::int64_t& value : values) {
    value = std::llround(scale_ns * std::exp(0.3 * state));
    state = correlation * state + fresh * static_cast<double>(standard_normal(rng));
  }
  return values;
}

TEST(BlockLength, GrowsWithTheCorrelation) {
  Rng rng = make_rng(1, "block length");
  double before = 0.0;
  for (const double correlation : {0.0, 0.5, 0.8, 0.95}) {
    double sum = 0.0;
    for (int trial = 0; trial < 20; ++trial) {
      const auto series = times(4000, correlation, 1e6, rng);
      sum += block_length(std::vector<double>(series.begin(), series.end()));
    }
    EXPECT_GT(sum, before) << correlation;
    before = sum;
    if (correlation == 0.0) {
      EXPECT_LT(sum / 20, 4.0);
    }
  }
}

TEST(BlockLength, OfTheTextbookProcess) {
  // For an autoregression of order 1 with coefficient c the paper's formula has the closed form
  // (6 n (c / (1 - c^2))^2)^(1/3); the estimate scatters around it.
  constexpr double kC = 0.5;
  constexpr std::size_t kN = 20'000;
  const double wanted = std::cbrt(6.0 * kN * std::pow(kC / (1.0 - kC * kC), 2.0));
  Rng rng = make_rng(2, "block length");
  double sum = 0.0;
  for (int trial = 0; trial < 30; ++trial) {
    std::vector<double> series(kN);
    double state = 0.0;
    for (double& value : series) {
      state = kC * state + static_cast<double>(standard_normal(rng));
      value = state;
    }
    sum += block_length(series);
  }
  EXPECT_NEAR(sum / 30 / wanted, 1.0, 0.15);
}

TEST(BlockLength, OfWhatNeverVariesIsOne) {
  EXPECT_EQ(block_length(std::vector<double>(500, 3.0)), 1.0);
  EXPECT_EQ(block_length(std::vector<double>(1, 3.0)), 1.0);
}

TEST(Resamples, TheEstimateIsTheRecordsPercentile) {
  Rng rng = make_rng(3, "estimate");
  auto series = times(777, 0.5, 1e6, rng);
  for (const double p : {0.0, 0.5, 0.9, 0.99, 0.999}) {
    const Resamples resamples = resample_percentile(series, p, 50, rng);
    auto sorted = series;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(resamples.estimate, static_cast<double>(percentile(sorted, p)));
    EXPECT_EQ(resamples.values.size(), 50U);
    for (const double value : resamples.values) {
      EXPECT_TRUE(std::binary_search(sorted.begin(), sorted.end(), std::llround(value)));
    }
  }
}

TEST(Resamples, AgreeWithResamplingDoneLiterally) {
  // The same seed draws the same blocks; here each resample is put together, sorted and looked up.
  Rng rng = make_rng(4, "literal");
  const auto series = times(301, 0.7, 1e6, rng);
  for (const double p : {0.1, 0.5, 0.97}) {
    Rng fast = make_rng(5, "draw");
    Rng slow = make_rng(5, "draw");
    const Resamples resamples = resample_percentile(series, p, 200, fast);
    for (const double value : resamples.values) {
      std::vector<std::int64_t> drawn;
      while (drawn.size() < series.size()) {
        const std::size_t begin = uniform_below(slow, static_cast<std::uint32_t>(series.size()));
        for (std::size_t i = 0; i < resamples.block && drawn.size() < series.size(); ++i) {
          drawn.push_back(series[(begin + i) % series.size()]);
        }
      }
      std::sort(drawn.begin(), drawn.end());
      ASSERT_EQ(value, static_cast<double>(percentile(drawn, p))) << p;
    }
  }
}

TEST(Resamples, AreTheSameForTheSameSeed) {
  Rng rng = make_rng(6, "seed");
  const auto series = times(1000, 0.5, 1e6, rng);
  Rng first = make_rng(7, "a");
  Rng second = make_rng(7, "a");
  EXPECT_EQ(resample_mean(series, 100, first).values, resample_mean(series, 100, second).values);
  EXPECT_EQ(resample_percentile(series, 0.9, 100, first).values,
            resample_percentile(series, 0.9, 100, second).values);
}

TEST(Resamples, OfASeriesThatNeverVaries) {
  Rng rng = make_rng(8, "constant");
  const std::vector<std::int64_t> series(100, 42);
  for (const double value : resample_percentile(series, 0.99, 20, rng).values) {
    EXPECT_EQ(value, 42.0);
  }
  for (const double value : resample_mean(series, 20, rng).values) EXPECT_EQ(value, 42.0);
}

/// Of 1,000 comparisons of two series whose percentile p differs by a known ratio, how many
/// intervals hold it; the parameters are the correlation of neighbours and p.
class Coverage : public ::testing::TestWithParam<std::tuple<double, double>> {};

TEST_P(Coverage, OfARatioOfPercentilesIsWhatTheIntervalSays) {
  constexpr int kTrials = 1000;
  constexpr double kTruth = 1.1;
  const IntervalOptions options{.confidence = 0.95, .resamples = 400};
  const auto [correlation, p] = GetParam();
  Rng rng = make_rng(3, "cov");
  int covered = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto below = times(2000, correlation, 1e6, rng);
    const auto above = times(2000, correlation, kTruth * 1e6, rng);
    const Resamples of_below = resample_percentile(below, p, options.resamples, rng);
    const Resamples of_above = resample_percentile(above, p, options.resamples, rng);
    const Estimate ratio = ratio_within_runs(of_above, of_below, options).ratio;
    covered += ratio.lower <= kTruth && kTruth <= ratio.upper ? 1 : 0;
  }
  RecordProperty("covered", covered);
  EXPECT_GE(covered, 930);
  EXPECT_LE(covered, 970);
}

// Independent times, and times that depend on those before them.
INSTANTIATE_TEST_SUITE_P(CorrelationAndPercentile, Coverage,
                         ::testing::Combine(::testing::Values(0.0, 0.5, 0.7),
                                            ::testing::Values(0.5, 0.9, 0.99)));

}  // namespace
}  // namespace lode::stats
