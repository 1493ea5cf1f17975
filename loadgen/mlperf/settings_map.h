// Between MLPerf's settings and ours: what a requested setting comes to, in both.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "loadgen/mlperf/test_settings.h"
#include "loadgen/settings.h"

namespace mlperf {

/// What MLPerf calls the effective settings.
struct EffectiveSettings {
  std::uint64_t samples_per_query = 1;
  double target_qps = 1.0;
  std::int64_t target_latency_ns = 0;
  double target_latency_percentile = 0.0;
  std::uint64_t max_async_queries = 0;
  std::uint64_t target_duration_ms = 0;
  std::uint64_t min_query_count = 0;
  std::uint64_t min_sample_count = 0;
  std::uint64_t performance_sample_count = 0;
  std::uint64_t accuracy_sample_count = 0;
};

/// "SingleStream", "MultiStream", "Server", "Offline".
[[nodiscard]] std::string_view scenario_name(TestScenario scenario);
/// "SubmissionRun", "AccuracyOnly", "PerformanceOnly", "FindPeakPerformance".
[[nodiscard]] std::string_view mode_name(TestMode mode);

/// `performance_count` and `total_count` are the library's.
[[nodiscard]] EffectiveSettings effective_settings(const TestSettings& requested,
                                                   std::uint64_t performance_count,
                                                   std::uint64_t total_count);

/// Settings of one run in `mode` (AccuracyOnly or PerformanceOnly); usage errors name MLPerf's
/// fields where a value cannot be honoured.
[[nodiscard]] lode::Result<lode::loadgen::Settings> to_core(const TestSettings& requested,
                                                            const EffectiveSettings& effective,
                                                            TestMode mode);

/// The settings of a run of our own, as MLPerf would have been asked for it.
[[nodiscard]] TestSettings from_core(const lode::loadgen::Settings& settings, double expected_qps);

}  // namespace mlperf
