// mlperf_log_summary.txt: the lines and their order are the reference's.
#include <fmt/format.h>

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
}

void add_verdict(Lines& lines, const TestLog& test) {
  const lode::record::Verdict& verdict = test.performance->verdict;
  lines.add("Result is : {}", verdict.valid && test.errors.empty() ? "VALID" : "INVALID");
  if (test.requested.scenario == TestScenario::Server) {
    lines.add("  Performance constraints satisfied : {}",
              yes_or_no(!breaks(verdict, "target_latency")));
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
  lines.add("Early Stopping Result:");
  lines.add("{}", early_stopping_text(test));
}

void add_distribution(Lines& lines, const std::optional<Distribution>& given) {
  if (!given) return;
  const Distribution& d = *given;
  lines.add("Min latency (ns)                : {}", d.min);
  lines.add("Max latency (ns)                : {}", d.max);
  lines.add("Mean latency (ns)               : {}", d.mean);
  const std::pair<std::string_view, std::int64_t> kPercentiles[] = {
      {"50.00", d.p50}, {"90.00", d.p90}, {"95.00", d.p95},
      {"97.00", d.p97}, {"99.00", d.p99}, {"99.90", d.p99_9}};
  for (const auto& [percentile, latency_ns] : kPercentiles) {
    lines.add("{} percentile latency (ns)   : {}", percentile, latency_ns);
  }
}

void add_stats(Lines& lines, const TestLog& test) {
  const lode::record::Measurement& measurement = *test.performance;
  const Metrics& metrics = measurement.metrics;
  const TestScenario scenario = test.requested.scenario;
  if (scenario == TestScenario::SingleStream && metrics.latency_ns) {
    const std::int64_t issued_ns = measurement.raw.issued_ns.back();
    const double queries = static_cast<double>(metrics.queries) - 1.0;
    const double with = issued_ns > 0 ? queries * 1e9 / static_cast<double>(issued_ns) : 0.0;
    const std::int64_t mean_ns = metrics.latency_ns->mean;
    lines.add("QPS w/ loadgen overhead         : {:.2f}", with);
    lines.add("QPS w/o loadgen overhead        : {:.2f}",
              mean_ns > 0 ? 1e9 / static_cast<double>(mean_ns) : 0.0);
    lines.add("");
  } else if (scenario == TestScenario::Server) {
    lines.add("Completed samples per second    : {:.2f}", completed_rate(metrics));
    lines.add("");
  } else if (scenario == TestScenario::MultiStream) {
    lines.add("Per-query latency:  ");
    add_distribution(lines, metrics.latency_ns);
    return;
  }
  add_distribution(lines, sample_latencies(measurement));
}

void add_parameters(Lines& lines, const TestLog& test) {
  const TestSettings& s = test.requested;
  const EffectiveSettings& e = test.effective;
  lines.section("Test Parameters Used");
  lines.add("samples_per_query : {}", e.samples_per_query);
  lines.add("target_qps : {}", e.target_qps);
  lines.add("target_latency (ns): {}", e.target_latency_ns);
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
  lines.add("No warnings encountered during test.");
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
