// Early stopping, MLPerf's rule for how many queries a percentile needs: from t queries over a
// bound among n, how sure is it that the true percentile is within?
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "loadgen/settings.h"
#include "results/record/measurement.h"

namespace lode::loadgen {

/// The least number of queries that must be within the bound when `over` are over it, for the bound
/// to hold at `percentile` with 99% confidence: the smallest h with I_p(h, over + 1) < 1 - 0.99, I
/// being the regularised incomplete beta function (MLPerf inference rules, "Early stopping", with
/// tolerance d = 0). 0 < percentile < 1.
[[nodiscard]] std::uint64_t queries_within_needed(std::uint64_t over, double percentile);

/// The least number of queries in all: those within the bound and those over it.
[[nodiscard]] std::uint64_t queries_needed(std::uint64_t over, double percentile);

/// The largest t with queries_needed(t) <= queries: sorted[queries - t] is then the estimate of the
/// percentile. None if even t = 1 needs more queries.
[[nodiscard]] std::optional<std::uint64_t> estimate_rank(std::uint64_t queries, double percentile);

/// What early stopping says of a test. `sorted_ns`: the latencies of its queries, ascending.
/// Scenarios that measure a percentile get its estimate, single-stream that of p99 too; server is
/// judged by how many queries were over `limit_ns` (0: none is); offline is always met.
[[nodiscard]] record::EarlyStopping assess_early_stopping(
    const Settings& settings, std::optional<double> percentile,
    const std::vector<std::int64_t>& sorted_ns, std::int64_t limit_ns);

}  // namespace lode::loadgen
