// The workers of one session. The caller is worker 0; the others spin for a bounded time between
// jobs, so that the steps of a run follow each other closely, and then sleep.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/runtime/denormals.h"

namespace lode::engine {

/// How many processors the calling thread may keep busy: those it may run on, within the quota of
/// its control group, rounded down but at least one.
[[nodiscard]] int usable_processors();

class ThreadPool {
 public:
  /// `task(context, index, worker)`: does task `index` as worker `worker` in [0, threads).
  using Task = void (*)(void* context, std::int64_t index, int worker);

  /// `threads` >= 1 workers, the caller included. Worker i is pinned to cpus[i % size] if there are
  /// any; each must be one that the process may use (an error names it).
  [[nodiscard]] static Result<std::unique_ptr<ThreadPool>> create(int threads,
                                                                  std::vector<int> cpus);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  [[nodiscard]] int threads() const { return threads_; }

  /// True if idle workers spin before they sleep: not while the workers of all pools of the process
  /// outnumber its processors, when a spinning one keeps another from working.
  [[nodiscard]] bool spins() const;

  /// Runs all tasks in [0, count), at most 2^32 - 1, and returns when they are done. Worker i of n
  /// begins with the i-th of n equal runs of indices, so that steps that are cut alike find what
  /// they read in the cache of who wrote it; whoever is done takes from the others' ends. A worker
  /// that has not woken up yet is not waited for. Allocates nothing. One caller at a time.
  void run(std::int64_t count, Task task, void* context);

  /// Makes the calling thread worker 0 while it lives: denormals flushed, pinned like the others.
  /// Afterwards both are as they were, so that sessions of one thread do not disturb each other.
  class CallerScope {
   public:
    explicit CallerScope(const ThreadPool& pool);
    CallerScope(const CallerScope&) = delete;
    CallerScope& operator=(const CallerScope&) = delete;
    ~CallerScope();

   private:
    FlushDenormals flush_;
    bool is_pinned_ = false;
    cpu_set_t saved_;
  };

 private:
  ThreadPool(int threads, std::vector<int> cpus, int processors);

  /// What one worker has left of the job, and the job itself: one cache line, so that a hand-out
  /// is one transfer. Task and context are written by the caller while no task of the last job is
  /// left, and read only by who has claimed a task, which keeps the job from ending.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> range{0};  ///< next task in the upper half, end in the lower
    Task task = nullptr;
    void* context = nullptr;
  };

  void work(int worker);
  void do_tasks(int worker);
  [[nodiscard]] bool has_work(int worker) const;
  [[nodiscard]] std::int64_t spin_ns() const;

  std::unique_ptr<Share[]> shares_;  ///< one a worker
  // Each on its own cache line: workers write the first while nobody writes the second.
  alignas(64) std::atomic<std::uint32_t> unfinished_{0};
  alignas(64) std::atomic<std::uint32_t> job_number_{0};  ///< what sleepers wait on
  std::atomic<std::uint32_t> sleepers_{0};
  std::atomic<bool> is_stopping_{false};
  std::vector<int> cpus_;
  int threads_;      ///< known before the first worker starts
  int processors_;   ///< of the process
  bool is_crowded_;  ///< more workers than `cpus_` has processors
  std::vector<std::thread> workers_;
};

}  // namespace lode::engine
