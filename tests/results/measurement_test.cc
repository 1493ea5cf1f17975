// Sorting times, and what is kept of many.
#include "results/record/measurement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace lode::record {
namespace {

TEST(SortTimes, SortsAsTheStandardLibraryDoes) {
  std::mt19937_64 rng(7);
  for (const std::size_t count : {0U, 1U, 100U, 4095U, 4096U, 100'000U}) {
    for (const int bits : {1, 11, 12, 33, 63, 64}) {
      std::vector<std::int64_t> values(count);
      for (std::int64_t& value : values) value = static_cast<std::int64_t>(rng() >> (64 - bits));
      std::vector<std::int64_t> expected = values;
      std::sort(expected.begin(), expected.end());
      sort_times(values);
      EXPECT_EQ(values, expected) << count << " values of " << bits << " bits";
    }
  }
}

TEST(Summarize, OfManyValues) {
  std::vector<std::int64_t> values(1000);
  std::iota(values.rbegin(), values.rend(), 0);
  const Distribution d = summarize(values);
  EXPECT_EQ(d.min, 0);
  EXPECT_EQ(d.p50, 500);
  EXPECT_EQ(d.p90, 900);
  EXPECT_EQ(d.p95, 950);
  EXPECT_EQ(d.p97, 970);
  EXPECT_EQ(d.p99, 990);
  EXPECT_EQ(d.p99_9, 999);
  EXPECT_EQ(d.max, 999);
  EXPECT_EQ(d.mean, 500);  // 499.5
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
}

std::int64_t mean_of(std::vector<std::int64_t> values) {
  return summarize(values).mean;
}

TEST(Summarize, MeanIsRoundedToTheNearest) {
  EXPECT_EQ(mean_of({1, 1, 2}), 1);
  EXPECT_EQ(mean_of({1, 2, 2}), 2);
  EXPECT_EQ(mean_of({1, 2}), 2);
  EXPECT_EQ(mean_of({7}), 7);
  EXPECT_EQ(mean_of({-3, 3}), 0);
}

TEST(Summarize, MeanOfValuesWhoseSumOverflows) {
  constexpr std::int64_t kHuge = INT64_MAX / 2;
  EXPECT_EQ(mean_of({kHuge, kHuge, kHuge, kHuge + 4}), kHuge + 1);
  EXPECT_EQ(mean_of({0, kHuge, kHuge, kHuge, kHuge, kHuge, kHuge}), kHuge / 7 * 6 + kHuge % 7);
}

}  // namespace
}  // namespace lode::record
