// What a test does: scenario, mode, stop rule, seeds. Filled from a RunConfig (config/) or by hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lode::loadgen {

enum class Scenario : std::uint8_t { kSingleStream, kMultiStream, kServer, kOffline };
enum class Mode : std::uint8_t { kPerformance, kAccuracy };

/// "single-stream", "multi-stream", "server", "offline"; "performance", "accuracy".
[[nodiscard]] std::string_view scenario_name(Scenario scenario);
[[nodiscard]] std::optional<Scenario> scenario_from_name(std::string_view name);
[[nodiscard]] std::string_view mode_name(Mode mode);
[[nodiscard]] std::optional<Mode> mode_from_name(std::string_view name);

/// When server's queries arrive. Times count from the begin of the timed window; the first query
/// arrives at 0, except in a replay.
struct Arrivals {
  enum class Kind : std::uint8_t {
    kPoisson,   ///< exponential gaps of mean 1 / target_qps
    kConstant,  ///< gaps of 1 / target_qps
    kBurst,     ///< burst_size queries at once, every burst_size / target_qps
    kStep,      ///< Poisson at the rate of each step in turn; the last one lasts
    kReplay,    ///< at `times_ns`
  } kind = Kind::kPoisson;
  std::uint64_t burst_size = 1;
  struct Step {
    double qps = 0.0;
    std::int64_t duration_ns = 0;
  };
  std::vector<Step> steps;
  std::vector<std::int64_t> times_ns;  ///< ascending
};

/// Which samples of the loaded set performance mode asks for.
enum class SampleOrder : std::uint8_t {
  kRandom,  ///< drawn with replacement
  /// The whole set, shuffled anew each time round, and whole rounds only
  /// (sample_concatenate_permutation); multi-stream draws as with kRandom.
  kPermutations,
  kUnique,  ///< each once at most (performance_issue_unique); server and offline: each once
  kSame,    ///< always the same one (performance_issue_same)
};

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
  double target_qps = 0.0;                ///< server: queries/s of arrival
  Arrivals arrivals;                      ///< server
  /// Server: queries that are due already go to the SUT in one call, each with its own time.
  bool coalesce = false;
  std::uint64_t issue_threads = 1;  ///< server
  /// Server: the test ends, INVALID, when more queries than this wait for their answers; 0: no
  /// limit.
  std::uint64_t max_open_queries = 0;
  /// Server: ends the test, INVALID, as soon as so many queries were over target_latency that the
  /// queries that min_query_count and min_duration ask for cannot make up for them.
  bool end_when_hopeless = false;
  /// Single-stream: queries that wait for their answers at once.
  std::uint64_t concurrency = 1;
  double target_percentile = 0.0;  ///< 0: the scenario's own (0.90 single-stream, otherwise 0.99)
  /// A limit on the target percentile; the run is INVALID above it. 0: none.
  std::int64_t target_latency_ns = 0;

  /// Samples are answered token by token, and the SUT tells when the first one is there (offline:
  /// need not) and how many there were. The limits below, and early stopping, are then on the time
  /// to the first token (TTFT) and on the time for each further one (TPOT) instead of on the
  /// latency.
  bool token_latencies = false;
  std::int64_t ttft_limit_ns = 0;  ///< server: on the target percentile; 0: none
  std::int64_t tpot_limit_ns = 0;  ///< likewise

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
  std::uint64_t accuracy_log_seed = 0;

  SampleOrder sample_order = SampleOrder::kRandom;
  std::uint64_t same_index = 0;  ///< kSame: place in the loaded set
  /// Performance mode: this share of the samples, drawn by accuracy_log_seed, has its output kept.
  double accuracy_log_probability = 0.0;

  /// A query without answer for so long ends the test as INVALID.
  std::int64_t query_timeout_ns = 60'000'000'000;
  /// start() and stop() of the SUT, which may take their time, are given up after so long.
  std::int64_t start_timeout_ns = 600'000'000'000;
  std::int64_t stop_timeout_ns = 10'000'000'000;
  /// Most memory for the recorder's chunks; reaching it ends the run with that reason.
  std::uint64_t recorder_memory_bytes = 1ULL << 30;
};

/// Usage errors, each naming the key: a value out of range, limits that contradict each other, a
/// key that means nothing in this scenario. Whether the scenario exists in this build is
/// run_test()'s to say.
[[nodiscard]] Status validate(const Settings& settings);

/// The same without limits that contradict each other: a test that can only be INVALID can be run.
[[nodiscard]] Status validate_values(const Settings& settings);

}  // namespace lode::loadgen
