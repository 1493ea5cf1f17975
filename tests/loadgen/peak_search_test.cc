// The search for the highest rate, on the manual clock.
#include "loadgen/peak_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loadgen/fakes.h"

namespace lode::loadgen {
namespace {

using testing::HasSubstr;

class Peak : public testing::Test {
 protected:
  Peak() {
    settings.scenario = Scenario::kServer;
    settings.target_latency_ns = 10 * kMs;
    settings.min_duration_ns = kSecond;
    settings.min_query_count = 200'000;
  }
  PeakSearch search_from(double qps) {
    ManualClock clock;
    SimulatedSut sut{clock};
    settings.target_qps = qps;
    auto result = find_peak_qps(sut, library, settings, clock, hooks);
    if (!result.ok()) {
      ADD_FAILURE() << result.error().message;
      return {};
    }
    return std::move(result).value();
  }

  FakeLibrary library{64};
  Settings settings;
  TestHooks hooks;
};

TEST_F(Peak, AProbeWithoutHopeIsEndedEarly) {
  const PeakSearch search = search_from(1'000'000.0);
  EXPECT_LT(search.probes.front().queries, 20'000U);
  EXPECT_EQ(search.probes.front().reason, "target_latency");
}

TEST_F(Peak, ASutThatIsTooSlowHasNone) {
  settings.target_latency_ns = kMs / 2;
  settings.min_query_count = 100;
  const PeakSearch search = search_from(10.0);
  EXPECT_EQ(search.qps, 0.0);
  EXPECT_FALSE(search.measurement.verdict.valid);
  EXPECT_EQ(search.probes.size(), 1U) << "queries that do not meet are no faster when rarer";
}

TEST_F(Peak, TheStepWidensTheBounds) {
  ManualClock clock;
  SimulatedSut sut{clock};
  settings.target_qps = 10.0;
  settings.min_query_count = 2'000;
  const auto search =
      find_peak_qps(sut, library, settings, clock, hooks, {.qps = 100.0, .step = 9.0});
  ASSERT_TRUE(search.ok());
  ASSERT_GE(search->probes.size(), 4U);
  EXPECT_EQ(search->probes[1].target_qps, 100.0);
  EXPECT_EQ(search->probes[2].target_qps, 1000.0);
  EXPECT_FALSE(find_peak_qps(sut, library, settings, clock, hooks, {.step = 0.0}).ok());
}

TEST_F(Peak, WhatItNeedsIsSaid) {
  ManualClock clock;
  SimulatedSut sut{clock};
  settings.target_qps = 1.0;
  settings.target_latency_ns = 0;
  auto result = find_peak_qps(sut, library, settings, clock, hooks);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("target_latency"));
  settings.scenario = Scenario::kOffline;
  result = find_peak_qps(sut, library, settings, clock, hooks);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("server"));
}

}  // namespace
}  // namespace lode::loadgen
