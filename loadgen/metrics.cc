#include "loadgen/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/percentile.h"
#include "loadgen/early_stopping.h"
#include "loadgen/token_metrics.h"

namespace lode::loadgen {
namespace {

using record::Metrics;
using record::RawTimes;

constexpr std::int64_t kNever = -1;

std::optional<record::Distribution> distribution(std::vector<std::int64_t>& values) {
  if (values.empty()) return std::nullopt;
  return record::summarize(values);
}

/// When each query of a closed loop could have been issued: as soon as fewer than `concurrency`
/// queries were open. With one at a time, that is the answer to the one before it.
std::vector<std::int64_t> times_of_room(const RawTimes& raw, std::uint64_t concurrency) {
  std::vector<std::int64_t> room = raw.completed_ns;
  if (concurrency == 1) return room;
  std::erase(room, kNever);
  record::sort_times(room);
  return room;
}

std::vector<std::int64_t> issue_lags(const RawTimes& raw, const Settings& settings,
                                     bool is_closed_loop) {
  std::vector<std::int64_t> lags;
  lags.reserve(raw.issued_ns.size());
  std::vector<std::int64_t> room;
  if (is_closed_loop) room = times_of_room(raw, settings.concurrency);
  for (std::size_t q = 0; q < raw.issued_ns.size(); ++q) {
    const bool follows = is_closed_loop && q >= settings.concurrency;
    if (follows && q - settings.concurrency >= room.size()) break;
    const std::int64_t due_ns = follows ? room[q - settings.concurrency] : raw.scheduled_ns[q];
    if (follows && due_ns == kNever) continue;
    lags.push_back(raw.issued_ns[q] - due_ns);
  }
  return lags;
}

/// Queries a second up to the answer to the last one issued: n of them span n - 1 gaps.
double completed_rate(const RawTimes& raw, const Metrics& metrics) {
  const std::int64_t last_ns = raw.completed_ns.back();
  const std::int64_t span_ns = last_ns == kNever ? metrics.duration_ns : last_ns;
  if (span_ns <= 0 || metrics.queries == 0) return 0.0;
  return static_cast<double>(metrics.queries - 1) * 1e9 / static_cast<double>(span_ns);
}

record::Headline make_headline(const RawTimes& raw, const Settings& settings,
                               const Metrics& metrics, std::optional<double> percentile) {
  if (!percentile) return {"throughput", metrics.throughput_samples_per_s, "samples/s"};
  if (settings.scenario == Scenario::kServer) {
    const double rate = raw.completed_ns.empty() ? 0.0 : completed_rate(raw, metrics);
    return {"max_qps", rate, "queries/s"};
  }
  return {percentile_name(*percentile) + "_latency", static_cast<double>(metrics.judged_latency_ns),
          "ns"};
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
  latencies.reserve(raw.completed_ns.size());
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
  metrics.service_ns = distribution(services);
  metrics.latency_ns = distribution(latencies);
  std::vector<std::int64_t> lags = issue_lags(raw, settings, is_closed_loop);
  metrics.issue_lag_ns = distribution(lags);
  // distribution() has sorted the latencies.
  if (percentile && !latencies.empty()) {
    metrics.judged_latency_ns = lode::percentile(latencies, *percentile);
  }
  metrics.early_stopping.note = "not asked for";
  if (settings.mode != Mode::kPerformance) {
    metrics.early_stopping.note = "means nothing in accuracy mode";
  } else if (settings.early_stopping) {
    metrics.early_stopping =
        assess_early_stopping(settings, percentile, latencies, settings.target_latency_ns);
  }
  if (settings.token_latencies) {
    metrics.tokens = compute_token_metrics(raw, settings, percentile, latencies);
    const record::EarlyStopping& tpot = metrics.tokens->tpot_early_stopping;
    // The one that is not met is the one to tell of.
    if (tpot.applied) {
      metrics.early_stopping = tpot.met ? metrics.tokens->ttft_early_stopping : tpot;
    }
  }
  metrics.headline = make_headline(raw, settings, metrics, percentile);
  return metrics;
}

}  // namespace lode::loadgen
