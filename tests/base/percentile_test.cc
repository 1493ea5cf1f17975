// The one definition of a percentile, and what stands beside it.
#include "base/percentile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace lode {
namespace {

std::vector<std::int64_t> counting(std::size_t n) {
  std::vector<std::int64_t> values(n);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

TEST(Percentile, IsTheValueAtNTimesP) {
  EXPECT_EQ(percentile(counting(100), 0.90), 90);
  EXPECT_EQ(percentile(counting(100), 0.99), 99);
  EXPECT_EQ(percentile(counting(10), 0.50), 5);
  EXPECT_EQ(percentile(counting(10), 0.99), 9);
  EXPECT_EQ(percentile(counting(1024), 0.97), 993);
  EXPECT_EQ(percentile(counting(10), 0.0), 0);
  EXPECT_EQ(percentile(std::vector<std::int64_t>{42}, 0.999), 42);
  EXPECT_EQ(percentile(counting(3), std::nextafter(1.0, 0.0)), 2);
}

TEST(Percentile, AsksForWhatItsContractSays) {
  EXPECT_DEATH((void)percentile({}, 0.5), "n > 0");
  EXPECT_DEATH((void)percentile(counting(1), 1.0), "p < 1.0");
  EXPECT_DEATH((void)nearest_rank({}, 0.5), "sorted");
  EXPECT_DEATH((void)median({}), "n > 0");
}

TEST(Percentile, TheMedianIsOfAnyOrder) {
  EXPECT_EQ(median({5, 1, 3}), 3);
  // The upper one of two in the middle, as n * p has it.
  EXPECT_EQ(median({40, 10, 30, 20}), 30);
  EXPECT_EQ(median({7}), 7);
}

TEST(NearestRank, IsTheSmallestThatEnoughDoNotExceed) {
  EXPECT_EQ(nearest_rank(counting(100), 0.90), 89);
  EXPECT_EQ(nearest_rank(counting(10), 0.50), 4);
  EXPECT_EQ(nearest_rank(counting(10), 0.55), 5);
  EXPECT_EQ(nearest_rank(counting(10), 0.0), 0);
  EXPECT_EQ(nearest_rank(counting(10), 1.0), 9);
}

}  // namespace
}  // namespace lode
