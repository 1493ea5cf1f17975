// Histograms and ranges against hand-computed ones.
#include "quant/observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "quant/histogram.h"
#include "quant/kl_divergence.h"
#include "tests/engine/graph_builder.h"

namespace lode::quant {
namespace {

constexpr std::size_t kHalf = Histogram::kBinsPerSide;

TEST(Histogram, CountsIntoBinsOfAPowerOfTwo) {
  Histogram histogram;
  const std::vector<float> values = {0.0F, 0.5F, -0.5F, 0.999F, 0.0F};
  histogram.add(values);
  EXPECT_EQ(histogram.limit(), 1.0);
  EXPECT_EQ(histogram.count(), 5U);
  EXPECT_EQ(histogram.zeros(), 2U);
  EXPECT_EQ(histogram.bins()[kHalf + kHalf / 2], 1U);  // [0.5, 0.5 + 1/2048)
  EXPECT_EQ(histogram.bins()[kHalf - kHalf / 2], 1U);  // [-0.5, ...)
  EXPECT_EQ(histogram.bins()[2 * kHalf - 3], 1U);      // 0.999 * 2048 = 2045.95
  EXPECT_EQ(histogram.bins()[2 * kHalf - 1], 0U);
  EXPECT_EQ(histogram.min(), -0.5F);
  EXPECT_EQ(histogram.max(), 0.999F);
}

TEST(Histogram, ALimitIsOutsideItsOwnRange) {
  Histogram histogram;
  const std::vector<float> one = {1.0F};
  histogram.add(one);
  EXPECT_EQ(histogram.limit(), 2.0);
  EXPECT_EQ(histogram.bins()[kHalf + kHalf / 2], 1U);
}

TEST(Histogram, DoesNotDependOnTheOrder) {
  const engine::Tensor small = engine::random_tensor({5000}, 1, -0.01F, 0.02F);
  const engine::Tensor large = engine::random_tensor({5000}, 2, -90.0F, 30.0F);
  Histogram up;
  up.add(small.as<float>());
  up.add(large.as<float>());
  Histogram down;
  down.add(large.as<float>());
  down.add(small.as<float>());
  EXPECT_EQ(up.limit(), 128.0);
  EXPECT_EQ(up.limit(), down.limit());
  EXPECT_TRUE(std::equal(up.bins().begin(), up.bins().end(), down.bins().begin()));
}

TEST(Histogram, MergingKeepsEveryCount) {
  Histogram histogram;
  const engine::Tensor values = engine::random_tensor({1000}, 3, -1.0F, 1.0F);
  histogram.add(values.as<float>());
  const std::vector<float> far = {1e30F};
  histogram.add(far);
  std::uint64_t sum = histogram.zeros();
  for (const std::uint64_t bin : histogram.bins()) sum += bin;
  EXPECT_EQ(sum, 1001U);
}

TEST(Histogram, ZerosAloneNeedNoBins) {
  Histogram histogram;
  const std::vector<float> zeros(7, 0.0F);
  histogram.add(zeros);
  EXPECT_TRUE(histogram.bins().empty());
  EXPECT_EQ(histogram.zeros(), 7U);
}

Range observe(std::string_view name, const std::vector<std::vector<float>>& samples,
              const ObserverOptions& options = {}) {
  const auto observer = (*find_observer(name))->make(options);
  for (const auto& sample : samples) observer->observe(sample);
  return observer->range();
}

TEST(Observers, OfNothingOrZerosAreEmpty) {
  for (const ObserverDef& each : all_observers()) {
    EXPECT_EQ(each.make({})->range(), Range{}) << each.name;
    EXPECT_EQ(observe(each.name, {{0.0F, 0.0F}}), Range{}) << each.name;
  }
}

TEST(Observers, KeepWithinWhatWasSeen) {
  const engine::Tensor values = engine::random_tensor({20000}, 4, -0.7F, 1.3F);
  const auto span = values.as<float>();
  const std::vector<float> sample(span.begin(), span.end());
  for (const ObserverDef& each : all_observers()) {
    const Range range = observe(each.name, {sample});
    EXPECT_GE(range.low, -0.7F) << each.name;
    EXPECT_LE(range.high, 1.3F) << each.name;
    // A uniform distribution has nothing to clip.
    EXPECT_LT(range.low, -0.68F) << each.name;
    EXPECT_GT(range.high, 1.26F) << each.name;
  }
}

TEST(Observers, MinMaxHoldsZero) {
  EXPECT_EQ(observe("min-max", {{1.0F, 2.0F}, {3.0F}}), (Range{0.0F, 3.0F}));
  EXPECT_EQ(observe("min-max", {{-1.0F}, {-4.0F}}), (Range{-4.0F, 0.0F}));
}

TEST(Observers, MovingAverageFades) {
  ObserverOptions options;
  options.momentum = 0.25;
  // 4, then 4 + (8 - 4) / 4 = 5, then 5 + (1 - 5) / 4 = 4.
  EXPECT_EQ(observe("moving-average", {{4.0F, -2.0F}, {8.0F, -2.0F}, {1.0F, -2.0F}}, options),
            (Range{-2.0F, 4.0F}));
}

TEST(Observers, PercentileClipsTheOutermost) {
  std::vector<float> values;
  for (int i = 1; i <= 1000; ++i) values.push_back(static_cast<float>(i) / 1000.0F);
  ObserverOptions options;
  options.percentile = 90.0;
  const Range range = observe("percentile", {values}, options);
  EXPECT_EQ(range.low, 0.0F);
  EXPECT_NEAR(range.high, 0.9F, 0.002F);
}

TEST(Observers, ErrorAndEntropyClipALoneOutlier) {
  const engine::Tensor bulk = engine::random_tensor({3000000}, 5, 0.0F, 1.0F);
  const auto span = bulk.as<float>();
  std::vector<float> values(span.begin(), span.end());
  values.push_back(20.0F);
  for (const char* name : {"mse", "entropy", "percentile"}) {
    const Range range = observe(name, {values});
    EXPECT_GE(range.high, 0.9F) << name;
    EXPECT_LT(range.high, 8.0F) << name;
  }
  EXPECT_EQ(observe("min-max", {values}).high, 20.0F);
}

TEST(Observers, MseIsTheLeastOfAllRanges) {
  // Two magnitudes: covering b costs n (b / 255)^2 / 12, clipping it at a costs (b - a)^2.
  std::vector<float> values(10000, 1.0F);
  values.push_back(1.5F);
  const Range range = observe("mse", {values});
  const auto cost = [&](double high) {
    double sum = 0.0;
    for (const float value : values) {
      const double step = high / 255;
      sum += value > high ? (value - high) * (value - high) : step * step / 12;
    }
    return sum;
  };
  for (double high = 1.01; high < 1.5; high += 0.01) {
    EXPECT_LE(cost(range.high), cost(high) * 1.01) << high;
  }
}

TEST(Observers, SymmetricOnesAreSymmetric) {
  const engine::Tensor values = engine::random_tensor({20000}, 6, -0.2F, 1.0F);
  const auto span = values.as<float>();
  ObserverOptions options;
  options.is_symmetric = true;
  for (const char* name : {"mse", "entropy"}) {
    const Range range = observe(name, {{span.begin(), span.end()}}, options);
    EXPECT_EQ(range.low, -range.high) << name;
  }
}

TEST(Observers, UnknownOnesAreListed) {
  const auto found = find_observer("best");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(found.error().message, testing::HasSubstr("min-max, moving-average, percentile"));
}

TEST(ClippingDivergence, IsZeroWhereNothingIsLost) {
  const std::vector<std::uint64_t> bins = {3, 1, 4, 1, 5, 9, 2, 6};
  EXPECT_NEAR(clipping_divergence(bins, 0, 8, 8), 0.0, 1e-12);
  const std::vector<std::uint64_t> even = {2, 2, 0, 0, 3, 3, 7, 7};
  EXPECT_NEAR(clipping_divergence(even, 0, 8, 4), 0.0, 1e-12);
}

TEST(ClippingDivergence, OfAHandComputedMerge) {
  // P = (1, 3)/4 becomes Q = (2, 2)/4: 1/4 ln(1/2) + 3/4 ln(3/2).
  const std::vector<std::uint64_t> bins = {1, 3};
  const double merged = 0.25 * std::log(0.5) + 0.75 * std::log(1.5);
  EXPECT_NEAR(clipping_divergence(bins, 0, 2, 1), merged, 1e-12);
  // An empty bin takes no part of its group's count: Q = (0, 4)/4.
  const std::vector<std::uint64_t> hole = {0, 4};
  EXPECT_NEAR(clipping_divergence(hole, 0, 2, 1), 0.0, 1e-12);
}

TEST(ClippingDivergence, OfAHandComputedClip) {
  // Kept (2, 2), 4 beyond: P = (2, 6)/8, Q = (2, 2)/4.
  const std::vector<std::uint64_t> bins = {2, 2, 4};
  const double clipped = 0.25 * std::log(0.5) + 0.75 * std::log(1.5);
  EXPECT_NEAR(clipping_divergence(bins, 0, 2, 2), clipped, 1e-12);
  // Where Q has nothing, it is taken as 1e-7: P = (2, 4)/6, Q = (1, 0).
  const std::vector<std::uint64_t> gap = {2, 0, 4};
  const double lost = std::log(1.0 / 3.0) / 3.0 + std::log(2.0 / 3.0 / 1e-7) * 2.0 / 3.0;
  EXPECT_NEAR(clipping_divergence(gap, 0, 2, 2), lost, 1e-12);
}

}  // namespace
}  // namespace lode::quant
