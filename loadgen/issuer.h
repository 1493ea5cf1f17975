// What every scenario's loop is made of: prepare a query, issue it, wait for its answers, and know
// when to stop. Policies (policies/) put these together.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "loadgen/guarded_sut.h"
#include "loadgen/recorder.h"
#include "loadgen/settings.h"
#include "loadgen/streams.h"
#include "loadgen/system_under_test.h"
#include "loadgen/test_sink.h"

namespace lode::loadgen {

/// Why the issuing ended.
enum class EndCause : std::uint8_t {
  kCompleted,       ///< the stop rule was reached; accuracy: every sample was asked for
  kScheduleEnded,   ///< a replay has no more arrivals
  kMaxDuration,     ///< max_duration ended it
  kMaxQueries,      ///< max_query_count ended it
  kRecorderMemory,  ///< recorder_memory was used up
  kTimeout,         ///< no answer within query_timeout
  kBlocked,         ///< a call of the SUT did not return
  kHopeless,        ///< too many queries were over target_latency
  kTooManyOpen,     ///< more queries than max_open_queries waited for their answers
  kSutFailed,       ///< the SUT said that it cannot go on
  kInterrupted,     ///< the user stopped it
};

/// When a wait for answers ends without them.
struct WaitLimits {
  std::int64_t timeout_ns = 0;          ///< from the begin of the wait
  bool restart_on_progress = false;     ///< the timeout counts from the last answer instead
  std::int64_t give_up_ns = INT64_MAX;  ///< a time on the clock: kMaxDuration
};

/// Runs `work(thread)` on that many threads at once and returns when all have returned.
using ThreadTeam =
    std::function<void(std::size_t threads, const std::function<void(std::size_t)>& work)>;

class Issuer {
 public:
  /// Everything outlives the issuer. `team` may be empty: threads are made then.
  Issuer(GuardedSut& sut, Recorder& recorder, TestSink& sink, Clock& clock,
         const Settings& settings, const std::atomic<bool>& interrupted, const ThreadTeam& team);

  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] Clock& clock() { return clock_; }
  [[nodiscard]] Recorder& recorder() { return recorder_; }

  /// Opens the timed window, unless an earlier loaded set did.
  void open_window();
  /// The window's begin on the clock; -1 before. Safe from any thread.
  [[nodiscard]] std::int64_t window_start_ns() const {
    return window_start_ns_.load(std::memory_order_acquire);
  }

  /// What ends a test at once: a failure, a timeout, the user.
  [[nodiscard]] std::optional<EndCause> trouble() const {
    if (!is_interrupted() && !sink_.in_trouble()) [[likely]]
      return std::nullopt;
    return cause_of_trouble();
  }

  /// Whether a limit ends the issuing at `now_ns`, before the next query.
  [[nodiscard]] std::optional<EndCause> limit_reached(std::int64_t now_ns) const;

  /// Whether more queries are open than the settings allow.
  [[nodiscard]] bool has_too_many_open() const {
    const std::uint64_t answered = sink_.timed().get();
    return settings_.max_open_queries != 0 &&
           recorder_.issued_queries() - answered > settings_.max_open_queries;
  }

  /// Whether the stop rule, a limit or trouble ends a closed loop at `now_ns`, before its next
  /// query. `is_mid_round`: the stop rule waits for the end of the round.
  [[nodiscard]] std::optional<EndCause> end_before_query(std::int64_t now_ns,
                                                         bool is_mid_round) const;

  /// prepare() of the recorder, with the sampler of outputs.
  [[nodiscard]] bool prepare(std::span<const SampleIndex> indices, std::span<QuerySample> query,
                             std::uint64_t offset = 0) {
    return recorder_.prepare(indices, query, offset, sampler_ ? &*sampler_ : nullptr);
  }

  /// Issues the query that was prepared; `wake_at`: so many answers in all are what the thread that
  /// waits wants to know of.
  void issue(std::span<const QuerySample> query, std::int64_t scheduled_ns, std::int64_t issued_ns,
             std::uint64_t wake_at) {
    recorder_.commit(scheduled_ns, issued_ns, query.size());
    sink_.timed().wake_at(wake_at);
    sut_.issue(query, issued_ns);
  }

  /// Issues queries that are committed already, from issue thread `thread`.
  void send(std::span<const QuerySample> queries, std::int64_t issued_ns, std::size_t thread) {
    sut_.issue(queries, issued_ns, thread);
  }

  /// Waits until `target` samples are answered in all.
  [[nodiscard]] std::optional<EndCause> wait_for_answers(std::uint64_t target,
                                                         const WaitLimits& limits) {
    if (sink_.timed().get() >= target) return std::nullopt;
    return wait(sink_.timed(), target, limits);
  }

  /// After the last query: sends what the SUT holds back, and waits for all answers. `end`: why the
  /// issuing ended, which is returned unless the wait ends worse.
  [[nodiscard]] EndCause drain(EndCause end);

  /// Looks for what ends an open loop: a query that has no answer for longer than query_timeout,
  /// or too many over the limit. For one thread at a time.
  void look_for_overdue(std::int64_t now_ns);

  /// Runs `work` on the settings' issue threads.
  void run_on_issue_threads(const std::function<void(std::size_t)>& work);

  /// Issues an uncounted query of `samples` of the loaded ones, and waits for its answers.
  [[nodiscard]] std::optional<EndCause> run_warmup_query(std::span<const SampleIndex> loaded,
                                                         std::uint64_t samples);

  void flush() { sut_.flush(); }

  [[nodiscard]] bool is_interrupted() const { return interrupted_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::optional<EndCause> wait(AnswerCounter& counter, std::uint64_t target,
                                             const WaitLimits& limits);
  [[nodiscard]] EndCause cause_of_trouble() const;

  GuardedSut& sut_;
  Recorder& recorder_;
  TestSink& sink_;
  Clock& clock_;
  const Settings& settings_;
  const std::atomic<bool>& interrupted_;
  const ThreadTeam& team_;
  std::optional<OutputSampler> sampler_;
  std::atomic<std::int64_t> window_start_ns_{-1};
  void count_over_limit(std::int64_t now_ns, std::uint64_t issued);
  [[nodiscard]] std::uint64_t over_limit_max() const;

  std::uint64_t oldest_query_ = 0;  ///< those before it are answered
  std::uint64_t judged_query_ = 0;  ///< of those before it, over_limit_ were over target_latency
  std::uint64_t over_limit_ = 0;
  std::vector<QuerySample> warmup_query_;
  std::uint64_t warmup_samples_ = 0;
};

/// How often a wait looks at what no answer announces: a failure, the user's wish to stop.
inline constexpr std::int64_t kLookEveryNs = 20'000'000;

}  // namespace lode::loadgen
