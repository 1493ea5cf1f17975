// Both clocks: waits and their ends, wake-ups across threads, events in order.
#include "base/clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace lode {
namespace {

using testing::ElementsAre;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;

TEST(RealClock, NeverGoesBack) {
  const RealClock clock;
  EXPECT_FALSE(clock.is_simulated());
  std::int64_t last_ns = clock.now_ns();
  for (int i = 0; i < 100'000; ++i) {
    const std::int64_t now_ns = clock.now_ns();
    ASSERT_GE(now_ns, last_ns);
    last_ns = now_ns;
  }
}

TEST(RealClock, SleepsNoLessThanAsked) {
  for (const std::int64_t spin_ns : {std::int64_t{0}, 50 * std::int64_t{1'000}, kSecond}) {
    RealClock clock(spin_ns);
    const std::int64_t until_ns = clock.now_ns() + 3 * kMs;
    clock.sleep_until_ns(until_ns);
    EXPECT_GE(clock.now_ns(), until_ns);
    clock.sleep_until_ns(until_ns - kSecond);
  }
}

TEST(RealClock, AllowsForTheLatenessOfItsSleeps) {
  RealClock clock(1'000);
  EXPECT_EQ(clock.wake_lateness_ns(), 0);
  for (int i = 0; i < 5; ++i) {
    const std::int64_t until_ns = clock.now_ns() + kSecond / 500;
    clock.sleep_until_ns(until_ns);
    EXPECT_GE(clock.now_ns(), until_ns);
    EXPECT_GT(clock.wake_lateness_ns(), 0);
    EXPECT_LE(clock.wake_lateness_ns(), RealClock::kLatenessMaxNs);
  }
  RealClock sleeper(0);
  sleeper.sleep_until_ns(sleeper.now_ns() + kSecond / 500);
  EXPECT_EQ(sleeper.wake_lateness_ns(), 0) << "nothing is spun";
}

TEST(RealClock, WaitEndsAtOnceIfTheCounterIsThere) {
  RealClock clock;
  const std::atomic<std::uint64_t> counter{5};
  EXPECT_TRUE(clock.wait_for(counter, 5, 0));
  EXPECT_TRUE(clock.wait_for(counter, 0, Clock::kNever));
  EXPECT_FALSE(clock.wait_for(counter, 6, 0));
}

TEST(RealClock, WaitEndsAtItsDeadline) {
  for (const std::int64_t spin_ns : {std::int64_t{0}, kSecond}) {
    RealClock clock(spin_ns);
    const std::atomic<std::uint64_t> counter{0};
    const std::int64_t deadline_ns = clock.now_ns() + 3 * kMs;
    EXPECT_FALSE(clock.wait_for(counter, 1, deadline_ns));
    EXPECT_GE(clock.now_ns(), deadline_ns);
  }
}

TEST(RealClock, NotifyWakesBlockedWaiters) {
  RealClock clock(0);
  std::atomic<std::uint64_t> counter{0};
  std::atomic<int> woken{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&] { woken += clock.wait_for(counter, 2, Clock::kNever) ? 1 : 0; });
  }
  for (int i = 0; i < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(woken, 0);
    counter.fetch_add(1);
    clock.notify(counter);
  }
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(woken, 3);
}

TEST(RealClock, NoWakeUpIsLost) {
  // Two threads that hand a turn to and fro: a lost wake-up would hang them until the deadline.
  for (const std::int64_t spin_ns : {0, 1'000}) {
    RealClock clock(spin_ns);
    std::atomic<std::uint64_t> ping{0};
    std::atomic<std::uint64_t> pong{0};
    constexpr std::uint64_t kTurns = 5'000;
    std::thread other([&] {
      for (std::uint64_t turn = 1; turn <= kTurns; ++turn) {
        if (!clock.wait_for(ping, turn, clock.now_ns() + 20 * kSecond)) return;
        pong.store(turn, std::memory_order_release);
        clock.notify(pong);
      }
    });
    for (std::uint64_t turn = 1; turn <= kTurns; ++turn) {
      ping.store(turn, std::memory_order_release);
      clock.notify(ping);
      ASSERT_TRUE(clock.wait_for(pong, turn, clock.now_ns() + 20 * kSecond)) << turn;
    }
    other.join();
  }
}

TEST(RealClock, HasNoEvents) {
  RealClock clock;
  EXPECT_FALSE(clock.call_at(0, [] { FAIL(); }));
}

TEST(ManualClock, StandsStillUnlessMoved) {
  ManualClock clock(100);
  EXPECT_TRUE(clock.is_simulated());
  EXPECT_EQ(clock.now_ns(), 100);
  clock.advance_ns(5);
  EXPECT_EQ(clock.now_ns(), 105);
  clock.sleep_until_ns(50);
  EXPECT_EQ(clock.now_ns(), 105);
  clock.sleep_until_ns(200);
  EXPECT_EQ(clock.now_ns(), 200);
}

TEST(ManualClock, RunsEventsInOrderOfTimeThenInsertion) {
  ManualClock clock;
  std::vector<int> order;
  const auto event = [&](std::int64_t time_ns, int name) {
    EXPECT_TRUE(clock.call_at(time_ns, [&order, &clock, time_ns, name] {
      EXPECT_EQ(clock.now_ns(), time_ns);
      order.push_back(name);
    }));
  };
  event(30, 4);
  event(10, 1);
  event(20, 2);
  event(20, 3);
  event(31, 5);
  clock.sleep_until_ns(30);
  EXPECT_THAT(order, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(clock.now_ns(), 30);
}

TEST(ManualClock, EventsMayAddEventsAndTakeTime) {
  ManualClock clock;
  std::vector<std::int64_t> seen;
  clock.call_at(10, [&] {
    clock.call_at(15, [&] { seen.push_back(clock.now_ns()); });
    clock.advance_ns(8);
  });
  clock.sleep_until_ns(12);
  EXPECT_EQ(clock.now_ns(), 18);
  clock.sleep_until_ns(20);
  // Overdue events run as soon as they can, and time does not go back for them.
  EXPECT_THAT(seen, ElementsAre(18));
}

TEST(ManualClock, WaitMovesToTheEventThatEndsIt) {
  ManualClock clock;
  std::atomic<std::uint64_t> counter{0};
  for (const std::int64_t time_ns : {10, 20, 30}) clock.call_at(time_ns, [&] { ++counter; });
  EXPECT_TRUE(clock.wait_for(counter, 2, Clock::kNever));
  EXPECT_EQ(clock.now_ns(), 20);
  EXPECT_FALSE(clock.wait_for(counter, 3, 25));
  EXPECT_EQ(clock.now_ns(), 25);
  EXPECT_FALSE(clock.wait_for(counter, 9, 40));
  EXPECT_EQ(clock.now_ns(), 40);
  EXPECT_EQ(counter, 3U);
}

TEST(ManualClock, WaitThatNothingCouldEndIsABug) {
  ManualClock clock;
  const std::atomic<std::uint64_t> counter{0};
  EXPECT_DEATH((void)clock.wait_for(counter, 1, Clock::kNever), "kNever");
}

}  // namespace
}  // namespace lode
