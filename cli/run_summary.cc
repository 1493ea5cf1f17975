#include "cli/run_summary.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

#include "base/units.h"
#include "results/stats/order_statistics.h"

namespace lode::cli {
namespace {

using record::Distribution;
using record::Record;

constexpr std::size_t kLabelWidth = 13;

/// A label and what it is for.
std::string line(std::string_view label, const std::string& content) {
  return fmt::format("{:<{}}{}\n", label, kLabelWidth, content);
}

std::string config_text(const Record& record, std::string_view key) {
  const auto entry = std::find_if(record.config.begin(), record.config.end(),
                                  [&](const record::ConfigEntry& each) { return each.key == key; });
  if (entry == record.config.end()) return {};
  if (const auto* count = std::get_if<std::uint64_t>(&entry->value)) return std::to_string(*count);
  if (const auto* text = std::get_if<std::string>(&entry->value)) return *text;
  return {};
}

std::string model_name(const Record& record) {
  if (!record.model.has_value()) return fmt::format("sut {}", config_text(record, "sut"));
  return std::filesystem::path(record.model->path).filename().string();
}

std::string precision_of(const Record& record) {
  return record.model.has_value() ? record.model->precision : "";
}

/// "2 x 4": instances and the threads of each.
std::string threads_of(const Record& record) {
  if (!record.model.has_value()) return "";
  return fmt::format("{} x {}", config_text(record, "instances"), config_text(record, "threads"));
}

std::string grouped(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(count), count == 1 ? one : many);
}

std::string percent(double fraction) {
  return fmt::format("{:.2f}%", fraction * 100);
}

std::string headline_value(const record::Metrics& metrics) {
  const record::Headline& headline = metrics.headline;
  if (!has_headline(metrics)) return "n/a";
  if (headline.unit == "ns") return format_duration(static_cast<std::int64_t>(headline.value));
  return fmt::format("{} {}", format_rate(headline.value), headline.unit);
}

/// The interval of a latency headline, from the times themselves; none for a rate, which a single
/// run measures once.
std::string headline_interval(const ShownRun& run) {
  const record::Headline& headline = run.record.metrics.headline;
  const bool p99 = headline.name == "p99_latency";
  if (headline.name != "p90_latency" && !p99) return {};
  std::vector<std::int64_t> latencies;
  for (std::size_t q = 0; q < run.raw.completed_ns.size(); ++q) {
    if (run.raw.completed_ns[q] < 0) continue;
    latencies.push_back(run.raw.completed_ns[q] - run.raw.scheduled_ns[q]);
  }
  if (latencies.empty()) return {};
  std::sort(latencies.begin(), latencies.end());
  constexpr double kConfidence = 0.95;
  const auto interval = stats::percentile_interval(latencies, p99 ? 0.99 : 0.90, kConfidence);
  if (!interval.has_value()) return "  (too few queries for a 95% interval)";
  return fmt::format("  [{}, {}] 95% by order statistics, within this run",
                     format_duration(interval->lower_ns), format_duration(interval->upper_ns));
}

std::string single_times(const record::Metrics& metrics) {
  std::string text;
  const auto add = [&text](std::string_view name, const std::optional<Distribution>& given) {
    if (given.has_value()) text += line(name, format_duration(given->p50));
  };
  add("latency", metrics.latency_ns);
  add("service", metrics.service_ns);
  add("issue lag", metrics.issue_lag_ns);
  return text;
}

/// The three distributions side by side; of nothing completed there is nothing to show.
std::string distributions(const record::Metrics& metrics) {
  Table table;
  table.columns = {{""},          {"min", true}, {"mean", true}, {"p50", true},   {"p90", true},
                   {"p95", true}, {"p97", true}, {"p99", true},  {"p99.9", true}, {"max", true}};
  const auto add = [&table](std::string name, const std::optional<Distribution>& given) {
    if (!given.has_value()) return;
    name.resize(kLabelWidth - 2, ' ');
    std::vector<std::string> row = {std::move(name)};
    const Distribution& d = *given;
    for (const std::int64_t ns :
         {d.min, d.mean, d.p50, d.p90, d.p95, d.p97, d.p99, d.p99_9, d.max}) {
      row.push_back(format_duration(ns));
    }
    table.rows.push_back(std::move(row));
  };
  add("latency", metrics.latency_ns);
  add("service", metrics.service_ns);
  add("issue lag", metrics.issue_lag_ns);
  if (!metrics.latency_ns.has_value()) return line("latency", "n/a (nothing completed)");
  // Nine figures of one query are one figure nine times.
  if (metrics.queries == 1) return single_times(metrics);
  return render_table(table, Format::kText);
}

std::string title(const Record& record) {
  std::string text = fmt::format("{} · {} · {}", model_name(record), record.scenario, record.mode);
  const auto add = [&text](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format(" · {}{}", name, value);
  };
  add("", precision_of(record));
  add("batch ", config_text(record, "batch"));
  if (record.model.has_value()) {
    text += fmt::format(" · {} threads", threads_of(record));
    add("isa cap ", record.model->isa_cap);
  }
  return text + "\n";
}

std::string accuracy_text(const record::Accuracy& accuracy) {
  const auto of_all = [&](std::uint64_t correct, double fraction) {
    return fmt::format("{} of {} ({})", correct, accuracy.samples, percent(fraction));
  };
  std::string text = line("top-1", of_all(accuracy.top1_correct, accuracy.top1));
  text += line("top-5", of_all(accuracy.top5_correct, accuracy.top5));
  if (accuracy.target_top1.has_value()) {
    text += line("target", fmt::format("top-1 at least {}: {}", percent(*accuracy.target_top1),
                                       accuracy.top1 < *accuracy.target_top1 ? "MISSED" : "met"));
  }
  if (accuracy.calibration_seen > 0) {
    text += line("calibration", fmt::format("had seen {} of these", accuracy.calibration_seen));
  }
  return text;
}

std::string early_stopping_text(const record::EarlyStopping& early) {
  if (!early.applied) return fmt::format("not applied ({})", early.note);
  if (early.percentile == 0.0) return "met (always, in offline)";
  std::string text =
      fmt::format("{}: {} of at least {} queries, {} discarded", early.met ? "met" : "NOT met",
                  grouped(early.queries), grouped(early.queries_needed), grouped(early.discarded));
  if (early.estimate_ns) {
    text += fmt::format("; at most {} with 99% confidence", format_duration(*early.estimate_ns));
  }
  return text;
}

std::string used_text(const record::Resources& resources) {
  std::string text = fmt::format("peak memory {}, processor time {:.2f} s",
                                 format_bytes(resources.peak_rss_bytes), resources.cpu_seconds);
  if (resources.sut_peak_rss_bytes && resources.sut_cpu_seconds) {
    text += fmt::format("; the process {}, {:.2f} s", format_bytes(*resources.sut_peak_rss_bytes),
                        *resources.sut_cpu_seconds);
  }
  return text;
}

std::string transport_text(const record::Transport& transport) {
  return line("transport", fmt::format("to the process and back {} (p50), {} after a pause",
                                       format_duration(transport.p50_ns),
                                       format_duration(transport.paused_p50_ns)));
}

/// Mean of the known values of a series; none if there are none.
std::optional<double> mean_of(const record::Monitoring& seen, std::string_view name) {
  double sum = 0.0;
  std::size_t known = 0;
  for (const record::MonitorSeries& series : seen.series) {
    if (series.name != name) continue;
    for (const std::optional<double>& value : series.values) {
      sum += value.value_or(0.0);
      known += value.has_value() ? 1 : 0;
    }
  }
  if (known == 0) return std::nullopt;
  return sum / static_cast<double>(known);
}

std::string monitoring_text(const record::Monitoring& seen) {
  const auto shown = [&](std::string_view series, auto text) {
    const std::optional<double> mean = mean_of(seen, series);
    return mean ? text(*mean) : std::string("n/a");
  };
  const auto cores = [](double mean) { return fmt::format("{:.2f}", mean); };
  std::string text = fmt::format("processors used: {}", shown("process_cores", cores));
  if (const auto sut = mean_of(seen, "sut_cores")) {
    text += fmt::format(" here, {:.2f} by the process", *sut);
  }
  text += fmt::format(
      ", steal {}, frequency {}", shown("steal", percent),
      shown("frequency_hz", [](double mean) { return fmt::format("{:.2f} GHz", mean * 1e-9); }));
  text += seen.energy_joules ? fmt::format(", energy {:.1f} J", *seen.energy_joules)
                             : fmt::format(", energy n/a ({})", seen.why_no_energy);
  return line("machine", text);
}

std::string peak_search_text(const std::vector<record::PeakProbe>& probes) {
  std::string text;
  for (const record::PeakProbe& probe : probes) {
    text += line(
        text.empty() ? "search" : "",
        fmt::format("{} queries/s: {} ({})", format_rate(probe.target_qps),
                    probe.passed ? "passed" : probe.reason, format_duration(probe.latency_ns)));
  }
  return text;
}

std::string verdict_word(const Record& record) {
  std::string verdict = record.verdict.valid ? "VALID" : "INVALID";
  if (record.interrupted) verdict += " (interrupted)";
  return verdict;
}

std::string verdict_text(const Record& record) {
  std::string text = line("VERDICT", verdict_word(record));
  for (const record::Reason& reason : record.verdict.reasons) {
    text += fmt::format("  {}: {}, wanted {}: {}\n", reason.rule, reason.value, reason.limit,
                        reason.advice);
  }
  return text;
}

std::string plain_headline(const record::Metrics& metrics) {
  if (!has_headline(metrics)) return "";
  const record::Headline& headline = metrics.headline;
  return headline.unit == "ns" ? std::to_string(static_cast<std::int64_t>(headline.value))
                               : fmt::format("{}", headline.value);
}

Table make_table(std::span<const ShownRun> runs, bool plain) {
  constexpr std::ptrdiff_t kUnitAt = 9;  // Behind the value.
  Table table;
  table.columns = {{"run", false},
                   {"model", false},
                   {"scenario", false},
                   {"mode", false},
                   {"precision", false},
                   {"batch", true},
                   {"threads", true},
                   {"headline", false},
                   {"value", true},
                   {plain ? "samples_per_s" : "samples/s", true},
                   {plain ? "p50_ns" : "p50", true},
                   {plain ? "p90_ns" : "p90", true},
                   {plain ? "p99_ns" : "p99", true},
                   {plain ? "top1" : "top-1", true},
                   {plain ? "top5" : "top-5", true},
                   {"verdict", false}};
  for (const ShownRun& run : runs) {
    const Record& record = run.record;
    const record::Metrics& metrics = record.metrics;
    const auto time = [&](std::int64_t Distribution::*field) -> std::string {
      if (!metrics.latency_ns.has_value()) return plain ? "" : "n/a";
      const std::int64_t ns = *metrics.latency_ns.*field;
      return plain ? std::to_string(ns) : format_duration(ns);
    };
    const auto fraction = [&](double record::Accuracy::*field) -> std::string {
      if (!record.accuracy.has_value()) return plain ? "" : "-";
      const double value = *record.accuracy.*field;
      return plain ? fmt::format("{}", value) : percent(value);
    };
    const std::string rate = plain ? fmt::format("{}", metrics.throughput_samples_per_s)
                                   : format_rate(metrics.throughput_samples_per_s);
    table.rows.push_back({run.directory.string(), model_name(record), record.scenario, record.mode,
                          precision_of(record), config_text(record, "batch"), threads_of(record),
                          metrics.headline.name,
                          plain ? plain_headline(metrics) : headline_value(metrics), rate,
                          time(&Distribution::p50), time(&Distribution::p90),
                          time(&Distribution::p99), fraction(&record::Accuracy::top1),
                          fraction(&record::Accuracy::top5), verdict_word(record)});
    // In text and Markdown the value has its unit beside it.
    if (plain) table.rows.back().insert(table.rows.back().begin() + kUnitAt, metrics.headline.unit);
  }
  if (plain) table.columns.insert(table.columns.begin() + kUnitAt, Column{"unit", false});
  return table;
}

}  // namespace

