#include "loadgen/issuer.h"

#include <algorithm>

namespace lode::loadgen {
namespace {

/// How often a wait looks at what no answer announces: a failure, the user's wish to stop.
constexpr std::int64_t kLookEveryNs = 20'000'000;
/// How long answers in flight are waited for once the user wants to stop.
constexpr std::int64_t kInterruptGraceNs = 200'000'000;

std::int64_t add_saturating(std::int64_t time_ns, std::int64_t duration_ns) {
  return duration_ns > Clock::kNever - time_ns ? Clock::kNever : time_ns + duration_ns;
}

}  // namespace

void Issuer::open_window() {
  if (window_start_ns_.load(std::memory_order_relaxed) >= 0) return;
  window_start_ns_.store(clock_.now_ns(), std::memory_order_release);
}

std::optional<EndCause> Issuer::end_before_query(std::int64_t now_ns) const {
  if (is_interrupted()) return EndCause::kInterrupted;
  if (sink_.failed()) return EndCause::kSutFailed;
  const std::uint64_t issued = recorder_.issued_queries();
  const std::int64_t elapsed_ns = now_ns - window_start_ns();
  if (settings_.mode == Mode::kPerformance && issued >= settings_.min_query_count &&
      elapsed_ns >= settings_.min_duration_ns) {
    // The verdict counts from the first query to the last answer, which is a little less.
    const std::int64_t answered_ns = recorder_.query_completed_ns(issued - 1, issued);
    if (answered_ns - recorder_.query(0).scheduled_ns >= settings_.min_duration_ns) {
      return EndCause::kCompleted;
    }
  }
  if (settings_.max_query_count != 0 && issued >= settings_.max_query_count) {
    return EndCause::kMaxQueries;
  }
  if (settings_.max_duration_ns != 0 && elapsed_ns >= settings_.max_duration_ns) {
    return EndCause::kMaxDuration;
  }
  return std::nullopt;
}

std::optional<EndCause> Issuer::wait(AnswerCounter& counter, std::uint64_t target,
                                     const WaitLimits& limits) {
  std::int64_t now_ns = clock_.now_ns();
  std::int64_t timeout_ns = add_saturating(now_ns, limits.timeout_ns);
  std::uint64_t seen = counter.get();
  while (true) {
    const std::int64_t deadline_ns =
        std::min({timeout_ns, limits.give_up_ns, add_saturating(now_ns, kLookEveryNs)});
    if (clock_.wait_for(counter.count(), target, deadline_ns)) return std::nullopt;
    now_ns = clock_.now_ns();
    if (is_interrupted()) {
      (void)clock_.wait_for(counter.count(), target, add_saturating(now_ns, kInterruptGraceNs));
      return EndCause::kInterrupted;
    }
    if (sink_.failed()) return EndCause::kSutFailed;
    if (now_ns >= limits.give_up_ns) return EndCause::kMaxDuration;
    const std::uint64_t count = counter.get();
    if (limits.restart_on_progress && count != seen) {
      timeout_ns = add_saturating(now_ns, limits.timeout_ns);
      seen = count;
    }
    if (now_ns >= timeout_ns) return EndCause::kTimeout;
  }
}

std::optional<EndCause> Issuer::run_warmup_query(std::span<const SampleIndex> loaded,
                                                 std::uint64_t samples) {
  if (is_interrupted()) return EndCause::kInterrupted;
  warmup_query_.resize(samples);
  for (std::uint64_t i = 0; i < samples; ++i) {
    warmup_query_[i] = {TestSink::kWarmupBit | (warmup_samples_ + i), loaded[i % loaded.size()]};
  }
  warmup_samples_ += samples;
  sink_.warmup().wake_at(warmup_samples_);
  sut_.issue(warmup_query_);
  sut_.flush();
  return wait(sink_.warmup(), warmup_samples_,
              {.timeout_ns = settings_.query_timeout_ns, .restart_on_progress = true});
}

}  // namespace lode::loadgen
