#include "base/clock.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

namespace lode {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

timespec to_timespec(std::int64_t ns) {
  return {static_cast<time_t>(ns / kNsPerSecond), static_cast<long>(ns % kNsPerSecond)};
}

/// The low half of the counter: what a futex, which is 32 bits wide, can watch. It changes with
/// every increment, which is all that a wait needs.
const std::uint32_t* futex_word(const std::atomic<std::uint64_t>& counter) {
  return reinterpret_cast<const std::uint32_t*>(&counter);
}

}  // namespace

std::int64_t RealClock::now_ns() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * kNsPerSecond + now.tv_nsec;
}

void RealClock::sleep_until_ns(std::int64_t time_ns) {
  const std::int64_t wake_ns = time_ns - spin_ns_ - wake_lateness_ns();
  if (now_ns() < wake_ns) {
    const timespec until = to_timespec(wake_ns);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
    if (spin_ns_ > 0) learn_lateness(now_ns() - wake_ns);
  }
  while (now_ns() < time_ns) cpu_relax();
}

/// What 19 of 20 sleeps keep within, found in small steps: one long preemption changes little.
void RealClock::learn_lateness(std::int64_t late_ns) {
  constexpr std::int64_t kStepNs = 100;
  const std::int64_t known_ns = wake_lateness_ns();
  const std::int64_t next_ns = late_ns > known_ns ? known_ns + 19 * kStepNs : known_ns - kStepNs;
  wake_lateness_ns_.store(std::clamp<std::int64_t>(next_ns, 0, kLatenessMaxNs),
                          std::memory_order_relaxed);
}

bool RealClock::wait_for(const std::atomic<std::uint64_t>& counter, std::uint64_t target,
                         std::int64_t deadline_ns) {
  // Looked at before the clock is read: what has come already costs the caller nothing more.
  if (counter.load(std::memory_order_acquire) >= target) return true;
  const std::int64_t spin_end_ns = now_ns() + spin_ns_;
  while (counter.load(std::memory_order_acquire) < target) {
    const std::int64_t now = now_ns();
    if (now >= deadline_ns) return false;
    if (now < spin_end_ns) {
      cpu_relax();
      continue;
    }
    waiters_.fetch_add(1);
    const std::uint64_t seen = counter.load();
    if (seen < target) {
      const timespec until = to_timespec(deadline_ns);
      syscall(SYS_futex, futex_word(counter), FUTEX_WAIT_BITSET_PRIVATE,
              static_cast<std::uint32_t>(seen), deadline_ns == kNever ? nullptr : &until, nullptr,
              FUTEX_BITSET_MATCH_ANY);
    }
    waiters_.fetch_sub(1, std::memory_order_acq_rel);
  }
  return true;
}

void RealClock::notify(const std::atomic<std::uint64_t>& counter) {
  // Raise the counter, look for waiters; become a waiter, look at the counter: all four are of
  // sequential consistency, so one side at least sees the other.
  if (waiters_.load() == 0) return;
  syscall(SYS_futex, futex_word(counter), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void RealClock::wake_precisely() {
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

bool RealClock::call_at(std::int64_t, std::function<void()>) {
  return false;
}

void ManualClock::run_next_event() {
  auto node = events_.extract(events_.begin());
  now_ns_ = std::max(now_ns_, node.key());
  node.mapped()();
}

void ManualClock::sleep_until_ns(std::int64_t time_ns) {
  while (!events_.empty() && events_.begin()->first <= time_ns) run_next_event();
  now_ns_ = std::max(now_ns_, time_ns);
}

bool ManualClock::wait_for(const std::atomic<std::uint64_t>& counter, std::uint64_t target,
                           std::int64_t deadline_ns) {
  while (counter.load(std::memory_order_relaxed) < target) {
    if (now_ns_ >= deadline_ns) return false;
    if (!events_.empty() && events_.begin()->first <= deadline_ns) {
      run_next_event();
      continue;
    }
    LODE_ASSERT(deadline_ns != kNever);
    now_ns_ = deadline_ns;
  }
  return true;
}

bool ManualClock::call_at(std::int64_t time_ns, std::function<void()> action) {
  events_.emplace(time_ns, std::move(action));
  return true;
}

}  // namespace lode
