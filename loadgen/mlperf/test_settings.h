// MLPerf LoadGen's settings, by its names, types and defaults. docs/loadgen.md explains each.
#pragma once

#include <cstdint>
#include <string>

namespace mlperf {

enum class TestScenario { SingleStream, MultiStream, Server, Offline };
enum class TestMode { SubmissionRun, AccuracyOnly, PerformanceOnly, FindPeakPerformance };

struct TestSettings {
  TestScenario scenario = TestScenario::SingleStream;
  TestMode mode = TestMode::PerformanceOnly;

  std::uint64_t single_stream_expected_latency_ns = 1000000;
  double single_stream_target_latency_percentile = 0.90;

  std::uint64_t multi_stream_expected_latency_ns = 8000000;
  double multi_stream_target_latency_percentile = 0.99;
  std::uint64_t multi_stream_samples_per_query = 8;

  double server_target_qps = 1;
  std::uint64_t server_target_latency_ns = 100000000;
  double server_target_latency_percentile = 0.99;
  bool server_coalesce_queries = false;
  int server_find_peak_qps_decimals_of_precision = 1;
  double server_find_peak_qps_boundary_step_size = 1;
  std::uint64_t server_max_async_queries = 0;
  std::uint64_t server_num_issue_query_threads = 0;

  double offline_expected_qps = 1;

  bool sample_concatenate_permutation = false;

  std::uint64_t min_duration_ms = 10000;
  std::uint64_t max_duration_ms = 0;
  std::uint64_t min_query_count = 100;
  std::uint64_t max_query_count = 0;

  std::uint64_t qsl_rng_seed = 0;
  std::uint64_t sample_index_rng_seed = 0;
  std::uint64_t schedule_rng_seed = 0;
  std::uint64_t accuracy_log_rng_seed = 0;
  double accuracy_log_probability = 0.0;
  std::uint64_t accuracy_log_sampling_target = 0;

  bool test05 = false;  ///< performance mode with the three seeds that follow
  std::uint64_t test05_qsl_rng_seed = 0;
  std::uint64_t test05_sample_index_rng_seed = 0;
  std::uint64_t test05_schedule_rng_seed = 0;

  bool print_timestamps = false;

  bool performance_issue_unique = false;
  bool performance_issue_same = false;
  std::uint64_t performance_issue_same_index = 0;
  std::uint64_t performance_sample_count_override = 0;
  std::uint64_t accuracy_sample_count_override = 0;

  bool use_token_latencies = false;
  std::uint64_t server_ttft_latency = 100000000;
  std::uint64_t server_tpot_latency = 100000000;
  bool infer_token_latencies = false;
  std::uint64_t token_latency_scaling_factor = 1;

  // Not of the reference, whose tests would wait for ever, and sleep up to each query.
  std::uint64_t query_timeout_ms = 600000;  ///< no answer for so long ends the test, INVALID
  std::uint64_t spin_us = 50;               ///< the last part of a wait is spun, for precision

  /// Takes what `path` (a mlperf.conf or user.conf) says of this model and scenario. 0 if it could
  /// be read; otherwise nothing is changed, the reason goes to the log of this thread's next
  /// StartTest(), and ENOENT or EINVAL is returned, negative. Keys that are not known are errors.
  /// `conf_type` tells mlperf.conf, user.conf and audit.config apart, which are read alike here.
  int FromConfig(const std::string& path, const std::string& model,
                 const std::string& scenario_name, int conf_type = 1);
};

enum class LoggingMode { AsyncPoll, EndOfTestOnly, Synchronous };

struct LogOutputSettings {
  std::string outdir = ".";
  std::string prefix = "mlperf_log_";
  std::string suffix = "";
  bool prefix_with_datetime = false;
  bool copy_detail_to_stdout = false;
  bool copy_summary_to_stdout = false;
};

/// Logs are written when the test is over, whatever log_mode says.
struct LogSettings {
  LogOutputSettings log_output;
  LoggingMode log_mode = LoggingMode::AsyncPoll;
  std::uint64_t log_mode_async_poll_interval_ms = 1000;
  bool enable_trace = true;
};

}  // namespace mlperf
