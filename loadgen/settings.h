// What a test does: scenario, mode, stop rule, seeds. Filled from a RunConfig (config/) or by hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace lode::loadgen {

enum class Scenario : std::uint8_t { kSingleStream, kMultiStream, kServer, kOffline };
enum class Mode : std::uint8_t { kPerformance, kAccuracy };

/// "single-stream", "multi-stream", "server", "offline"; "performance", "accuracy".
[[nodiscard]] std::string_view scenario_name(Scenario scenario);
[[nodiscard]] std::optional<Scenario> scenario_from_name(std::string_view name);
[[nodiscard]] std::string_view mode_name(Mode mode);
[[nodiscard]] std::optional<Mode> mode_from_name(std::string_view name);

struct Settings {
  Scenario scenario = Scenario::kSingleStream;
  Mode mode = Mode::kPerformance;

  /// Performance mode stops once both are reached (offline sizes its one query by them).
  std::int64_t min_duration_ns = 10'000'000'000;
  std::uint64_t min_query_count = 100;
  /// 0: no limit. Either ends the issuing; honoured in every scenario. Offline counts samples for
  /// queries here and in min_query_count, and does not wait for samples beyond max_duration.
  std::int64_t max_duration_ns = 0;
  std::uint64_t max_query_count = 0;

  std::uint64_t samples_per_query = 8;    ///< multi-stream
  double offline_expected_qps = 0.0;      ///< samples/s; 0: measured during warm-up
  std::uint64_t offline_min_samples = 0;  ///< offline: least samples of the query
  double target_percentile = 0.0;         ///< 0: the scenario's own (0.90 single, 0.99 multi)
  /// A limit on the target percentile; the run is INVALID above it. 0: none.
  std::int64_t target_latency_ns = 0;

  /// MLPerf's early stopping (early_stopping.h) decides whether there were enough queries.
  bool early_stopping = false;

  /// Uncounted queries before the clock starts.
  std::uint64_t warmup_queries = 5;

  /// Samples kept in memory at once (a loaded set); 0: the library's performance_sample_count().
  std::uint64_t performance_sample_count = 0;

  // MLPerf LoadGen v6.1's seeds; each counts modulo 2^32.
  std::uint64_t qsl_seed = 2085463073848966840ULL;
  std::uint64_t sample_index_seed = 2747215439041700203ULL;
  std::uint64_t schedule_seed = 16159082839903944936ULL;

  /// A query without answer for so long ends the test as INVALID.
  std::int64_t query_timeout_ns = 60'000'000'000;
  /// Most memory for the recorder's chunks; reaching it ends the run with that reason.
  std::uint64_t recorder_memory_bytes = 1ULL << 30;
};

/// Usage errors, each naming the key: a value out of range, limits that contradict each other, a
/// key that means nothing in this scenario. Whether the scenario exists in this build is
/// run_test()'s to say.
[[nodiscard]] Status validate(const Settings& settings);

}  // namespace lode::loadgen
