// Whether a test counts: a list of rules, each of which names what it saw, its limit, and the one
// thing to do about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "loadgen/issuer.h"
#include "loadgen/settings.h"
#include "results/record/measurement.h"

namespace lode::loadgen {

/// What the rules look at.
struct Outcome {
  const Settings& settings;
  const record::Metrics& metrics;
  EndCause end = EndCause::kCompleted;
  bool is_closed_loop = true;
  std::optional<double> percentile;  ///< that target_latency is a limit on
  std::optional<Error> failure;      ///< of the SUT
  std::uint64_t issued_samples = 0;
  std::uint64_t library_samples = 0;  ///< that accuracy mode has to visit
  std::uint64_t duplicates = 0;       ///< second answers to a sample
  std::uint64_t unknown = 0;          ///< answers to samples that were never issued
  std::uint64_t late = 0;             ///< answers after the end
  std::uint64_t errors = 0;           ///< samples answered with an error
  std::string blocked_call = {};      ///< of the SUT, which did not return for blocked_ns
  std::int64_t blocked_ns = 0;
  std::int64_t clock_step_ns = 0;  ///< by which the machine's clocks moved apart
};

/// Applies all rules. Names of the rules: interrupted, sut_failure, sut_blocked, query_timeout,
/// recorder_memory, max_duration, open_queries, unanswered, duplicates, unknown_ids, late_answers,
/// error_responses, min_duration, min_queries, accuracy_coverage, early_stopping, target_latency,
/// ttft_latency, tpot_latency, token_counts, issue_lag, clock_step.
[[nodiscard]] record::Verdict judge(const Outcome& outcome);

/// The most issue lag that a closed loop may have at p99: max(10 us, 1% of the median latency).
[[nodiscard]] std::int64_t issue_lag_limit_ns(std::int64_t median_latency_ns);
/// The most that server may have: max(10 us, 5% of the latency limit).
[[nodiscard]] std::int64_t server_lag_limit_ns(std::int64_t target_latency_ns);

}  // namespace lode::loadgen
