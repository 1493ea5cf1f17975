#include "loadgen/issuer.h"

#include <algorithm>
#include <thread>

namespace lode::loadgen {
namespace {

/// How long answers in flight are waited for once the user wants to stop.
constexpr std::int64_t kInterruptGraceNs = 200'000'000;

std::int64_t add_saturating(std::int64_t time_ns, std::int64_t duration_ns) {
  return duration_ns > Clock::kNever - time_ns ? Clock::kNever : time_ns + duration_ns;
}

void run_on_new_threads(std::size_t threads, const std::function<void(std::size_t)>& work) {
  std::vector<std::thread> team;
  for (std::size_t i = 1; i < threads; ++i) team.emplace_back(work, i);
  work(0);
  for (std::thread& thread : team) thread.join();
}

}  // namespace

Issuer::Issuer(GuardedSut& sut, Recorder& recorder, TestSink& sink, Clock& clock,
               const Settings& settings, const std::atomic<bool>& interrupted,
               const ThreadTeam& team)
    : sut_(sut),
      recorder_(recorder),
      sink_(sink),
      clock_(clock),
      settings_(settings),
      interrupted_(interrupted),
      team_(team) {
  if (settings.mode == Mode::kPerformance && settings.accuracy_log_probability > 0.0) {
    sampler_.emplace(settings);
  }
}

void Issuer::open_window() {
  if (window_start_ns_.load(std::memory_order_relaxed) >= 0) return;
  window_start_ns_.store(clock_.now_ns(), std::memory_order_release);
}

EndCause Issuer::cause_of_trouble() const {
  if (is_interrupted()) return EndCause::kInterrupted;
  if (sink_.failed()) return EndCause::kSutFailed;
  if (sut_.blocked_in_simulation()) return EndCause::kBlocked;
  return sink_.hopeless() ? EndCause::kHopeless : EndCause::kTimeout;
}

std::optional<EndCause> Issuer::limit_reached(std::int64_t now_ns) const {
  if (settings_.max_query_count != 0 && recorder_.issued_queries() >= settings_.max_query_count) {
    return EndCause::kMaxQueries;
  }
  if (settings_.max_duration_ns != 0 && now_ns - window_start_ns() >= settings_.max_duration_ns) {
    return EndCause::kMaxDuration;
  }
  return std::nullopt;
}

std::optional<EndCause> Issuer::end_before_query(std::int64_t now_ns, bool is_mid_round) const {
  if (const auto cause = trouble()) return cause;
  const std::uint64_t issued = recorder_.issued_queries();
  const std::int64_t elapsed_ns = now_ns - window_start_ns();
  if (settings_.mode == Mode::kPerformance && !is_mid_round &&
      issued >= settings_.min_query_count && elapsed_ns >= settings_.min_duration_ns) {
    // The verdict counts from the first query to the last answer, which is a little less when the
    // last query has been answered, and more when it has not.
    const std::int64_t answered_ns = recorder_.query_completed_ns(issued - 1, issued);
    if (answered_ns == Recorder::kPending ||
        answered_ns - recorder_.query(0).scheduled_ns >= settings_.min_duration_ns) {
      return EndCause::kCompleted;
    }
  }
  return limit_reached(now_ns);
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
    if (sink_.in_trouble()) return cause_of_trouble();
    if (now_ns >= limits.give_up_ns) return EndCause::kMaxDuration;
    const std::uint64_t count = counter.get();
    if (limits.restart_on_progress && count != seen) {
      timeout_ns = add_saturating(now_ns, limits.timeout_ns);
      seen = count;
    }
    if (now_ns >= timeout_ns) return EndCause::kTimeout;
  }
}

EndCause Issuer::drain(EndCause end) {
  sut_.flush();
  const bool is_lost = end == EndCause::kSutFailed || end == EndCause::kTimeout ||
                       end == EndCause::kBlocked || end == EndCause::kHopeless;
  if (is_lost) return end;
  const std::uint64_t target = recorder_.issued_samples();
  sink_.timed().wake_at(target);
  const WaitLimits limits{.timeout_ns = settings_.query_timeout_ns, .restart_on_progress = true};
  return wait_for_answers(target, limits).value_or(end);
}

void Issuer::look_for_overdue(std::int64_t now_ns) {
  if (window_start_ns() < 0) return;
  // In this order: what was answered by now had been issued by now.
  const std::uint64_t answered = sink_.timed().get();
  const std::uint64_t issued = recorder_.issued_queries();
  if (settings_.end_when_hopeless) count_over_limit(now_ns, issued);
  if (answered == recorder_.issued_samples()) {
    oldest_query_ = issued;
    return;
  }
  // The end of the newest query is not settled while another one is being issued.
  for (; oldest_query_ + 1 < issued; ++oldest_query_) {
    const std::int64_t waited_ns = now_ns - recorder_.query(oldest_query_).issued_ns;
    if (waited_ns <= settings_.query_timeout_ns) return;
    if (recorder_.query_completed_ns(oldest_query_, issued) == Recorder::kPending) {
      return sink_.set_timed_out();
    }
  }
}

/// Judges each query once, when its limit has passed.
void Issuer::count_over_limit(std::int64_t now_ns, std::uint64_t issued) {
  for (; judged_query_ + 1 < issued; ++judged_query_) {
    const std::int64_t limit_ns =
        recorder_.query(judged_query_).scheduled_ns + settings_.target_latency_ns;
    if (limit_ns >= now_ns) break;
    const std::int64_t completed_ns = recorder_.query_completed_ns(judged_query_, issued);
    if (completed_ns == Recorder::kPending || completed_ns > limit_ns) ++over_limit_;
  }
  if (over_limit_ > over_limit_max()) sink_.set_hopeless();
}

/// Of the queries that the settings ask for, and of those that were issued beyond.
std::uint64_t Issuer::over_limit_max() const {
  const double seconds = static_cast<double>(settings_.min_duration_ns) / 1e9;
  const double planned = std::max({static_cast<double>(settings_.min_query_count),
                                   1.1 * seconds * settings_.target_qps,
                                   static_cast<double>(recorder_.issued_queries())});
  const double p = settings_.target_percentile > 0.0 ? settings_.target_percentile : 0.99;
  return static_cast<std::uint64_t>(planned * (1.0 - p)) + 1;
}

void Issuer::run_on_issue_threads(const std::function<void(std::size_t)>& work) {
  const std::size_t threads = clock_.is_simulated() ? 1 : settings_.issue_threads;
  const auto guarded = [&work](std::size_t thread) {
    try {
      work(thread);
    } catch (const GivenUp&) {
      // Told again below, once all threads are back.
    }
  };
  sink_.timed().wake_at(AnswerCounter::kNobody);
  if (threads > 1 && team_) {
    team_(threads, guarded);
  } else {
    run_on_new_threads(threads, guarded);
  }
  if (sut_.is_given_up()) throw GivenUp{};
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
  sut_.issue(warmup_query_, clock_.now_ns());
  sut_.flush();
  return wait(sink_.warmup(), warmup_samples_,
              {.timeout_ns = settings_.query_timeout_ns, .restart_on_progress = true});
}

}  // namespace lode::loadgen
