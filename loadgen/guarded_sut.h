// A SUT that cannot take its test down: what its calls throw becomes a failure of the test, and a
// watchdog can see since when a call has not returned, and give it up.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "loadgen/system_under_test.h"
#include "loadgen/test_sink.h"

namespace lode::loadgen {

/// Thrown out of a call that had been given up when it returned at last: ends the thread that made
/// it, which must touch nothing of the caller's any more.
struct GivenUp {};

class GuardedSut {
 public:
  /// Calls that last without being blocked for so long. issue() and flush(): without an answer.
  struct Limits {
    std::int64_t issue_ns = 0;
    std::int64_t start_ns = 0;
    std::int64_t stop_ns = 0;
  };
  struct Blocked {
    std::string_view call;  ///< "issue()"
    std::int64_t since_ns = 0;
    std::int64_t limit_ns = 0;
  };

  /// `threads`: how many may call issue() at once, each with a slot of its own.
  GuardedSut(SystemUnderTest& sut, TestSink& sink, Clock& clock, const Limits& limits,
             std::size_t threads);

  [[nodiscard]] SystemUnderTest& sut() const { return sut_; }

  [[nodiscard]] Status start(const TestPlan& plan);
  [[nodiscard]] Status expect_query(std::uint64_t samples);
  void issue(std::span<const QuerySample> query, std::int64_t now_ns, std::size_t slot = 0) {
    Slot& mine = slots_[slot];
    mine.since_ns.store(now_ns, std::memory_order_relaxed);
    try {
      sut_.issue(query);
    } catch (...) {
      report_exception("issue()");
    }
    mine.since_ns.store(kIdle, std::memory_order_relaxed);
    if (is_given_up_.load(std::memory_order_relaxed)) throw GivenUp{};
    if (is_simulated_) check_simulated(now_ns);
  }
  void flush();
  void stop();

  /// The call that has been blocked at `now_ns`, if there is one; `progress_ns` is when the last
  /// answer came.
  [[nodiscard]] std::optional<Blocked> blocked(std::int64_t now_ns, std::int64_t progress_ns) const;

  /// From now on a call that returns ends its thread by GivenUp.
  void give_up() { is_given_up_.store(true, std::memory_order_release); }
  [[nodiscard]] bool is_given_up() const { return is_given_up_.load(std::memory_order_acquire); }

  /// A simulated clock has no watchdog: the call that took too long there.
  [[nodiscard]] std::optional<Blocked> blocked_in_simulation() const { return simulated_; }

 private:
  static constexpr std::int64_t kIdle = INT64_MIN;
  struct alignas(64) Slot {
    std::atomic<std::int64_t> since_ns{kIdle};
  };

  template <typename Call>
  void guard(std::string_view name, std::int64_t limit_ns, Call call);
  void report_exception(std::string_view call);
  void check_simulated(std::int64_t began_ns);

  SystemUnderTest& sut_;
  TestSink& sink_;
  Clock& clock_;
  Limits limits_;
  bool is_simulated_;
  std::vector<Slot> slots_;
  /// The calls that are not issue(), of which there is one at a time.
  std::atomic<std::int64_t> other_since_ns_{kIdle};
  std::atomic<std::int64_t> other_limit_ns_{0};
  std::atomic<const char*> other_call_{""};
  std::atomic<bool> is_given_up_{false};
  std::optional<Blocked> simulated_;
};

}  // namespace lode::loadgen
