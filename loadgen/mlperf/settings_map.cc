#include "loadgen/mlperf/settings_map.h"

#include <algorithm>
#include <cmath>

namespace mlperf {
namespace {

using lode::Result;
using lode::usage_error;
using lode::loadgen::SampleOrder;
using lode::loadgen::Scenario;
using lode::loadgen::Settings;

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr double kNsPerSecond = 1e9;
/// What offline's query is made larger by, as the reference has it.
constexpr double kSlack = 1.1;

std::int64_t ms_to_ns(std::uint64_t ms) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(ms, INT64_MAX / kNsPerMs)) * kNsPerMs;
}

std::int64_t to_limit_ns(std::uint64_t ns) {
  return static_cast<std::int64_t>(std::clamp<std::uint64_t>(ns, 1, INT64_MAX));
}

/// Samples of offline's one query.
std::uint64_t offline_samples(const TestSettings& requested, std::uint64_t set_size) {
  if (requested.performance_issue_unique) return set_size;
  const double seconds = static_cast<double>(requested.min_duration_ms) / 1e3;
  const double wanted = std::clamp(kSlack * seconds * requested.offline_expected_qps, 0.0, 1e15);
  std::uint64_t samples = std::max(requested.min_query_count, static_cast<std::uint64_t>(wanted));
  if (requested.sample_concatenate_permutation && set_size > 0) {
    samples = (samples + set_size - 1) / set_size * set_size;
  }
  return samples;
}

void set_scenario(const TestSettings& requested, const EffectiveSettings& effective,
                  Settings& core) {
  core.target_percentile = effective.target_latency_percentile;
  switch (requested.scenario) {
    case TestScenario::SingleStream:
      core.scenario = Scenario::kSingleStream;
      break;
    case TestScenario::MultiStream:
      core.scenario = Scenario::kMultiStream;
      core.samples_per_query = requested.multi_stream_samples_per_query;
      break;
    case TestScenario::Server:
      core.scenario = Scenario::kServer;
      core.target_qps = requested.server_target_qps;
      // A limit of 0 is one that nothing meets, as in the reference.
      core.target_latency_ns = std::max<std::int64_t>(effective.target_latency_ns, 1);
      if (requested.use_token_latencies) {
        core.target_latency_ns = 0;
        core.ttft_limit_ns = to_limit_ns(requested.server_ttft_latency);
        core.tpot_limit_ns = to_limit_ns(requested.server_tpot_latency);
      }
      core.max_open_queries = requested.server_max_async_queries;
      core.coalesce = requested.server_coalesce_queries;
      core.issue_threads = std::max<std::uint64_t>(requested.server_num_issue_query_threads, 1);
      break;
    case TestScenario::Offline:
      core.scenario = Scenario::kOffline;
      core.target_percentile = 0.0;
      core.offline_expected_qps = requested.offline_expected_qps;
      break;
  }
}

/// The share of samples whose output is logged in performance mode.
double log_probability(const TestSettings& requested, const EffectiveSettings& effective) {
  if (requested.accuracy_log_sampling_target == 0) return requested.accuracy_log_probability;
  const double seconds = static_cast<double>(requested.min_duration_ms) / 1e3;
  const bool is_offline = requested.scenario == TestScenario::Offline;
  const double by_rate = effective.target_qps * seconds *
                         (is_offline ? 1.0 : static_cast<double>(effective.samples_per_query));
  const double by_count = static_cast<double>(effective.min_sample_count);
  const double expected = std::max({by_rate, by_count, 1.0});
  return std::min(1.0, static_cast<double>(requested.accuracy_log_sampling_target) / expected);
}

}  // namespace

std::string_view scenario_name(TestScenario scenario) {
  constexpr std::string_view kNames[] = {"SingleStream", "MultiStream", "Server", "Offline"};
  return kNames[static_cast<std::size_t>(scenario)];
}

std::string_view mode_name(TestMode mode) {
  constexpr std::string_view kNames[] = {"SubmissionRun", "AccuracyOnly", "PerformanceOnly",
                                         "FindPeakPerformance"};
  return kNames[static_cast<std::size_t>(mode)];
}

