// The schedule of server against what MLPerf LoadGen was seen to use, and the other patterns.
#include "loadgen/arrivals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace lode::loadgen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::int64_t> first_times(const Settings& settings, std::size_t count) {
  ArrivalSchedule schedule(settings);
  std::vector<std::int64_t> times;
  while (times.size() < count) {
    const auto time_ns = schedule.next();
    if (!time_ns) break;
    times.push_back(*time_ns);
  }
  return times;
}

Settings at(double qps, std::string_view pattern = "poisson") {
  Settings settings;
  settings.scenario = Scenario::kServer;
  settings.target_qps = qps;
  settings.arrivals = *parse_arrivals(pattern);
  return settings;
}

TEST(Arrivals, PoissonIsTheReferences) {
  EXPECT_THAT(first_times(at(1000.0), 6),
              ElementsAre(0, 1843654, 2301577, 3587439, 4300433, 4686839));
}

TEST(Arrivals, ExponentialIsTheStandardLibrarysToTheLastBit) {
  for (const double rate : {1.0, 777.0, 1e9}) {
    StreamRng ours = make_stream_rng(7);
    std::mt19937 theirs(7);
    std::exponential_distribution<double> distribution(rate);
    for (int i = 0; i < 200'000; ++i) {
      ASSERT_EQ(draw_exponential(ours, rate), distribution(theirs)) << "draw " << i;
    }
  }
}

TEST(Arrivals, GapsOfCenturiesDoNotOverflow) {
  const auto times = first_times(at(1e-12), 100);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_GT(times.back(), 0);
}

TEST(Arrivals, PoissonHasItsRate) {
  const auto times = first_times(at(1000.0), 100'001);
  EXPECT_NEAR(static_cast<double>(times.back()) / 1e9, 100.0, 1.0);
}

TEST(Arrivals, ConstantDoesNotDrift) {
  const auto times = first_times(at(3.0, "constant"), 3'000'001);
  EXPECT_THAT(std::vector(times.begin(), times.begin() + 4),
              ElementsAre(0, 333'333'333, 666'666'666, 1'000'000'000));
  EXPECT_EQ(times.back(), 1'000'000'000'000'000);
}

TEST(Arrivals, BurstsComeTogetherAtTheSameMeanRate) {
  EXPECT_THAT(first_times(at(1000.0, "burst:3"), 7),
              ElementsAre(0, 0, 0, 3'000'000, 3'000'000, 3'000'000, 6'000'000));
}

TEST(Arrivals, StepsHaveTheirRates) {
  const auto times = first_times(at(0.0, "step:1000@2s,4000@1s,100@1s"), 10'000);
  const auto within = [&](std::int64_t begin_ns, std::int64_t end_ns) {
    return std::count_if(times.begin(), times.end(),
                         [&](std::int64_t t) { return begin_ns <= t && t < end_ns; });
  };
  EXPECT_EQ(times.front(), 0);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_NEAR(static_cast<double>(within(0, 2'000'000'000)), 2000.0, 200.0);
  EXPECT_NEAR(static_cast<double>(within(2'000'000'000, 3'000'000'000)), 4000.0, 300.0);
  EXPECT_NEAR(static_cast<double>(within(10'000'000'000, 20'000'000'000)), 1000.0, 150.0);
}

TEST(Arrivals, ReplayEnds) {
  Settings settings = at(1.0);
  settings.arrivals.kind = Arrivals::Kind::kReplay;
  settings.arrivals.times_ns = {5, 5, 9};
  EXPECT_THAT(first_times(settings, 10), ElementsAre(5, 5, 9));
}

TEST(Arrivals, TimesOfAReplayAreReadWithTheirLines) {
  const auto times = parse_arrival_times("# recorded\n0\n1.5ms\r\n\n  2s \n2s");
  ASSERT_TRUE(times.ok()) << times.error().message;
  EXPECT_THAT(*times, ElementsAre(0, 1'500'000, 2'000'000'000, 2'000'000'000));
  EXPECT_THAT(parse_arrival_times("1ms\n7\n").error().message, HasSubstr("line 2"));
  EXPECT_THAT(parse_arrival_times("2ms\n1ms\n").error().message,
              HasSubstr("line 2: 1ms is before the arrival above it"));
  EXPECT_THAT(parse_arrival_times("# nothing\n").error().message, HasSubstr("no arrival"));
}

TEST(Arrivals, WrongPatternsAreRefused) {
  for (const char* text : {"", "poison", "burst", "burst:0", "burst:x", "step:", "step:100",
                           "step:100@10", "step:0@1s", "step:1@0s", "step:1@1s,", "replay:x"}) {
    EXPECT_FALSE(parse_arrivals(text).ok()) << text;
  }
}

}  // namespace
}  // namespace lode::loadgen
