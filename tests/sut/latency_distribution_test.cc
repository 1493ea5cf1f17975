// Spellings of latency distributions, and the moments of what they draw.
#include "sut/latency_distribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace lode::sut {
namespace {

using testing::HasSubstr;

constexpr double kMs = 1e6;

std::vector<double> draw(std::string_view text, int count = 40'000) {
  const auto distribution = LatencyDistribution::parse(text);
  EXPECT_TRUE(distribution.ok()) << text;
  Rng rng = make_rng(1, "test");
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<double>(distribution->draw(rng)));
  return values;
}

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  const double centre = mean(values);
  double sum = 0.0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

TEST(LatencyDistribution, ConstantIsExact) {
  for (const double value : draw("constant:1.5ms", 10)) EXPECT_EQ(value, 1.5 * kMs);
  for (const double value : draw("constant:0", 10)) EXPECT_EQ(value, 0.0);
}

TEST(LatencyDistribution, MomentsAreThoseAskedFor) {
  const auto uniform = draw("uniform:1ms,3ms");
  EXPECT_NEAR(mean(uniform), 2 * kMs, 0.02 * kMs);
  EXPECT_GE(*std::min_element(uniform.begin(), uniform.end()), kMs);
  EXPECT_LE(*std::max_element(uniform.begin(), uniform.end()), 3 * kMs);

  const auto normal = draw("normal:5ms,1ms");
  EXPECT_NEAR(mean(normal), 5 * kMs, 0.03 * kMs);
  EXPECT_NEAR(deviation(normal), kMs, 0.02 * kMs);

  const auto exponential = draw("exponential:2ms");
  EXPECT_NEAR(mean(exponential), 2 * kMs, 0.04 * kMs);
  EXPECT_NEAR(deviation(exponential), 2 * kMs, 0.08 * kMs);

  auto lognormal = draw("lognormal:2ms,0.5");
  std::nth_element(lognormal.begin(), lognormal.begin() + 20'000, lognormal.end());
  EXPECT_NEAR(lognormal[20'000], 2 * kMs, 0.04 * kMs);
  EXPECT_NEAR(mean(lognormal), 2 * kMs * std::exp(0.125), 0.05 * kMs);
}

TEST(LatencyDistribution, NormalIsClippedAtZero) {
  const auto values = draw("normal:1us,1ms");
  EXPECT_EQ(*std::min_element(values.begin(), values.end()), 0.0);
  const auto zeros = std::count(values.begin(), values.end(), 0.0);
  EXPECT_NEAR(static_cast<double>(zeros), 20'000, 500);
}

TEST(LatencyDistribution, ErrorsSayWhatIsWrong) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"", "no such distribution"},
      {"gamma:1ms,2", "no such distribution"},
      {"constant", "one parameter expected"},
      {"constant:", "one parameter expected"},
      {"constant:1ms,2ms", "one parameter expected"},
      {"uniform:1ms", "two parameters expected"},
      {"uniform:3ms,1ms", "below the lower one"},
      {"constant:10", "has no unit"},
      {"normal:5ms,x", "not a duration"},
      {"lognormal:2ms,0.5ms", "not a number"},
      {"lognormal:2ms,-1", "out of range"},
      {"constant:-1ms", "not a duration"},
  };
  for (const auto& [text, message] : cases) {
    const auto result = LatencyDistribution::parse(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(result.error().message, HasSubstr(message)) << text;
    EXPECT_THAT(result.error().message, HasSubstr(text));
  }
}

}  // namespace
}  // namespace lode::sut