std::string summary_text(const ShownRun& run) {
  const Record& record = run.record;
  const record::Metrics& metrics = record.metrics;
  const bool is_performance = record.mode == "performance";
  std::string text = title(record);
  if (record.accuracy.has_value()) text += accuracy_text(*record.accuracy);
  if (is_performance) {
    std::string name = metrics.headline.name;
    std::replace(name.begin(), name.end(), '_', ' ');
    text += line(name, headline_value(metrics) + headline_interval(run));
  }
  if (!is_performance || metrics.headline.name != "throughput") {
    text += line("throughput",
                 fmt::format("{} samples/s", format_rate(metrics.throughput_samples_per_s)));
  }
  text += distributions(metrics);
  text += line("counted", fmt::format("{}, {} in {}; {} of warm-up not counted",
                                      counted(metrics.queries, "query", "queries"),
                                      counted(metrics.samples, "sample", "samples"),
                                      format_duration(metrics.duration_ns),
                                      counted(record.warmup_queries, "query", "queries")));
  if (record.sut.has_value() && record.sut->transport.has_value()) {
    text += transport_text(*record.sut->transport);
  }
  text += line("used", used_text(record.resources));
  if (record.monitoring.has_value()) text += monitoring_text(*record.monitoring);
  text += peak_search_text(metrics.peak_search);
  if (is_performance) text += line("early stop", early_stopping_text(metrics.early_stopping));
  text += verdict_text(record);
  text += line("record", run.directory.string());
  return text;
}

std::string runs_table(std::span<const ShownRun> runs, Format format) {
  return render_table(make_table(runs, format == Format::kCsv), format);
}

std::string runs_json(std::span<const ShownRun> runs) {
  if (runs.size() == 1) return record::to_json(runs.front().record);
  auto list = nlohmann::ordered_json::array();
  for (const ShownRun& run : runs) {
    list.push_back(nlohmann::ordered_json::parse(record::to_json(run.record)));
  }
  return list.dump(2) + "\n";
}

std::string render_runs(std::span<const ShownRun> runs, Format format) {
  if (format == Format::kJson) return runs_json(runs);
  if (format == Format::kText && runs.size() == 1) return summary_text(runs.front());
  return runs_table(runs, format);
}

}  // namespace lode::cli
