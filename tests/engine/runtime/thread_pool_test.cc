// Every task once, on the right workers, in the right mode.
#include "engine/runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <limits>
#include <mutex>
#include <set>

namespace lode::engine {
namespace {

std::unique_ptr<ThreadPool> make_pool(int threads, std::vector<int> cpus = {}) {
  auto pool = ThreadPool::create(threads, std::move(cpus));
  EXPECT_TRUE(pool.ok()) << pool.error().message;
  return std::move(*pool);
}

/// Calls `body(index, worker)` for each task.
template <typename Body>
void run(ThreadPool& pool, std::int64_t count, Body body) {
  pool.run(
      count,
      [](void* context, std::int64_t index, int worker) {
        (*static_cast<Body*>(context))(index, worker);
      },
      &body);
}

TEST(ThreadPool, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 3, 5}) {
    const auto pool = make_pool(threads);
    EXPECT_EQ(pool->threads(), threads);
    for (const std::int64_t count : {0, 1, 2, 3, 7, 1000}) {
      std::vector<std::atomic<int>> times(static_cast<std::size_t>(count));
      std::atomic<bool> workers_in_range{true};
      run(*pool, count, [&](std::int64_t index, int worker) {
        ++times[static_cast<std::size_t>(index)];
        if (worker < 0 || worker >= threads) workers_in_range = false;
      });
      for (const auto& each : times) EXPECT_EQ(each, 1);
      EXPECT_TRUE(workers_in_range);
    }
  }
}

TEST(ThreadPool, ManySmallJobsFollowEachOther) {
  const auto pool = make_pool(3);
  std::atomic<std::int64_t> sum{0};
  for (std::int64_t job = 0; job < 20000; ++job) {
    run(*pool, 1 + job % 5, [&](std::int64_t index, int) { sum += index + 1; });
  }
  EXPECT_EQ(sum, 4000 * (1 + 3 + 6 + 10 + 15));
}

TEST(ThreadPool, WorkersThatFellAsleepWakeUp) {
  const auto pool = make_pool(2);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    // Both workers must be in at once for this to end.
    std::atomic<int> inside{0};
    run(*pool, 2, [&](std::int64_t, int) {
      ++inside;
      while (inside < 2) std::this_thread::yield();
    });
    EXPECT_EQ(inside, 2);
  }
}

TEST(ThreadPool, TheCallerSleepsUntilTheLastTaskIsDone) {
  const auto pool = make_pool(2);
  std::atomic<int> inside{0};
  std::atomic<bool> finished{false};
  run(*pool, 2, [&](std::int64_t, int worker) {
    ++inside;
    while (inside < 2) std::this_thread::yield();
    if (worker != 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      finished = true;
    }
  });
  EXPECT_TRUE(finished);
}

TEST(ThreadPool, EachWorkerBeginsWithItsOwnPart) {
  const auto pool = make_pool(2);
  for (int job = 0; job < 200; ++job) {
    // Inside at once, so that nobody has time to take the other's.
    std::atomic<int> inside{0};
    std::array<int, 2> worker_of = {-1, -1};
    run(*pool, 2, [&](std::int64_t index, int worker) {
      worker_of[static_cast<std::size_t>(index)] = worker;
      ++inside;
      while (inside < 2) std::this_thread::yield();
    });
    EXPECT_EQ(worker_of, (std::array<int, 2>{0, 1}));
  }
}

TEST(ThreadPool, WhatABusyWorkerLeavesIsTakenByOthers) {
  constexpr int kCount = 100;
  const auto pool = make_pool(2);
  for (const std::int64_t slow : {0, kCount / 2}) {
    std::atomic<int> done{0};
    run(*pool, kCount, [&](std::int64_t index, int) {
      // Ends when all others are done, this worker's own among them: without taking, never.
      while (index == slow && done < kCount - 1) std::this_thread::yield();
      ++done;
    });
    EXPECT_EQ(done, kCount);
  }
}

