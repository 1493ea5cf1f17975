#include "loadgen/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "loadgen/early_stopping.h"

namespace lode::loadgen {
namespace {

using record::Metrics;
using record::RawTimes;

constexpr std::int64_t kNever = -1;

std::optional<record::Distribution> distribution(std::vector<std::int64_t>& values) {
  if (values.empty()) return std::nullopt;
  return record::summarize(values);
}

std::vector<std::int64_t> issue_lags(const RawTimes& raw, bool is_closed_loop) {
  std::vector<std::int64_t> lags;
  lags.reserve(raw.issued_ns.size());
  for (std::size_t q = 0; q < raw.issued_ns.size(); ++q) {
    const bool follows = is_closed_loop && q > 0;
    const std::int64_t due_ns = follows ? raw.completed_ns[q - 1] : raw.scheduled_ns[q];
    if (follows && due_ns == kNever) continue;
    lags.push_back(raw.issued_ns[q] - due_ns);
  }
  return lags;
}

}  // namespace

std::string percentile_name(double p) {
  std::string name = fmt::format("p{:.10g}", p * 100.0);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

Metrics compute_metrics(const RawTimes& raw, const Settings& settings, bool is_closed_loop,
                        std::optional<double> percentile) {
  Metrics metrics;
  std::vector<std::int64_t> latencies;
  std::vector<std::int64_t> services;
  for (std::size_t q = 0; q < raw.completed_ns.size(); ++q) {
    if (raw.completed_ns[q] == kNever) continue;
    latencies.push_back(raw.completed_ns[q] - raw.scheduled_ns[q]);
    services.push_back(raw.completed_ns[q] - raw.issued_ns[q]);
  }
  std::int64_t last_ns = kNever;
  for (const std::int64_t completed_ns : raw.sample_completed_ns) {
    if (completed_ns == kNever) continue;
    ++metrics.samples;
    last_ns = std::max(last_ns, completed_ns);
  }
  metrics.queries = latencies.size();
  if (metrics.samples > 0) metrics.duration_ns = last_ns - raw.scheduled_ns.front();
  if (metrics.duration_ns > 0) {
    metrics.throughput_samples_per_s =
        static_cast<double>(metrics.samples) * 1e9 / static_cast<double>(metrics.duration_ns);
  }
  metrics.latency_ns = distribution(latencies);
  metrics.service_ns = distribution(services);
  std::vector<std::int64_t> lags = issue_lags(raw, is_closed_loop);
  metrics.issue_lag_ns = distribution(lags);
  // summarize() has sorted the latencies.
  metrics.early_stopping.note = "not asked for";
  if (settings.mode != Mode::kPerformance) {
    metrics.early_stopping.note = "means nothing in accuracy mode";
  } else if (settings.early_stopping) {
    metrics.early_stopping = assess_early_stopping(settings, percentile, latencies);
  }
  if (percentile) {
    const std::int64_t value = latencies.empty() ? 0 : record::percentile(latencies, *percentile);
    metrics.headline = {percentile_name(*percentile) + "_latency", static_cast<double>(value),
                        "ns"};
  } else {
    metrics.headline = {"throughput", metrics.throughput_samples_per_s, "samples/s"};
  }
  return metrics;
}

}  // namespace lode::loadgen
