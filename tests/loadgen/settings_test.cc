// Names of scenarios and modes, and which settings are refused by which key.
#include "loadgen/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace lode::loadgen {
namespace {

using testing::HasSubstr;

TEST(Settings, NamesGoBothWays) {
  for (const Scenario scenario :
       {Scenario::kSingleStream, Scenario::kMultiStream, Scenario::kServer, Scenario::kOffline}) {
    EXPECT_EQ(scenario_from_name(scenario_name(scenario)), scenario);
  }
  for (const Mode mode : {Mode::kPerformance, Mode::kAccuracy}) {
    EXPECT_EQ(mode_from_name(mode_name(mode)), mode);
  }
  EXPECT_EQ(scenario_name(Scenario::kMultiStream), "multi-stream");
  EXPECT_FALSE(scenario_from_name("Offline"));
  EXPECT_FALSE(mode_from_name(""));
}

TEST(Settings, DefaultsAreValid) {
  for (const Scenario scenario :
       {Scenario::kSingleStream, Scenario::kMultiStream, Scenario::kOffline}) {
    Settings settings;
    settings.scenario = scenario;
    EXPECT_TRUE(validate(settings).ok());
  }
}

struct Refusal {
  const char* key;
  std::function<void(Settings&)> spoil;
};

TEST(Settings, EachRefusalNamesItsKey) {
  const std::vector<Refusal> refusals = {
      {"min_duration", [](Settings& s) { s.min_duration_ns = -1; }},
      {"min_queries", [](Settings& s) { s.min_query_count = 0; }},
      {"max_duration", [](Settings& s) { s.max_duration_ns = s.min_duration_ns - 1; }},
      {"max_queries", [](Settings& s) { s.max_query_count = s.min_query_count - 1; }},
      {"query_timeout", [](Settings& s) { s.query_timeout_ns = 0; }},
      {"recorder_memory", [](Settings& s) { s.recorder_memory_bytes = 1; }},
      {"target_percentile", [](Settings& s) { s.target_percentile = 1.0; }},
      {"target_percentile", [](Settings& s) { s.target_percentile = -0.1; }},
      {"target_percentile", [](Settings& s) { s.target_percentile = 0.0 / 0.0; }},
      {"target_latency", [](Settings& s) { s.target_latency_ns = -1; }},
      {"target_latency",
       [](Settings& s) {
         s.scenario = Scenario::kOffline;
         s.target_latency_ns = 1;
       }},
      {"target_percentile",
       [](Settings& s) {
         s.scenario = Scenario::kOffline;
         s.target_percentile = 0.9;
       }},
      {"samples_per_query", [](Settings& s) { s.samples_per_query = 0; }},
      {"expected_qps", [](Settings& s) { s.offline_expected_qps = 5.0; }},
      {"expected_qps",
       [](Settings& s) {
         s.scenario = Scenario::kOffline;
         s.offline_expected_qps = -5.0;
       }},
      {"offline_min_samples", [](Settings& s) { s.offline_min_samples = 5; }},
      {"offline_min_samples",
       [](Settings& s) {
         s.scenario = Scenario::kOffline;
         s.offline_min_samples = 500;
         s.max_query_count = 499;
       }},
  };
  for (const Refusal& refusal : refusals) {
    Settings settings;
    refusal.spoil(settings);
    const Status status = validate(settings);
    ASSERT_FALSE(status.ok()) << refusal.key;
    EXPECT_EQ(status.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(status.error().message, HasSubstr(refusal.key));
    EXPECT_EQ(status.error().message.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace lode::loadgen
