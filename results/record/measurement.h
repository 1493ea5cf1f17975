// What one test measured: raw times, the summary computed from them, and the verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lode::record {

/// Raw data, as samples.h5 holds it. Times in ns from the start of the timed window.
struct RawTimes {
  // One entry a query, in order of issue.
  std::vector<std::int64_t> scheduled_ns;
  std::vector<std::int64_t> issued_ns;
  std::vector<std::int64_t> completed_ns;  ///< its last sample's; -1: never completed
  // One entry a sample, in order of issue.
  std::vector<std::int64_t> sample_index;
  std::vector<std::int64_t> sample_query;
  std::vector<std::int64_t> sample_completed_ns;  ///< -1: never completed
  // Likewise, if the SUT told of tokens; otherwise empty, and never in samples.h5.
  std::vector<std::int64_t> sample_first_token_ns;  ///< -1: not told
  std::vector<std::int64_t> sample_tokens;
};

/// A distribution in integer ns; percentiles are sorted[size_t(n*p)].
struct Distribution {
  std::int64_t min = 0, mean = 0, p50 = 0, p90 = 0, p95 = 0, p97 = 0, p99 = 0, p99_9 = 0, max = 0;
};

struct Headline {
  std::string name;    ///< p90_latency, p99_latency, throughput, max_qps
  double value = 0.0;  ///< means nothing unless has_headline()
  std::string unit;    ///< "ns", "samples/s" or "queries/s"
};

/// MLPerf's early stopping: whether there were enough queries for the percentile to be certain.
/// loadgen/early_stopping.h has the rule.
struct EarlyStopping {
  bool applied = false;
  std::string note;                  ///< why it was not applied
  bool met = false;                  ///< what follows means something if it was applied
  double percentile = 0.0;           ///< 0: judged by throughput, always met
  std::uint64_t queries = 0;         ///< completed
  std::uint64_t queries_needed = 0;  ///< the least that there had to be
  /// Queries that the estimate leaves above it; server: those over the latency bound.
  std::uint64_t discarded = 0;
  std::optional<std::int64_t> estimate_ns;      ///< of the percentile, with 99% confidence
  std::optional<std::int64_t> estimate_p99_ns;  ///< single-stream: of p99
};

/// One test of a search for the highest rate.
struct PeakProbe {
  double target_qps = 0.0;
  bool passed = false;
  std::int64_t latency_ns = 0;  ///< at the percentile that is limited, of what was answered
  std::uint64_t queries = 0;    ///< completed
  std::string reason;           ///< the first rule that was broken; "" if it passed
};

/// What a SUT that answers token by token is judged by. Not in the record: no run of ours has
/// tokens.
struct TokenMetrics {
  std::int64_t tokens = 0;              ///< of all answers
  std::uint64_t untimely = 0;           ///< answers before which no first token was told of
  std::uint64_t few = 0;                ///< answers with too few tokens for a time per token
  std::optional<Distribution> ttft_ns;  ///< per sample: first token - scheduled
  std::optional<Distribution> tpot_ns;  ///< per sample: (completed - first token) / (tokens - 1)
  std::int64_t judged_ttft_ns = 0;      ///< at the percentile that the limits are on
  std::int64_t judged_tpot_ns = 0;
  EarlyStopping ttft_early_stopping;
  EarlyStopping tpot_early_stopping;
};

struct Metrics {
  Headline headline;
  std::uint64_t queries = 0;     ///< completed
  std::uint64_t samples = 0;     ///< completed
  std::int64_t duration_ns = 0;  ///< from the first scheduled time to the last completion
  double throughput_samples_per_s = 0.0;
  /// Absent when nothing completed.
  std::optional<Distribution> latency_ns;    ///< completed - scheduled, per query
  std::optional<Distribution> service_ns;    ///< completed - issued, per query
  std::optional<Distribution> issue_lag_ns;  ///< how late the generator itself was
  EarlyStopping early_stopping;
  /// At the percentile that target_latency is a limit on; not in the record, which has it
  /// elsewhere.
  std::int64_t judged_latency_ns = 0;
  std::vector<PeakProbe> peak_search;  ///< empty if the rate was not searched for
  std::optional<TokenMetrics> tokens;
};

/// False when what the headline is a figure of never completed.
[[nodiscard]] bool has_headline(const Metrics& metrics);

/// One broken rule.
struct Reason {
  std::string rule;    ///< "min_duration", "issue_lag", ...
  std::string value;   ///< what was seen, with its unit
  std::string limit;   ///< what the rule asks for
  std::string advice;  ///< the one thing to do
};

struct Verdict {
  bool valid = true;
  std::vector<Reason> reasons;  ///< empty if and only if valid
};

struct Measurement {
  RawTimes raw;
  Metrics metrics;
  Verdict verdict;
  bool interrupted = false;
  std::uint64_t warmup_queries = 0;  ///< done and not counted
  /// Offline, performance mode: the samples/s that sized the query, given or measured during the
  /// warm-up; otherwise 0.
  double expected_qps = 0.0;
};

/// Sorts ascending: as std::sort, several times faster for many values, which times are.
void sort_times(std::vector<std::int64_t>& values);

/// All fields of a Distribution; sorts `values`, which must not be empty. Mean is rounded to ns.
[[nodiscard]] Distribution summarize(std::vector<std::int64_t>& values);

}  // namespace lode::record
