// What a SUT that answers token by token is judged by.
#pragma once

#include <optional>
#include <vector>

#include "loadgen/settings.h"
#include "results/record/measurement.h"

namespace lode::loadgen {

/// Over the samples answered: TTFT is first token - scheduled, TPOT (completed - first token) /
/// (tokens - 1), rounded towards zero, as MLPerf LoadGen has them. A sample whose first token came
/// after its answer, or not at all, or that has fewer than two tokens, is in neither; offline asks
/// for one token and for no first one. `raw` holds tokens. The judged values are at `percentile`.
/// Early stopping is assessed, if the settings ask for it, on the samples' TTFT and TPOT, in
/// multi-stream on `sorted_latencies_ns`, those of its queries.
[[nodiscard]] record::TokenMetrics compute_token_metrics(
    const record::RawTimes& raw, const Settings& settings, std::optional<double> percentile,
    const std::vector<std::int64_t>& sorted_latencies_ns);

}  // namespace lode::loadgen
