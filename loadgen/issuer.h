// What every scenario's loop is made of: prepare a query, issue it, wait for its answers, and know
// when to stop. Policies (policies/) put these together.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "loadgen/recorder.h"
#include "loadgen/settings.h"
#include "loadgen/system_under_test.h"
#include "loadgen/test_sink.h"

namespace lode::loadgen {

/// Why the issuing ended.
enum class EndCause : std::uint8_t {
  kCompleted,       ///< the stop rule was reached; accuracy: every sample was asked for
  kMaxDuration,     ///< max_duration ended it
  kMaxQueries,      ///< max_query_count ended it
  kRecorderMemory,  ///< recorder_memory was used up
  kTimeout,         ///< no answer within query_timeout
  kSutFailed,       ///< the SUT said that it cannot go on
  kInterrupted,     ///< the user stopped it
};

/// When a wait for answers ends without them.
struct WaitLimits {
  std::int64_t timeout_ns = 0;          ///< from the begin of the wait
  bool restart_on_progress = false;     ///< the timeout counts from the last answer instead
  std::int64_t give_up_ns = INT64_MAX;  ///< a time on the clock: kMaxDuration
};

class Issuer {
 public:
  /// `interrupted` and everything else outlives the issuer.
  Issuer(SystemUnderTest& sut, Recorder& recorder, TestSink& sink, Clock& clock,
         const Settings& settings, const std::atomic<bool>& interrupted)
      : sut_(sut),
        recorder_(recorder),
        sink_(sink),
        clock_(clock),
        settings_(settings),
        interrupted_(interrupted) {}

  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] Clock& clock() { return clock_; }
  [[nodiscard]] Recorder& recorder() { return recorder_; }

  /// Opens the timed window, unless an earlier loaded set did.
  void open_window();
  /// The window's begin on the clock; -1 before. Safe from any thread.
  [[nodiscard]] std::int64_t window_start_ns() const {
    return window_start_ns_.load(std::memory_order_acquire);
  }

  /// Whether the stop rule, a limit, a failure or the user ends a closed loop at `now_ns`, before
  /// its next query.
  [[nodiscard]] std::optional<EndCause> end_before_query(std::int64_t now_ns) const;

  /// Issues the query that the recorder has prepared.
  void issue(std::span<const QuerySample> query, std::int64_t scheduled_ns,
             std::int64_t issued_ns) {
    recorder_.commit(scheduled_ns, issued_ns, query.size());
    sink_.timed().wake_at(recorder_.issued_samples());
    sut_.issue(query);
  }

  /// Waits until all that was issued is answered.
  [[nodiscard]] std::optional<EndCause> wait_for_answers(const WaitLimits& limits) {
    const std::uint64_t target = recorder_.issued_samples();
    if (sink_.timed().get() >= target) return std::nullopt;
    return wait(sink_.timed(), target, limits);
  }

  /// Issues an uncounted query of `samples` of the loaded ones, and waits for its answers.
  [[nodiscard]] std::optional<EndCause> run_warmup_query(std::span<const SampleIndex> loaded,
                                                         std::uint64_t samples);

  void flush() { sut_.flush(); }

  [[nodiscard]] bool is_interrupted() const { return interrupted_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::optional<EndCause> wait(AnswerCounter& counter, std::uint64_t target,
                                             const WaitLimits& limits);

  SystemUnderTest& sut_;
  Recorder& recorder_;
  TestSink& sink_;
  Clock& clock_;
  const Settings& settings_;
  const std::atomic<bool>& interrupted_;
  std::atomic<std::int64_t> window_start_ns_{-1};
  std::vector<QuerySample> warmup_query_;
  std::uint64_t warmup_samples_ = 0;
};

}  // namespace lode::loadgen
