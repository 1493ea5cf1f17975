// From raw times to the figures of a record.
#pragma once

#include <optional>
#include <string>

#include "loadgen/settings.h"
#include "results/record/measurement.h"

namespace lode::loadgen {

/// 0.9 -> "p90", 0.999 -> "p99_9".
[[nodiscard]] std::string percentile_name(double p);

/// Latency is completed - scheduled, service completed - issued, over the queries answered; the
/// duration is from the first scheduled time to the last answer of any sample, and the throughput
/// the samples answered in it.
/// issue_lag is what the generator itself added to each issued query: in a closed loop, from the
/// completion that made room for it to the issue (the first queries: from the scheduled time),
/// otherwise from the scheduled time to the issue.
/// The headline is latency at `percentile` (pXX_latency), without one the throughput, and in server
/// max_qps: (queries - 1) x 1e9 / ns from the begin of the window to the answer to the last query
/// issued (if it has none: the duration).
/// Early stopping is assessed in performance mode if the settings ask for it; with token latencies
/// on those (token_metrics.h).
[[nodiscard]] record::Metrics compute_metrics(const record::RawTimes& raw, const Settings& settings,
                                              bool is_closed_loop,
                                              std::optional<double> percentile);

}  // namespace lode::loadgen
