// Time as the load generator sees it: a monotonic clock in integer nanoseconds that a test can
// replace by a manual one, on which a whole scenario runs without waiting.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>

namespace lode {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  /// Nanoseconds since an arbitrary fixed point; never goes back.
  [[nodiscard]] virtual std::int64_t now_ns() const = 0;

  /// Returns at `time_ns` or later, at once if that is past.
  virtual void sleep_until_ns(std::int64_t time_ns) = 0;

  /// Returns true as soon as `counter` >= `target`, false once now_ns() >= `deadline_ns`.
  /// Whoever raises the counter, by an operation of sequential consistency, calls
  /// notify(counter) afterwards.
  virtual bool wait_for(const std::atomic<std::uint64_t>& counter, std::uint64_t target,
                        std::int64_t deadline_ns) = 0;

  /// Wakes the wait_for() calls on `counter`. Cheap when nobody waits.
  virtual void notify(const std::atomic<std::uint64_t>& counter) = 0;

  /// Runs `action` at `time_ns` on the clock's own events and returns true, or returns false if
  /// this clock has none (the real one): the caller then needs a thread of its own.
  virtual bool call_at(std::int64_t time_ns, std::function<void()> action) = 0;

  /// True if time moves by calls alone: such a clock is for one thread, and no helper thread may
  /// wait for it or read it.
  [[nodiscard]] virtual bool is_simulated() const = 0;

  /// A deadline that is never reached.
  static constexpr std::int64_t kNever = INT64_MAX;
};

/// CLOCK_MONOTONIC. Sleeps to shortly before the time, then spins; waits likewise. How late this
/// machine's sleeps end is learned as they do, and allowed for.
class RealClock final : public Clock {
 public:
  /// `spin_ns`: how long a wait or the end of a sleep spins before (after) it blocks. On a machine
  /// whose processors are all busy with the SUT, 0 leaves them alone.
  explicit RealClock(std::int64_t spin_ns = 50'000) : spin_ns_(spin_ns) {}

  [[nodiscard]] std::int64_t now_ns() const override;
  void sleep_until_ns(std::int64_t time_ns) override;
  bool wait_for(const std::atomic<std::uint64_t>& counter, std::uint64_t target,
                std::int64_t deadline_ns) override;
  void notify(const std::atomic<std::uint64_t>& counter) override;
  bool call_at(std::int64_t time_ns, std::function<void()> action) override;
  [[nodiscard]] bool is_simulated() const override { return false; }

  /// Has the calling thread's sleeps end when they are due: the kernel else adds up to 50 us.
  static void wake_precisely();

  /// By how much earlier a sleep is made to end than spinning asks for: the lateness of the latest
  /// sleeps, at most kLatenessMaxNs; 0 if nothing is spun.
  [[nodiscard]] std::int64_t wake_lateness_ns() const {
    return wake_lateness_ns_.load(std::memory_order_relaxed);
  }
  static constexpr std::int64_t kLatenessMaxNs = 200'000;

 private:
  void learn_lateness(std::int64_t late_ns);

  std::int64_t spin_ns_;
  std::atomic<std::int64_t> wake_lateness_ns_{0};
  std::atomic<std::uint32_t> waiters_{0};
};

/// A clock that stands still but for sleep_until_ns(), wait_for() and advance_ns(): these run the
/// events of call_at() in order of time (of insertion at equal times), moving the clock to each.
/// For one thread only.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t start_ns = 0) : now_ns_(start_ns) {}

  [[nodiscard]] std::int64_t now_ns() const override { return now_ns_; }
  void sleep_until_ns(std::int64_t time_ns) override;
  /// With no event left before the deadline, moves to the deadline; asserts that it is not kNever
  /// then, since nothing could ever end the wait.
  bool wait_for(const std::atomic<std::uint64_t>& counter, std::uint64_t target,
                std::int64_t deadline_ns) override;
  void notify(const std::atomic<std::uint64_t>&) override {}
  bool call_at(std::int64_t time_ns, std::function<void()> action) override;
  [[nodiscard]] bool is_simulated() const override { return true; }

  /// Moves the clock on, without running events: the time that a call on this thread took.
  void advance_ns(std::int64_t duration_ns) { now_ns_ += duration_ns; }

 private:
  void run_next_event();

  std::int64_t now_ns_;
  std::multimap<std::int64_t, std::function<void()>> events_;
};

}  // namespace lode
