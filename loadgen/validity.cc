#include "loadgen/validity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/units.h"
#include "loadgen/metrics.h"

namespace lode::loadgen {
namespace {

using record::Reason;
using Rule = std::optional<Reason> (*)(const Outcome&);

constexpr std::int64_t kLagAlwaysAllowedNs = 10'000;
constexpr std::int64_t kLagShareOfLatency = 100;  ///< one part in so many
constexpr std::int64_t kLagShareOfLimit = 20;

bool is_performance(const Outcome& outcome) {
  return outcome.settings.mode == Mode::kPerformance;
}

bool is_offline(const Outcome& outcome) {
  return outcome.settings.scenario == Scenario::kOffline;
}

bool is_server(const Outcome& outcome) {
  return outcome.settings.scenario == Scenario::kServer;
}

bool is_too_short(const Outcome& outcome) {
  return outcome.metrics.duration_ns < outcome.settings.min_duration_ns;
}

/// What min_queries asks for, and what there was of it: queries, or samples in offline.
std::uint64_t count_wanted(const Outcome& outcome) {
  const Settings& settings = outcome.settings;
  return is_offline(outcome) ? std::max(settings.min_query_count, settings.offline_min_samples)
                             : settings.min_query_count;
}

std::uint64_t count_seen(const Outcome& outcome) {
  return is_offline(outcome) ? outcome.metrics.samples : outcome.metrics.queries;
}

std::string_view count_unit(const Outcome& outcome) {
  return is_offline(outcome) ? "samples" : "queries";
}

bool memory_ended_it(const Outcome& outcome) {
  if (outcome.end != EndCause::kRecorderMemory) return false;
  return !is_performance(outcome) || is_too_short(outcome) ||
         count_seen(outcome) < count_wanted(outcome);
}

/// The end itself is a reason: that the test is short of something then follows, and would only
/// be advised about twice.
bool ended_early(const Outcome& outcome) {
  switch (outcome.end) {
    case EndCause::kInterrupted:
    case EndCause::kSutFailed:
    case EndCause::kTimeout:
    case EndCause::kBlocked:
    case EndCause::kHopeless:
    case EndCause::kTooManyOpen:
      return true;
    case EndCause::kRecorderMemory:
      return memory_ended_it(outcome);
    case EndCause::kMaxDuration:
      return is_offline(outcome);
    case EndCause::kCompleted:
    case EndCause::kScheduleEnded:
    case EndCause::kMaxQueries:
      return false;
  }
  return false;
}

std::string answered(const Outcome& outcome) {
  return fmt::format("{} of {} samples answered", outcome.metrics.samples, outcome.issued_samples);
}

/// Which limit to lift so that a test gets further.
std::string limit_to_raise(const Outcome& outcome) {
  if (outcome.end == EndCause::kMaxDuration) return "raise max_duration, which ended the test";
  if (outcome.end == EndCause::kScheduleEnded) return "replay more arrivals";
  if (outcome.end == EndCause::kCompleted) return "load more samples: each was asked for once";
  return "raise max_queries, which ended the test";
}

std::optional<Reason> check_interrupted(const Outcome& outcome) {
  if (outcome.end != EndCause::kInterrupted) return std::nullopt;
  return Reason{"interrupted",
                fmt::format("stopped after {}", format_duration(outcome.metrics.duration_ns)),
                "not stopped by the user", "run it again to its end"};
}

std::optional<Reason> check_failure(const Outcome& outcome) {
  if (!outcome.failure) return std::nullopt;
  return Reason{"sut_failure", outcome.failure->message, "no failure",
                "mend what the system under test reports"};
}

std::optional<Reason> check_timeout(const Outcome& outcome) {
  if (outcome.end != EndCause::kTimeout) return std::nullopt;
  const std::string limit = format_duration(outcome.settings.query_timeout_ns);
  return Reason{"query_timeout", fmt::format("{}, then none for {}", answered(outcome), limit),
                fmt::format("an answer within {}", limit),
                outcome.late > 0 ? "raise query_timeout: answers came after the end, so the system "
                                   "under test is slow, and not hung"
                                 : "find out why the system under test does not answer"};
}

std::optional<Reason> check_blocked(const Outcome& outcome) {
  if (outcome.blocked_call.empty()) return std::nullopt;
  return Reason{
      "sut_blocked",
      fmt::format("{} did not return for {}", outcome.blocked_call,
                  format_duration(outcome.blocked_ns)),
      "every call returns",
      fmt::format("find out why the system under test is stuck in {}", outcome.blocked_call)};
}

std::optional<Reason> check_errors(const Outcome& outcome) {
  if (outcome.errors == 0) return std::nullopt;
  return Reason{"error_responses", fmt::format("{} samples answered with an error", outcome.errors),
                "none", "find out why the system under test cannot answer them"};
}

std::optional<Reason> check_clock(const Outcome& outcome) {
  if (outcome.clock_step_ns == 0) return std::nullopt;
  return Reason{"clock_step",
                fmt::format("the machine slept or its clock was set, by {}",
                            format_duration(std::abs(outcome.clock_step_ns))),
                "steady clocks", "run it again on a machine that is left alone"};
}

std::optional<Reason> check_memory(const Outcome& outcome) {
  if (!memory_ended_it(outcome)) return std::nullopt;
  return Reason{
      "recorder_memory",
      fmt::format("{} samples in {}", outcome.issued_samples,
                  format_duration(outcome.metrics.duration_ns)),
      fmt::format("times within {}", format_bytes(outcome.settings.recorder_memory_bytes)),
      "raise recorder_memory"};
}

std::optional<Reason> check_max_duration(const Outcome& outcome) {
  if (outcome.end != EndCause::kMaxDuration || !is_offline(outcome)) return std::nullopt;
  return Reason{"max_duration", answered(outcome),
                fmt::format("all within {}", format_duration(outcome.settings.max_duration_ns)),
                "raise max_duration"};
}

std::optional<Reason> check_open_queries(const Outcome& outcome) {
  if (outcome.end != EndCause::kTooManyOpen) return std::nullopt;
  return Reason{
      "open_queries",
      fmt::format("more than {} queries waited at once", outcome.settings.max_open_queries),
      fmt::format("at most {}", outcome.settings.max_open_queries), "lower target_qps"};
}

std::optional<Reason> check_unanswered(const Outcome& outcome) {
  if (ended_early(outcome) || outcome.metrics.samples == outcome.issued_samples) {
    return std::nullopt;
  }
  return Reason{"unanswered", answered(outcome), "all",
                "make the system under test answer every sample"};
}

std::optional<Reason> check_duplicates(const Outcome& outcome) {
  if (outcome.duplicates == 0) return std::nullopt;
  return Reason{"duplicates", fmt::format("{} second answers to a sample", outcome.duplicates),
                "none", "make the system under test answer each sample once"};
}

std::optional<Reason> check_unknown(const Outcome& outcome) {
  if (outcome.unknown == 0) return std::nullopt;
  return Reason{"unknown_ids",
                fmt::format("{} answers to samples that were not issued", outcome.unknown), "none",
                "make the system under test answer with the ids it was given"};
}

std::optional<Reason> check_late(const Outcome& outcome) {
  // Of a test that ended early, answers were in flight.
  if (outcome.late == 0 || ended_early(outcome)) return std::nullopt;
  return Reason{"late_answers", fmt::format("{} answers after the end", outcome.late), "none",
                "make the system under test answer each sample once"};
}

std::optional<Reason> check_min_duration(const Outcome& outcome) {
  if (!is_performance(outcome) || ended_early(outcome) || !is_too_short(outcome)) {
    return std::nullopt;
  }
  const bool query_was_small = is_offline(outcome) && outcome.end == EndCause::kCompleted;
  return Reason{"min_duration", format_duration(outcome.metrics.duration_ns),
                fmt::format("at least {}", format_duration(outcome.settings.min_duration_ns)),
                query_was_small
                    ? fmt::format("set expected_qps to {:.0f}, the rate that was reached",
                                  outcome.metrics.throughput_samples_per_s)
                    : limit_to_raise(outcome)};
}

std::optional<Reason> check_min_queries(const Outcome& outcome) {
  const std::uint64_t seen = count_seen(outcome);
  const std::uint64_t wanted = count_wanted(outcome);
  if (!is_performance(outcome) || ended_early(outcome) || seen >= wanted) return std::nullopt;
  return Reason{"min_queries", fmt::format("{} {}", seen, count_unit(outcome)),
                fmt::format("at least {}", wanted), limit_to_raise(outcome)};
}

std::optional<Reason> check_coverage(const Outcome& outcome) {
  if (is_performance(outcome) || ended_early(outcome) ||
      outcome.issued_samples == outcome.library_samples) {
    return std::nullopt;
  }
  return Reason{"accuracy_coverage", fmt::format("{} samples", outcome.issued_samples),
                fmt::format("all {} of the dataset", outcome.library_samples),
                limit_to_raise(outcome)};
}

std::optional<Reason> check_early_stopping(const Outcome& outcome) {
  const record::EarlyStopping& early = outcome.metrics.early_stopping;
  if (!early.applied || early.met || ended_early(outcome)) return std::nullopt;
  return Reason{
      "early_stopping",
      early.discarded > 0 && outcome.settings.scenario == Scenario::kServer
          ? fmt::format("{} queries, {} of them over the limit", early.queries, early.discarded)
          : fmt::format("{} queries", early.queries),
      fmt::format("at least {} for {} with 99% confidence", early.queries_needed,
                  percentile_name(early.percentile)),
      fmt::format("raise min_queries to {} or more", early.queries_needed)};
}

std::optional<Reason> check_target_latency(const Outcome& outcome) {
  const std::int64_t limit_ns = outcome.settings.target_latency_ns;
  if (outcome.end == EndCause::kHopeless) {
    return Reason{
        "target_latency",
        fmt::format("too many of {} queries over it, the test was ended", outcome.issued_samples),
        fmt::format("{} at most {}", percentile_name(*outcome.percentile),
                    format_duration(limit_ns)),
        "lower target_qps"};
  }
  if (limit_ns == 0 || !is_performance(outcome) || !outcome.percentile ||
      !outcome.metrics.latency_ns) {
    return std::nullopt;
  }
  const std::int64_t latency_ns = outcome.metrics.judged_latency_ns;
  if (latency_ns <= limit_ns) return std::nullopt;
  return Reason{
      "target_latency",
      fmt::format("{} {}", percentile_name(*outcome.percentile), format_duration(latency_ns)),
      fmt::format("at most {}", format_duration(limit_ns)),
      is_server(outcome) ? "lower target_qps" : "make the system under test faster"};
}

std::optional<Reason> check_token_limit(const Outcome& outcome, std::string_view rule,
                                        std::int64_t limit_ns, std::int64_t judged_ns) {
  if (!is_performance(outcome) || !is_server(outcome) || limit_ns == 0 || judged_ns <= limit_ns) {
    return std::nullopt;
  }
  return Reason{
      std::string(rule),
      fmt::format("{} {}", percentile_name(*outcome.percentile), format_duration(judged_ns)),
      fmt::format("at most {}", format_duration(limit_ns)), "lower target_qps"};
}

std::optional<Reason> check_ttft(const Outcome& outcome) {
  if (!outcome.metrics.tokens) return std::nullopt;
  return check_token_limit(outcome, "ttft_latency", outcome.settings.ttft_limit_ns,
                           outcome.metrics.tokens->judged_ttft_ns);
}

std::optional<Reason> check_tpot(const Outcome& outcome) {
  if (!outcome.metrics.tokens) return std::nullopt;
  return check_token_limit(outcome, "tpot_latency", outcome.settings.tpot_limit_ns,
                           outcome.metrics.tokens->judged_tpot_ns);
}

std::optional<Reason> check_token_counts(const Outcome& outcome) {
  if (!is_performance(outcome) || !outcome.metrics.tokens) return std::nullopt;
  const record::TokenMetrics& tokens = *outcome.metrics.tokens;
  if (tokens.untimely == 0 && tokens.few == 0) return std::nullopt;
  const int least = is_offline(outcome) ? 1 : 2;
  return Reason{"token_counts",
                fmt::format("{} answers without a first token before them, {} with fewer than {} "
                            "tokens",
                            tokens.untimely, tokens.few, least),
                "none",
                "tell of each first token before its answer, and how many tokens the answer has"};
}

std::optional<Reason> check_issue_lag(const Outcome& outcome) {
  if (!is_performance(outcome) || is_offline(outcome) || !outcome.metrics.latency_ns ||
      !outcome.metrics.issue_lag_ns) {
    return std::nullopt;
  }
  const std::int64_t latency_limit_ns = outcome.settings.token_latencies
                                            ? outcome.settings.ttft_limit_ns
                                            : outcome.settings.target_latency_ns;
  const std::int64_t limit_ns = is_server(outcome)
                                    ? server_lag_limit_ns(latency_limit_ns)
                                    : issue_lag_limit_ns(outcome.metrics.latency_ns->p50);
  const std::int64_t lag_ns = outcome.metrics.issue_lag_ns->p99;
  if (lag_ns <= limit_ns) return std::nullopt;
  return Reason{"issue_lag", fmt::format("p99 {}", format_duration(lag_ns)),
                fmt::format("at most {}", format_duration(limit_ns)),
                "leave the load generator a processor: other work, or too many threads of the "
                "system under test, kept it from issuing in time"};
}

constexpr std::array<Rule, 22> kRules = {
    check_interrupted,    check_failure,      check_blocked,      check_timeout,
    check_memory,         check_max_duration, check_open_queries, check_unanswered,
    check_duplicates,     check_unknown,      check_late,         check_errors,
    check_min_duration,   check_min_queries,  check_coverage,     check_early_stopping,
    check_target_latency, check_ttft,         check_tpot,         check_token_counts,
    check_issue_lag,      check_clock,
};

}  // namespace

record::Verdict judge(const Outcome& outcome) {
  record::Verdict verdict;
  for (const Rule rule : kRules) {
    if (auto reason = rule(outcome)) verdict.reasons.push_back(std::move(*reason));
  }
  verdict.valid = verdict.reasons.empty();
  return verdict;
}

std::int64_t issue_lag_limit_ns(std::int64_t median_latency_ns) {
  return std::max(kLagAlwaysAllowedNs, median_latency_ns / kLagShareOfLatency);
}

std::int64_t server_lag_limit_ns(std::int64_t target_latency_ns) {
  return std::max(kLagAlwaysAllowedNs, target_latency_ns / kLagShareOfLimit);
}

}  // namespace lode::loadgen
