// mlperf_log_detail.txt: the keys and their order are the reference's; text is escaped, and numbers
// have all their digits.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <iterator>

#include "base/assert.h"
#include "base/provenance.h"
#include "loadgen/mlperf/logs.h"

namespace mlperf {
namespace {

using lode::record::Distribution;
using lode::record::Metrics;

/// The version of the reference whose rules these are.
constexpr std::string_view kLoadgenVersion = "6.0";

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class Detail {
 public:
  explicit Detail(std::int64_t pid) : pid_(pid) {}

  /// The time of the entries that follow, ms from the begin of the test.
  void at(double time_ms) { time_ms_ = time_ms; }

  void add(std::string_view key, std::string_view value) {
    entry(key, json_text(value), Level::kPlain);
  }
  void add(std::string_view key, const std::string& value) { add(key, std::string_view(value)); }
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  void add(std::string_view key, bool value) {
    entry(key, value ? "true" : "false", Level::kPlain);
  }
  void add(std::string_view key, double value) {
    LODE_ASSERT(std::isfinite(value));
    entry(key, fmt::format("{}", value), Level::kPlain);
  }
  template <typename Integer>
  requires std::is_integral_v<Integer>
  void add(std::string_view key, Integer value) {
    entry(key, fmt::format("{}", value), Level::kPlain);
  }
  void add(std::string_view key, const std::vector<lode::SampleIndex>& values) {
    std::string list = "[";
    for (const lode::SampleIndex value : values) {
      if (list.size() > 1) list += ',';
      list += std::to_string(value);
    }
    entry(key, list + "]", Level::kPlain);
  }
  void add_warning(std::string_view key, std::string_view value) {
    entry(key, json_text(value), Level::kWarning);
  }
  void add_error(std::string_view key, std::string_view value) {
    entry(key, json_text(value), Level::kError);
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  enum class Level : std::uint8_t { kPlain, kWarning, kError };

  void entry(std::string_view key, std::string_view value, Level level) {
    fmt::format_to(std::back_inserter(text_),
                   ":::MLLOG {{\"key\": {}, \"value\": {}, \"time_ms\": {:.6f}, \"namespace\": "
                   "\"mlperf::logging\", \"event_type\": \"POINT_IN_TIME\", \"metadata\": "
                   "{{\"is_error\": {}, \"is_warning\": {}, \"file\": \"detail_log.cc\", "
                   "\"line_no\": {}, \"pid\": {}, \"tid\": {}}}}}\n",
                   json_text(key), value, time_ms_, level == Level::kError,
                   level == Level::kWarning, __LINE__, pid_, pid_);
  }

  std::string text_;
  double time_ms_ = 0.0;
  std::int64_t pid_;
};

void add_build(Detail& detail) {
  const lode::Provenance& build = lode::provenance();
  detail.add("loadgen_version", fmt::format("{} @ lodestone {}", kLoadgenVersion, build.version));
  detail.add("loadgen_build_date_local", build.build_type);
  detail.add("loadgen_build_date_utc", build.build_type);
  detail.add("loadgen_git_commit_date", "");
  detail.add("loadgen_git_log_message", build.commit);
  detail.add("loadgen_git_status_message", "");
  detail.add("loadgen_file_sha1", build.compiler);
}

void add_requested_scenario(Detail& detail, const TestSettings& s) {
  switch (s.scenario) {
    case TestScenario::SingleStream:
      detail.add("requested_single_stream_expected_latency_ns",
                 s.single_stream_expected_latency_ns);
      detail.add("requested_single_stream_target_latency_percentile",
                 s.single_stream_target_latency_percentile);
      break;
    case TestScenario::MultiStream:
      detail.add("requested_multi_stream_expected_latency_ns", s.multi_stream_expected_latency_ns);
      detail.add("requested_multi_stream_target_latency_percentile",
                 s.multi_stream_target_latency_percentile);
      detail.add("requested_multi_stream_samples_per_query", s.multi_stream_samples_per_query);
      break;
    case TestScenario::Server:
      detail.add("requested_server_target_qps", s.server_target_qps);
      detail.add("requested_server_target_latency_ns", s.server_target_latency_ns);
      detail.add("requested_server_target_latency_percentile", s.server_target_latency_percentile);
      detail.add("requested_server_coalesce_queries", s.server_coalesce_queries);
      detail.add("requested_server_find_peak_qps_decimals_of_precision",
                 s.server_find_peak_qps_decimals_of_precision);
      detail.add("requested_server_find_peak_qps_boundary_step_size",
                 s.server_find_peak_qps_boundary_step_size);
      detail.add("requested_server_max_async_queries", s.server_max_async_queries);
      detail.add("requested_server_num_issue_query_threads", s.server_num_issue_query_threads);
      break;
    case TestScenario::Offline:
      detail.add("requested_offline_expected_qps", s.offline_expected_qps);
      break;
  }
}

void add_requested(Detail& detail, const TestSettings& s) {
  detail.add("requested_scenario", scenario_name(s.scenario));
  detail.add("requested_test_mode", mode_name(s.mode));
  add_requested_scenario(detail, s);
  detail.add("requested_min_duration_ms", s.min_duration_ms);
  detail.add("requested_max_duration_ms", s.max_duration_ms);
  detail.add("requested_min_query_count", s.min_query_count);
  detail.add("requested_max_query_count", s.max_query_count);
  detail.add("requested_qsl_rng_seed", s.qsl_rng_seed);
  detail.add("requested_sample_index_rng_seed", s.sample_index_rng_seed);
  detail.add("requested_schedule_rng_seed", s.schedule_rng_seed);
  detail.add("requested_accuracy_log_rng_seed", s.accuracy_log_rng_seed);
  detail.add("requested_accuracy_log_probability", s.accuracy_log_probability);
  detail.add("requested_accuracy_log_sampling_target", s.accuracy_log_sampling_target);
  detail.add("requested_print_timestamps", s.print_timestamps);
  detail.add("requested_performance_issue_unique", s.performance_issue_unique);
  detail.add("requested_performance_issue_same", s.performance_issue_same);
  detail.add("requested_performance_issue_same_index", s.performance_issue_same_index);
  detail.add("requested_performance_sample_count_override", s.performance_sample_count_override);
  detail.add("requested_accuracy_sample_count_override", s.accuracy_sample_count_override);
  detail.add("requested_sample_concatenate_permutation", s.sample_concatenate_permutation);
  detail.add("requested_use_token_latencies", s.use_token_latencies);
  if (!s.use_token_latencies) return;
  detail.add("requested_server_ttft_latency", s.server_ttft_latency);
  detail.add("requested_server_tpot_latency", s.server_tpot_latency);
}

void add_effective(Detail& detail, const TestLog& test) {
  const TestSettings& s = test.requested;
  const EffectiveSettings& e = test.effective;
  detail.add("effective_scenario", scenario_name(s.scenario));
  detail.add("effective_test_mode", mode_name(s.mode));
  detail.add("effective_samples_per_query", e.samples_per_query);
  detail.add("effective_target_qps", e.target_qps);
  detail.add("effective_target_latency_ns", e.target_latency_ns);
  detail.add("effective_target_latency_percentile", e.target_latency_percentile);
  detail.add("effective_max_async_queries", e.max_async_queries);
  detail.add("effective_target_duration_ms", e.target_duration_ms);
  detail.add("effective_min_duration_ms", s.min_duration_ms);
  detail.add("effective_max_duration_ms", s.max_duration_ms);
  detail.add("effective_min_query_count", e.min_query_count);
  detail.add("effective_max_query_count", s.max_query_count);
  detail.add("effective_min_sample_count", e.min_sample_count);
  detail.add("effective_qsl_rng_seed", s.qsl_rng_seed);
  detail.add("effective_sample_index_rng_seed", s.sample_index_rng_seed);
  detail.add("effective_schedule_rng_seed", s.schedule_rng_seed);
  detail.add("effective_accuracy_log_rng_seed", s.accuracy_log_rng_seed);
  detail.add("effective_accuracy_log_probability", s.accuracy_log_probability);
  detail.add("effective_accuracy_log_sampling_target", s.accuracy_log_sampling_target);
  detail.add("effective_print_timestamps", s.print_timestamps);
  detail.add("effective_performance_issue_unique", s.performance_issue_unique);
  detail.add("effective_performance_issue_same", s.performance_issue_same);
  detail.add("effective_performance_issue_same_index", s.performance_issue_same_index);
  detail.add("effective_performance_sample_count", e.performance_sample_count);
  detail.add("effective_accuracy_sample_count", e.accuracy_sample_count);
  detail.add("effective_sample_concatenate_permutation", s.sample_concatenate_permutation);
}

/// "08-05-2026 13:45:59.123", UTC.
std::string power_time(std::int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[32] = {};
  std::strftime(text, sizeof(text), "%m-%d-%Y %T", &parts);
  return fmt::format("{}.{:03}", text, unix_ms % 1000);
}

/// The two that the scenarios share, of queries or of samples.
void add_latencies(Detail& detail, const std::optional<Distribution>& given, std::string_view range,
                   std::string_view percentile) {
  if (!given) return;
  const Distribution& d = *given;
  detail.add(fmt::format("result_min_{}", range), d.min);
  detail.add(fmt::format("result_max_{}", range), d.max);
  detail.add(fmt::format("result_mean_{}", range), d.mean);
  for (const auto& [name, latency_ns] : percentiles(d)) {
    detail.add(fmt::format("result_{}_{}", name, percentile), latency_ns);
  }
}

void add_scenario_results(Detail& detail, const TestLog& test) {
  const Metrics& metrics = test.performance->metrics;
  const lode::record::RawTimes& raw = test.performance->raw;
  const lode::record::EarlyStopping& estimates =
      metrics.tokens ? metrics.tokens->ttft_early_stopping : metrics.early_stopping;
  const double gaps = std::max(static_cast<double>(metrics.queries) - 1.0, 0.0);
  const std::int64_t mean_ns = metrics.latency_ns ? metrics.latency_ns->mean : 0;
  switch (test.requested.scenario) {
    case TestScenario::SingleStream:
      detail.add("result_qps_with_loadgen_overhead",
                 raw.issued_ns.empty() ? 0.0 : rate(gaps, raw.issued_ns.back()));
      detail.add("result_qps_without_loadgen_overhead", rate(1.0, mean_ns));
      detail.add("early_stopping_latency_ss", estimates.estimate_ns.value_or(0));
      detail.add("early_stopping_latency_ms", estimates.estimate_p99_ns.value_or(0));
      break;
    case TestScenario::MultiStream:
      add_latencies(detail, metrics.latency_ns, "query_latency_ns",
                    "percentile_per_query_latency_ns");
      detail.add("early_stopping_latency_ms", estimates.estimate_ns.value_or(0));
      break;
    case TestScenario::Server:
      detail.add("result_scheduled_samples_per_sec",
                 raw.scheduled_ns.empty() ? 0.0 : rate(gaps, raw.scheduled_ns.back()));
      detail.add("result_completed_samples_per_sec", metrics.headline.value);
      break;
    case TestScenario::Offline:
      detail.add("result_samples_per_second", metrics.throughput_samples_per_s);
      break;
  }
}

std::string on_one_line(const lode::record::EarlyStopping& early, TestScenario scenario) {
  std::string text = early_stopping_text(early, scenario);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// Answered queries whose latency is above the limit.
std::uint64_t count_over(const lode::record::RawTimes& raw, std::int64_t limit_ns) {
  std::uint64_t over = 0;
  for (std::size_t q = 0; q < raw.completed_ns.size(); ++q) {
    if (raw.completed_ns[q] >= 0 && raw.completed_ns[q] - raw.scheduled_ns[q] > limit_ns) ++over;
  }
  return over;
}

void add_tokens(Detail& detail, const TestLog& test) {
  const lode::record::TokenMetrics& tokens = *test.performance->metrics.tokens;
  const TokenRates rates = token_rates(*test.performance);
  if (test.requested.scenario == TestScenario::Offline) {
    return detail.add("result_tokens_per_second", rates.completed);
  }
  const Distribution ttft = tokens.ttft_ns.value_or(Distribution{});
  const Distribution tpot = tokens.tpot_ns.value_or(Distribution{});
  detail.add("result_first_token_min_latency_ns", ttft.min);
  detail.add("result_first_token_max_latency_ns", ttft.max);
  detail.add("result_first_token_mean_latency_ns", ttft.mean);
  for (const auto& [name, latency_ns] : percentiles(ttft)) {
    detail.add(fmt::format("result_first_token_{}_percentile_latency_ns", name), latency_ns);
  }
  detail.add("result_token_throughput_with_loadgen_overhead", rates.with_overhead);
  detail.add("result_token_throughput", rates.without_overhead);
  for (const auto& [name, time_ns] : percentiles(tpot)) {
    detail.add(fmt::format("result_time_per_output_token_{}_percentile_ns", name), time_ns);
  }
  detail.add("result_time_to_output_token_min", tpot.min);
  detail.add("result_time_to_output_token_max", tpot.max);
  detail.add("result_time_to_output_token_mean", tpot.mean);
  detail.add("result_completed_tokens_per_second", rates.completed);
}

/// What was loaded and asked for, and when.
void add_part(Detail& detail, const TestPart& part) {
  detail.add("generic_message",
             part.is_accuracy ? "Starting accuracy mode" : "Starting performance mode");
  for (const auto& set : part.loaded_sets) detail.add("loaded_qsl_set", set);
  detail.add("generated_query_count", part.queries);
  detail.add("generated_samples_per_query", part.queries > 0 ? part.samples / part.queries : 0);
  detail.add("generated_query_duration", part.duration_ns);
  detail.add("power_begin", power_time(part.begin_unix_ms));
  detail.add("power_end", power_time(part.end_unix_ms));
}

void add_results(Detail& detail, const TestLog& test) {
  const Metrics& metrics = test.performance->metrics;
  const lode::record::Verdict& verdict = test.performance->verdict;
  const bool is_server = test.requested.scenario == TestScenario::Server;
  detail.add("result_validity", verdict.valid && test.errors.empty() ? "VALID" : "INVALID");
  if (is_server) detail.add("result_perf_constraints_met", meets_limits(verdict));
  detail.add("result_min_duration_met", !breaks(verdict, "min_duration"));
  detail.add("result_min_queries_met", !breaks(verdict, "min_queries"));
  detail.add("early_stopping_met", !breaks(verdict, "early_stopping"));
  std::string reasons;
  for (const lode::record::Reason& reason : verdict.reasons) {
    reasons += fmt::format("{}{}: {}, wanted {}: {}", reasons.empty() ? "" : " ", reason.rule,
                           reason.value, reason.limit, reason.advice);
  }
  if (!reasons.empty()) detail.add("result_invalid_reason", reasons);
  if (metrics.tokens) {
    detail.add("early_stopping_ttft_result",
               on_one_line(metrics.tokens->ttft_early_stopping, test.requested.scenario));
    detail.add("early_stopping_tpot_result",
               on_one_line(metrics.tokens->tpot_early_stopping, test.requested.scenario));
  } else {
    detail.add("early_stopping_result",
               on_one_line(metrics.early_stopping, test.requested.scenario));
  }
  detail.add("result_query_count", test.performance->raw.scheduled_ns.size());
  if (is_server) {
    detail.add("result_overlatency_query_count",
               count_over(test.performance->raw, test.effective.target_latency_ns));
  }
  add_scenario_results(detail, test);
  add_latencies(detail, sample_latencies(*test.performance), "latency_ns", "percentile_latency_ns");
  if (metrics.tokens) add_tokens(detail, test);
  if (const auto inferred = inferred_token_rate(test)) {
    detail.add(is_server ? "result_inferred_completed_tokens_per_second"
                         : "result_inferred_tokens_per_second",
               *inferred);
  }
}

}  // namespace

std::string detail_log(const TestLog& test) {
  Detail detail(::getpid());
  add_build(detail);
  detail.add("test_datetime", test.started_at);
  detail.add("sut_name", test.sut_name);
  detail.add("get_sut_name_duration_ns", test.sut_name_duration_ns);
  detail.add("qsl_name", test.qsl_name);
  detail.add("qsl_reported_total_count", test.qsl_total_count);
  detail.add("qsl_reported_performance_count", test.qsl_performance_count);
  add_requested(detail, test.requested);
  add_effective(detail, test);
  for (const std::string& warning : test.warnings) {
    detail.add_warning("warning_generic_message", warning);
  }
  for (const std::string& message : test.messages) detail.add("generic_message", message);
  for (const TestPart& part : test.parts) {
    detail.at(static_cast<double>(part.end_unix_ms - test.parts.front().begin_unix_ms));
    add_part(detail, part);
  }
  if (test.performance != nullptr) add_results(detail, test);
  for (const std::string& error : test.errors) detail.add_error("error_runtime", error);
  detail.add("num_errors", test.errors.size());
  detail.add("num_warnings", test.warnings.size());
  return detail.take();
}

}  // namespace mlperf