EffectiveSettings effective_settings(const TestSettings& requested, std::uint64_t performance_count,
                                     std::uint64_t total_count) {
  EffectiveSettings effective;
  effective.performance_sample_count = requested.performance_sample_count_override != 0
                                           ? requested.performance_sample_count_override
                                           : performance_count;
  effective.accuracy_sample_count = requested.accuracy_sample_count_override != 0
                                        ? requested.accuracy_sample_count_override
                                        : total_count;
  effective.target_duration_ms = requested.min_duration_ms;
  effective.min_query_count = requested.min_query_count;
  switch (requested.scenario) {
    case TestScenario::SingleStream:
      effective.target_qps = kNsPerSecond / static_cast<double>(std::max<std::uint64_t>(
                                                requested.single_stream_expected_latency_ns, 1));
      effective.max_async_queries = 1;
      effective.target_latency_percentile = requested.single_stream_target_latency_percentile;
      break;
    case TestScenario::MultiStream:
      effective.target_qps = kNsPerSecond / static_cast<double>(std::max<std::uint64_t>(
                                                requested.multi_stream_expected_latency_ns, 1));
      effective.max_async_queries = 1;
      effective.target_latency_percentile = requested.multi_stream_target_latency_percentile;
      effective.samples_per_query = requested.multi_stream_samples_per_query;
      break;
    case TestScenario::Server:
      effective.target_qps = requested.server_target_qps;
      effective.target_latency_ns = static_cast<std::int64_t>(
          std::min<std::uint64_t>(requested.server_target_latency_ns, INT64_MAX));
      effective.max_async_queries = requested.server_max_async_queries;
      effective.target_latency_percentile = requested.server_target_latency_percentile;
      break;
    case TestScenario::Offline:
      effective.target_qps = requested.offline_expected_qps;
      effective.max_async_queries = 1;
      effective.target_latency_percentile = 0.99;
      effective.samples_per_query = offline_samples(requested, effective.performance_sample_count);
      effective.min_query_count = 1;
      effective.target_duration_ms = 0;
      break;
  }
  effective.min_sample_count = effective.min_query_count * effective.samples_per_query;
  return effective;
}

Result<Settings> to_core(const TestSettings& requested, const EffectiveSettings& effective,
                         TestMode mode) {
  if (requested.performance_issue_unique && requested.performance_issue_same) {
    return usage_error("performance_issue_unique and performance_issue_same exclude each other");
  }
  Settings core;
  set_scenario(requested, effective, core);
  core.mode = mode == TestMode::AccuracyOnly ? lode::loadgen::Mode::kAccuracy
                                             : lode::loadgen::Mode::kPerformance;
  core.min_duration_ns = ms_to_ns(requested.min_duration_ms);
  core.max_duration_ns = ms_to_ns(requested.max_duration_ms);
  core.min_query_count = std::max<std::uint64_t>(requested.min_query_count, 1);
  core.max_query_count = requested.max_query_count;
  if (core.mode == lode::loadgen::Mode::kAccuracy) core.max_open_queries = 0;
  core.token_latencies = requested.use_token_latencies;
  core.early_stopping = true;
  core.query_timeout_ns = std::max<std::int64_t>(ms_to_ns(requested.query_timeout_ms), 1);
  core.warmup_queries = 0;
  core.performance_sample_count = effective.performance_sample_count;
  core.qsl_seed = requested.qsl_rng_seed;
  core.sample_index_seed = requested.sample_index_rng_seed;
  core.schedule_seed = requested.schedule_rng_seed;
  core.accuracy_log_seed = requested.accuracy_log_rng_seed;
  core.accuracy_log_probability = log_probability(requested, effective);
  core.same_index = requested.performance_issue_same_index;
  if (requested.sample_concatenate_permutation) core.sample_order = SampleOrder::kPermutations;
  if (requested.performance_issue_unique) core.sample_order = SampleOrder::kUnique;
  if (requested.performance_issue_same) core.sample_order = SampleOrder::kSame;
  return core;
}

TestSettings from_core(const Settings& settings, double expected_qps) {
  TestSettings requested;
  const auto percentile = [&](double standard) {
    return settings.target_percentile > 0.0 ? settings.target_percentile : standard;
  };
  requested.scenario = static_cast<TestScenario>(settings.scenario);
  requested.mode = settings.mode == lode::loadgen::Mode::kAccuracy ? TestMode::AccuracyOnly
                                                                   : TestMode::PerformanceOnly;
  requested.single_stream_target_latency_percentile = percentile(0.90);
  requested.multi_stream_target_latency_percentile = percentile(0.99);
  requested.multi_stream_samples_per_query = settings.samples_per_query;
  requested.server_target_qps = settings.target_qps;
  requested.server_target_latency_ns = static_cast<std::uint64_t>(settings.target_latency_ns);
  requested.server_target_latency_percentile = percentile(0.99);
  requested.server_coalesce_queries = settings.coalesce;
  requested.server_num_issue_query_threads =
      settings.issue_threads > 1 ? settings.issue_threads : 0;
  requested.offline_expected_qps = expected_qps;
  requested.sample_concatenate_permutation = settings.sample_order == SampleOrder::kPermutations;
  requested.performance_issue_unique = settings.sample_order == SampleOrder::kUnique;
  requested.performance_issue_same = settings.sample_order == SampleOrder::kSame;
  requested.performance_issue_same_index = settings.same_index;
  requested.min_duration_ms = static_cast<std::uint64_t>(settings.min_duration_ns / kNsPerMs);
  requested.max_duration_ms = static_cast<std::uint64_t>(settings.max_duration_ns / kNsPerMs);
  requested.min_query_count = std::max(settings.min_query_count, settings.offline_min_samples);
  requested.max_query_count = settings.max_query_count;
  requested.qsl_rng_seed = settings.qsl_seed;
  requested.sample_index_rng_seed = settings.sample_index_seed;
  requested.schedule_rng_seed = settings.schedule_seed;
  requested.accuracy_log_rng_seed = settings.accuracy_log_seed;
  requested.accuracy_log_probability = settings.accuracy_log_probability;
  requested.performance_sample_count_override = settings.performance_sample_count;
  return requested;
}

}  // namespace mlperf
