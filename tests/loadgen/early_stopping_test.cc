// Early stopping against the numbers that MLPerf LoadGen was seen to use.
#include "loadgen/early_stopping.h"

#include <gtest/gtest.h>

#include <numeric>

namespace lode::loadgen {
namespace {

struct Row {
  double percentile;
  std::uint64_t needed[5];  ///< at 0, 1, 2, 10 and 100 queries over the bound
};

TEST(EarlyStopping, RequiredQueriesAreTheReferences) {
  constexpr std::uint64_t kOver[5] = {0, 1, 2, 10, 100};
  constexpr Row kRows[] = {{0.90, {44, 64, 81, 197, 1246}},
                           {0.95, {90, 130, 165, 398, 2504}},
                           {0.97, {152, 219, 277, 667, 4182}},
                           {0.99, {459, 662, 838, 2010, 12571}},
                           {0.999, {4603, 6636, 8403, 20140, 125826}}};
  for (const Row& row : kRows) {
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(queries_needed(kOver[i], row.percentile), row.needed[i])
          << row.percentile << " with " << kOver[i] << " over";
      EXPECT_EQ(queries_within_needed(kOver[i], row.percentile), row.needed[i] - kOver[i]);
    }
  }
}

TEST(EarlyStopping, EstimateRanksAreTheReferences) {
  EXPECT_EQ(estimate_rank(10'000, 0.9), 930U);
  EXPECT_EQ(estimate_rank(270'336, 0.99), 2583U);
}

TEST(EarlyStopping, TheRankIsTheLargestThatTheQueriesAllow) {
  for (const std::uint64_t queries : {64U, 65U, 80U, 81U, 500U, 12'345U}) {
    const auto rank = estimate_rank(queries, 0.9);
    ASSERT_TRUE(rank.has_value()) << queries;
    EXPECT_LE(queries_needed(*rank, 0.9), queries);
    EXPECT_GT(queries_needed(*rank + 1, 0.9), queries);
  }
  EXPECT_EQ(estimate_rank(64, 0.9), 1U);
  EXPECT_FALSE(estimate_rank(63, 0.9).has_value());
  EXPECT_FALSE(estimate_rank(0, 0.9).has_value());
}

std::vector<std::int64_t> one_to(std::int64_t count) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 1);
  return values;
}

TEST(EarlyStopping, SingleStreamHasTwoEstimates) {
  const Settings settings;
  const auto result =
      assess_early_stopping(settings, 0.9, one_to(10'000), settings.target_latency_ns);
  EXPECT_TRUE(result.applied);
  EXPECT_TRUE(result.met);
  EXPECT_EQ(result.queries, 10'000U);
  EXPECT_EQ(result.queries_needed, 64U);
  EXPECT_EQ(result.discarded, 929U);
  EXPECT_EQ(result.estimate_ns, 10'000 - 930 + 1);
  ASSERT_TRUE(result.estimate_p99_ns.has_value());
  EXPECT_GT(*result.estimate_p99_ns, 9'900);
  const auto few = assess_early_stopping(settings, 0.9, one_to(100), settings.target_latency_ns);
  EXPECT_TRUE(few.met);
  EXPECT_FALSE(few.estimate_p99_ns.has_value());
}

TEST(EarlyStopping, TooFewQueriesAreNotMet) {
  Settings settings;
  settings.scenario = Scenario::kMultiStream;
  const auto result =
      assess_early_stopping(settings, 0.99, one_to(661), settings.target_latency_ns);
  EXPECT_FALSE(result.met);
  EXPECT_EQ(result.queries_needed, 662U);
  EXPECT_FALSE(result.estimate_ns.has_value());
  EXPECT_TRUE(assess_early_stopping(settings, 0.99, one_to(662), settings.target_latency_ns).met);
  EXPECT_FALSE(assess_early_stopping(settings, 0.99, {}, settings.target_latency_ns).met);
}

TEST(EarlyStopping, ServerCountsWhatIsOverTheBound) {
  Settings settings;
  settings.scenario = Scenario::kServer;
  settings.target_latency_ns = 660;
  const auto result =
      assess_early_stopping(settings, 0.99, one_to(662), settings.target_latency_ns);
  EXPECT_EQ(result.discarded, 2U);
  EXPECT_EQ(result.queries_needed, 838U);
  EXPECT_FALSE(result.met);
  settings.target_latency_ns = 661;
  EXPECT_TRUE(assess_early_stopping(settings, 0.99, one_to(662), settings.target_latency_ns).met);
  settings.target_latency_ns = 0;
  EXPECT_EQ(
      assess_early_stopping(settings, 0.99, one_to(662), settings.target_latency_ns).discarded, 0U);
}

TEST(EarlyStopping, OfflineIsAlwaysMet) {
  Settings settings;
  settings.scenario = Scenario::kOffline;
  EXPECT_TRUE(
      assess_early_stopping(settings, std::nullopt, one_to(1), settings.target_latency_ns).met);
}

}  // namespace
}  // namespace lode::loadgen
