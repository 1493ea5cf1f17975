#include "loadgen/token_metrics.h"

#include "base/percentile.h"
#include "loadgen/early_stopping.h"

namespace lode::loadgen {
namespace {

using record::RawTimes;
using record::TokenMetrics;

constexpr std::int64_t kNever = -1;

struct Times {
  std::vector<std::int64_t> ttft_ns;
  std::vector<std::int64_t> tpot_ns;
};

Times collect(const RawTimes& raw, TokenMetrics& metrics) {
  Times times;
  for (std::size_t i = 0; i < raw.sample_completed_ns.size(); ++i) {
    const std::int64_t completed_ns = raw.sample_completed_ns[i];
    if (completed_ns == kNever) continue;
    metrics.tokens += raw.sample_tokens[i];
    const std::int64_t first_ns = raw.sample_first_token_ns[i];
    const bool is_timely = first_ns != kNever && first_ns <= completed_ns;
    const bool has_several = raw.sample_tokens[i] >= 2;
    if (!is_timely) ++metrics.untimely;
    if (!has_several) ++metrics.few;
    if (!is_timely || !has_several) continue;
    const auto query = static_cast<std::size_t>(raw.sample_query[i]);
    times.ttft_ns.push_back(first_ns - raw.scheduled_ns[query]);
    times.tpot_ns.push_back((completed_ns - first_ns) / (raw.sample_tokens[i] - 1));
  }
  return times;
}

/// Offline is judged by tokens a second: when they came does not count.
TokenMetrics count_tokens(const RawTimes& raw) {
  TokenMetrics metrics;
  for (std::size_t i = 0; i < raw.sample_completed_ns.size(); ++i) {
    if (raw.sample_completed_ns[i] == kNever) continue;
    metrics.tokens += raw.sample_tokens[i];
    if (raw.sample_tokens[i] < 1) ++metrics.few;
  }
  return metrics;
}

}  // namespace

TokenMetrics compute_token_metrics(const RawTimes& raw, const Settings& settings,
                                   std::optional<double> percentile,
                                   const std::vector<std::int64_t>& sorted_latencies_ns) {
  if (!percentile) return count_tokens(raw);
  TokenMetrics metrics;
  Times times = collect(raw, metrics);
  if (!times.ttft_ns.empty()) {
    metrics.ttft_ns = record::summarize(times.ttft_ns);
    metrics.tpot_ns = record::summarize(times.tpot_ns);
    // summarize() has sorted them.
    metrics.judged_ttft_ns = lode::percentile(times.ttft_ns, *percentile);
    metrics.judged_tpot_ns = lode::percentile(times.tpot_ns, *percentile);
  }
  if (settings.mode != Mode::kPerformance || !settings.early_stopping) return metrics;
  const bool is_multi = settings.scenario == Scenario::kMultiStream;
  metrics.ttft_early_stopping = assess_early_stopping(
      settings, percentile, is_multi ? sorted_latencies_ns : times.ttft_ns, settings.ttft_limit_ns);
  metrics.tpot_early_stopping = assess_early_stopping(
      settings, percentile, is_multi ? sorted_latencies_ns : times.tpot_ns, settings.tpot_limit_ns);
  return metrics;
}

}  // namespace lode::loadgen