TEST(ThreadPool, CountsTheProcessorsThatAffinityLeaves) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  const int all = usable_processors();
  EXPECT_GE(all, 1);
  EXPECT_LE(all, CPU_COUNT(&before));
  std::size_t first = 0;
  while (CPU_ISSET(first, &before) == 0) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(usable_processors(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

float halve_smallest_normal() {
  volatile float smallest = std::numeric_limits<float>::min();
  volatile float half = 0.5F;
  return smallest * half;
}

TEST(ThreadPool, DenormalsAreZeroInsideAndAsBeforeOutside) {
  const auto pool = make_pool(2);
  ASSERT_NE(halve_smallest_normal(), 0.0F);
  {
    const ThreadPool::CallerScope scope(*pool);
    std::atomic<int> inside{0};
    std::atomic<int> flushed{0};
    run(*pool, 2, [&](std::int64_t, int) {
      ++inside;
      while (inside < 2) std::this_thread::yield();
      if (halve_smallest_normal() == 0.0F) ++flushed;
    });
    EXPECT_EQ(flushed, 2);
  }
  EXPECT_NE(halve_smallest_normal(), 0.0F);
}

int cpu_count(const cpu_set_t& set) {
  return CPU_COUNT(&set);
}

TEST(ThreadPool, PinsInsideAndRestoresOutside) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  int first = 0;
  while (CPU_ISSET(static_cast<std::size_t>(first), &before) == 0) ++first;
  const auto pool = make_pool(2, {first});
  cpu_set_t now;
  ASSERT_EQ(sched_getaffinity(0, sizeof(now), &now), 0);
  EXPECT_TRUE(CPU_EQUAL(&now, &before)) << "create() leaves the caller as it was";
  {
    const ThreadPool::CallerScope scope(*pool);
    ASSERT_EQ(sched_getaffinity(0, sizeof(now), &now), 0);
    EXPECT_EQ(cpu_count(now), 1);
    EXPECT_TRUE(CPU_ISSET(static_cast<std::size_t>(first), &now));
  }
  ASSERT_EQ(sched_getaffinity(0, sizeof(now), &now), 0);
  EXPECT_TRUE(CPU_EQUAL(&now, &before));
}

TEST(ThreadPool, RefusesWhatCannotBe) {
  for (const int threads : {0, -1, 1000000}) {
    const auto pool = ThreadPool::create(threads, {});
    ASSERT_FALSE(pool.ok());
    EXPECT_EQ(pool.error().kind, ErrorKind::kUsage);
    EXPECT_NE(pool.error().message.find(std::to_string(threads)), std::string::npos);
  }
  for (const int cpu : {-1, 100000}) {
    const auto pool = ThreadPool::create(2, {cpu});
    ASSERT_FALSE(pool.ok());
    EXPECT_EQ(pool.error().kind, ErrorKind::kUsage);
    EXPECT_NE(pool.error().message.find(std::to_string(cpu)), std::string::npos);
  }
}

TEST(ThreadPool, PoolsOfOneProcessDoNotMeet) {
  const auto a = make_pool(2);
  const auto b = make_pool(2);
  const auto count_to = [](ThreadPool& pool, std::atomic<std::int64_t>& sum) {
    for (int job = 0; job < 2000; ++job) {
      run(pool, 4, [&](std::int64_t, int) { ++sum; });
    }
  };
  std::atomic<std::int64_t> sum_a{0};
  std::atomic<std::int64_t> sum_b{0};
  std::thread other([&] { count_to(*b, sum_b); });
  count_to(*a, sum_a);
  other.join();
  EXPECT_EQ(sum_a, 8000);
  EXPECT_EQ(sum_b, 8000);
}

TEST(ThreadPool, DoesNotSpinOnASharedProcessor) {
  cpu_set_t set;
  ASSERT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
  int cpu = 0;
  while (!CPU_ISSET(static_cast<std::size_t>(cpu), &set)) ++cpu;
  const auto pool = ThreadPool::create(2, {cpu, cpu});
  ASSERT_TRUE(pool.ok());
  EXPECT_FALSE((*pool)->spins());
}

TEST(ThreadPool, DoesNotSpinWhileAllPoolsOutnumberTheProcessors) {
  const auto first = ThreadPool::create(1, {});
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE((*first)->spins());
  {
    const auto many = ThreadPool::create(CPU_SETSIZE, {});
    ASSERT_TRUE(many.ok());
    EXPECT_FALSE((*many)->spins());
    EXPECT_FALSE((*first)->spins());
  }
  EXPECT_TRUE((*first)->spins());
}

}  // namespace
}  // namespace lode::engine
