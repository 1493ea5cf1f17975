// mlperf_log_summary.txt: the lines and their order are the reference's.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "loadgen/mlperf/logs.h"

namespace mlperf {
namespace {

using lode::record::Distribution;
using lode::record::Metrics;

constexpr std::string_view kRule = "================================================\n";

class Lines {
 public:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  void section(std::string_view title) { text_ += fmt::format("{}{}\n{}", kRule, title, kRule); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string_view yes_or_no(bool yes) {
  return yes ? "Yes" : "NO";
}

/// A name stays on its line.
std::string on_one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

double completed_rate(const Metrics& metrics) {
  return metrics.headline.name == "max_qps" ? metrics.headline.value
                                            : metrics.throughput_samples_per_s;
}

void add_token_metric(Lines& lines, const TestLog& test) {
  const bool is_server = test.requested.scenario == TestScenario::Server;
  const bool is_offline = test.requested.scenario == TestScenario::Offline;
  if (test.performance->metrics.tokens) {
    const double completed = token_rates(*test.performance).completed;
    if (is_server) {
      lines.add("Completed tokens per second: {:.2f}", completed);
    } else if (is_offline) {
      lines.add("Tokens per second: {}", completed);
    } else {
      lines.add("{}th first token percentile latency (ns) : {}",
                percent_text(test.effective.target_latency_percentile),
                test.performance->metrics.tokens->judged_ttft_ns);
    }
  }
  const std::optional<double> inferred = inferred_token_rate(test);
  if (!inferred) return;
  if (is_server) lines.add("Completed tokens per second (inferred): {:.2f}", *inferred);
  if (is_offline) lines.add("Tokens per second (inferred): {}", *inferred);
}

void add_metric(Lines& lines, const TestLog& test) {
  const Metrics& metrics = test.performance->metrics;
  switch (test.requested.scenario) {
    case TestScenario::SingleStream:
    case TestScenario::MultiStream:
      lines.add("{}th percentile latency (ns) : {}",
                percent_text(test.effective.target_latency_percentile), metrics.judged_latency_ns);
      break;
    case TestScenario::Server:
      lines.add("Completed samples per second    : {:.2f}", completed_rate(metrics));
      break;
    case TestScenario::Offline:
      lines.add("Samples per second: {}", metrics.throughput_samples_per_s);
      break;
  }
  add_token_metric(lines, test);
}

void add_verdict(Lines& lines, const TestLog& test) {
  const lode::record::Verdict& verdict = test.performance->verdict;
  lines.add("Result is : {}", verdict.valid && test.errors.empty() ? "VALID" : "INVALID");
  if (test.requested.scenario == TestScenario::Server) {
    lines.add("  Performance constraints satisfied : {}", yes_or_no(meets_limits(verdict)));
  }
  lines.add("  Min duration satisfied : {}", yes_or_no(!breaks(verdict, "min_duration")));
  lines.add("  Min queries satisfied : {}", yes_or_no(!breaks(verdict, "min_queries")));
  lines.add("  Early stopping satisfied: {}", yes_or_no(!breaks(verdict, "early_stopping")));
  if (!verdict.valid) lines.add("Recommendations:");
  for (const lode::record::Reason& reason : verdict.reasons) {
    lines.add(" * {}: {}, wanted {}: {}", reason.rule, on_one_line(reason.value), reason.limit,
              reason.advice);
  }
  if (test.requested.scenario == TestScenario::Offline) return;
  const TestScenario scenario = test.requested.scenario;
  if (const auto& tokens = test.performance->metrics.tokens) {
    lines.add("TTFT Early Stopping Result:");
    lines.add("{}", early_stopping_text(tokens->ttft_early_stopping, scenario));
    lines.add("TPOT Early Stopping Result:");
    lines.add("{}", early_stopping_text(tokens->tpot_early_stopping, scenario));
    return;
  }
  lines.add("Early Stopping Result:");
  lines.add("{}", early_stopping_text(test.performance->metrics.early_stopping, scenario));
}

void add_distribution(Lines& lines, const std::optional<Distribution>& given) {
  if (!given) return;
  const Distribution& d = *given;
  lines.add("Min latency (ns)                : {}", d.min);
  lines.add("Max latency (ns)                : {}", d.max);
  lines.add("Mean latency (ns)               : {}", d.mean);
  for (const auto& [percentile, latency_ns] : percentiles(d)) {
    lines.add("{} percentile latency (ns)   : {}", percentile, latency_ns);
  }
}

void add_token_times(Lines& lines, const Distribution& d, std::string_view range,
                     std::string_view percentile_of) {
  lines.add("Min {} (ns)                : {}", range, d.min);
  lines.add("Max {} (ns)                : {}", range, d.max);
  lines.add("Mean {} (ns)               : {}", range, d.mean);
  for (const auto& [percentile, time_ns] : percentiles(d)) {
    lines.add("{} percentile {} (ns)   : {}", percentile, percentile_of, time_ns);
  }
}

void add_token_stats(Lines& lines, const TestLog& test) {
  const lode::record::TokenMetrics& tokens = *test.performance->metrics.tokens;
  const TokenRates rates = token_rates(*test.performance);
  lines.add("");
  if (test.requested.scenario == TestScenario::Offline) return;
  if (test.requested.scenario == TestScenario::SingleStream) {
    lines.add("TPS w/ loadgen overhead         : {:.2f}", rates.with_overhead);
    lines.add("TPS w/o loadgen overhead        : {:.2f}", rates.without_overhead);
  } else if (test.requested.scenario == TestScenario::Server) {
    lines.add("Completed tokens per second                 : {:.2f}", rates.completed);
  }
  add_token_times(lines, tokens.ttft_ns.value_or(Distribution{}), "First Token latency",
                  "first token latency");
  lines.add("");
  add_token_times(lines, tokens.tpot_ns.value_or(Distribution{}), "Time per Output Token",
                  "time to output token");
}

void add_stats(Lines& lines, const TestLog& test) {
  const lode::record::Measurement& measurement = *test.performance;
  const Metrics& metrics = measurement.metrics;
  const TestScenario scenario = test.requested.scenario;
  const lode::record::RawTimes& raw = measurement.raw;
  const double gaps = std::max(static_cast<double>(metrics.queries) - 1.0, 0.0);
  if (scenario == TestScenario::SingleStream && metrics.latency_ns) {
    lines.add("QPS w/ loadgen overhead         : {:.2f}", rate(gaps, raw.issued_ns.back()));
    lines.add("QPS w/o loadgen overhead        : {:.2f}", rate(1.0, metrics.latency_ns->mean));
    lines.add("");
  } else if (scenario == TestScenario::Server) {
    lines.add("Scheduled samples per second : {:.2f}",
              raw.scheduled_ns.empty() ? 0.0 : rate(gaps, raw.scheduled_ns.back()));
  } else if (scenario == TestScenario::MultiStream) {
    lines.add("Per-query latency:  ");
    add_distribution(lines, metrics.latency_ns);
  }
  if (scenario != TestScenario::MultiStream) {
    add_distribution(lines, sample_latencies(measurement));
  }
  if (metrics.tokens) add_token_stats(lines, test);
}

void add_parameters(Lines& lines, const TestLog& test) {
  const TestSettings& s = test.requested;
  const EffectiveSettings& e = test.effective;
  lines.section("Test Parameters Used");
  lines.add("samples_per_query : {}", e.samples_per_query);
  lines.add("target_qps : {}", e.target_qps);
  if (s.use_token_latencies) {
    lines.add("ttft_latency (ns): {}", s.server_ttft_latency);
    lines.add("tpot_latency (ns): {}", s.server_tpot_latency);
  } else {
    lines.add("target_latency (ns): {}", e.target_latency_ns);
  }
  lines.add("max_async_queries : {}", e.max_async_queries);
  lines.add("min_duration (ms): {}", s.min_duration_ms);
  lines.add("max_duration (ms): {}", s.max_duration_ms);
  lines.add("min_query_count : {}", e.min_query_count);
  lines.add("max_query_count : {}", s.max_query_count);
  lines.add("qsl_rng_seed : {}", s.qsl_rng_seed);
  lines.add("sample_index_rng_seed : {}", s.sample_index_rng_seed);
  lines.add("schedule_rng_seed : {}", s.schedule_rng_seed);
  lines.add("accuracy_log_rng_seed : {}", s.accuracy_log_rng_seed);
  lines.add("accuracy_log_probability : {}", s.accuracy_log_probability);
  lines.add("accuracy_log_sampling_target : {}", s.accuracy_log_sampling_target);
  lines.add("print_timestamps : {}", s.print_timestamps ? 1 : 0);
  lines.add("performance_issue_unique : {}", s.performance_issue_unique ? 1 : 0);
  lines.add("performance_issue_same : {}", s.performance_issue_same ? 1 : 0);
  lines.add("performance_issue_same_index : {}", s.performance_issue_same_index);
  lines.add("performance_sample_count : {}", e.performance_sample_count);
  lines.add("accuracy_sample_count : {}", e.accuracy_sample_count);
}

}  // namespace

std::string summary_log(const TestLog& test) {
  Lines lines;
  if (test.performance != nullptr) {
    lines.section("MLPerf Results Summary");
    lines.add("SUT name : {}", on_one_line(test.sut_name));
    lines.add("Scenario : {}", scenario_name(test.requested.scenario));
    lines.add("Mode     : {}", mode_name(test.requested.mode));
    add_metric(lines, test);
    add_verdict(lines, test);
    lines.add("");
    lines.section("Additional Stats");
    add_stats(lines, test);
    lines.add("");
    add_parameters(lines, test);
  } else {
    lines.add("");
    lines.add("No performance results: {}.",
              test.errors.empty() ? "the mode was accuracy" : "the test could not be run");
  }
  lines.add("");
  if (test.warnings.empty()) {
    lines.add("No warnings encountered during test.");
  } else {
    const std::size_t count = test.warnings.size();
    lines.add("{} warning{} encountered. See detailed log.", count, count == 1 ? "" : "s");
  }
  lines.add("");
  if (test.errors.empty()) {
    lines.add("No errors encountered during test.");
  } else {
    const std::size_t count = test.errors.size();
    lines.add("{} ERROR{} encountered. See detailed log.", count, count == 1 ? "" : "S");
  }
  return lines.take();
}

}  // namespace mlperf
