// Hand-out of tasks by a range a worker. A range only shrinks until the next job sets it, so that a
// single compare-and-swap both claims a task and proves that its job is not over: while two jobs
// have left the same range behind, it is the later one's task that is claimed, which is as good.
#include "engine/runtime/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <system_error>

#include "base/system_info.h"
#include "engine/runtime/denormals.h"

namespace lode::engine {

namespace {

/// Longer than the gap between two steps of a run, shorter than anybody would notice as load.
constexpr std::int64_t kSpinNs = 100'000;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Spins until is_ready() or for `limit_ns`; returns is_ready().
template <typename Ready>
bool spin_for(std::int64_t limit_ns, const Ready& is_ready) {
  constexpr int kPollsPerClockRead = 64;
  if (is_ready()) return true;
  if (limit_ns == 0) return false;
  const auto start = std::chrono::steady_clock::now();
  while (true) {
    for (int i = 0; i < kPollsPerClockRead; ++i) {
      if (is_ready()) return true;
      pause_briefly();
    }
    const auto spent = std::chrono::steady_clock::now() - start;
    if (std::chrono::nanoseconds(spent).count() > limit_ns) return is_ready();
  }
}

bool pin_this_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return sched_setaffinity(0, sizeof(set), &set) == 0;
}

/// Workers of all live pools, callers included.
std::atomic<int> live_workers{0};

/// Each can be pinned to: tried, since the answer depends on hot-plugging and cpusets.
Status check_cpus(const std::vector<int>& wanted) {
  if (wanted.empty()) return {};
  cpu_set_t saved;
  if (sched_getaffinity(0, sizeof(saved), &saved) != 0) {
    return usage_error("this system does not pin threads; leave the processors out");
  }
  Status status;
  for (const int cpu : wanted) {
    if (cpu >= 0 && cpu < CPU_SETSIZE && pin_this_thread(cpu)) continue;
    status = usage_error("processor {} cannot be used here; leave it out of the list", cpu);
    break;
  }
  sched_setaffinity(0, sizeof(saved), &saved);
  return status;
}

constexpr int kHalf = 32;
constexpr std::uint64_t kEndMask = 0xFFFFFFFF;

/// Claims the first task of the range, or the last; false if there is none.
bool claim_first(std::atomic<std::uint64_t>& range, std::int64_t& task) {
  std::uint64_t left = range.load(std::memory_order_acquire);
  while ((left >> kHalf) < (left & kEndMask)) {
    if (range.compare_exchange_weak(left, left + (std::uint64_t{1} << kHalf),
                                    std::memory_order_acq_rel, std::memory_order_acquire)) {
      task = static_cast<std::int64_t>(left >> kHalf);
      return true;
    }
  }
  return false;
}

bool claim_last(std::atomic<std::uint64_t>& range, std::int64_t& task) {
  std::uint64_t left = range.load(std::memory_order_acquire);
  while ((left >> kHalf) < (left & kEndMask)) {
    if (range.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      task = static_cast<std::int64_t>(left & kEndMask) - 1;
      return true;
    }
  }
  return false;
}

}  // namespace

int usable_processors() {
  static const int quota = static_cast<int>(std::max(
      1.0, std::min(read_system_info().cgroup_cpus.value_or(CPU_SETSIZE), double{CPU_SETSIZE})));
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return quota;
  return std::min(quota, CPU_COUNT(&set));
}

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(int threads, std::vector<int> cpus) {
  constexpr int kMostThreads = 1024;
  if (threads < 1 || threads > kMostThreads) {
    return usage_error("{} threads: 1 to {} are possible", threads, kMostThreads);
  }
  LODE_CHECK_OK(check_cpus(cpus));
  try {
    return std::unique_ptr<ThreadPool>(
        new ThreadPool(threads, std::move(cpus), usable_processors()));
  } catch (const std::system_error& error) {
    return runtime_error("{} threads cannot be started: {}", threads, error.what());
  }
}

ThreadPool::ThreadPool(int threads, std::vector<int> cpus, int processors)
    : shares_(std::make_unique<Share[]>(static_cast<std::size_t>(threads))),
      cpus_(std::move(cpus)),
      threads_(threads),
      processors_(processors) {
  const auto distinct = static_cast<int>(std::set<int>(cpus_.begin(), cpus_.end()).size());
  is_crowded_ = distinct > 0 && threads > distinct;
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int worker = 1; worker < threads; ++worker) {
      workers_.emplace_back([this, worker] { work(worker); });
    }
  } catch (...) {
    is_stopping_ = true;
    ++job_number_;
    job_number_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    throw;
  }
  live_workers += threads;
}

ThreadPool::~ThreadPool() {
  live_workers -= threads();
  is_stopping_ = true;
  ++job_number_;
  job_number_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

ThreadPool::CallerScope::CallerScope(const ThreadPool& pool) {
  if (pool.cpus_.empty()) return;
  // create() has checked that it can be done; failing now costs speed, not correctness.
  if (sched_getaffinity(0, sizeof(saved_), &saved_) != 0) return;
  is_pinned_ = pin_this_thread(pool.cpus_[0]);
}

ThreadPool::CallerScope::~CallerScope() {
  if (is_pinned_) sched_setaffinity(0, sizeof(saved_), &saved_);
}

bool ThreadPool::spins() const {
  return !is_crowded_ && live_workers.load(std::memory_order_relaxed) <= processors_;
}

std::int64_t ThreadPool::spin_ns() const {
  return spins() ? kSpinNs : 0;
}

bool ThreadPool::has_work(int worker) const {
  const std::uint64_t left =
      shares_[static_cast<std::size_t>(worker)].range.load(std::memory_order_acquire);
  return (left >> kHalf) < (left & kEndMask) || is_stopping_.load(std::memory_order_relaxed);
}

void ThreadPool::do_tasks(int worker) {
  std::uint32_t done = 0;
  std::int64_t index = 0;
  Share& own = shares_[static_cast<std::size_t>(worker)];
  for (; claim_first(own.range, index); ++done) own.task(own.context, index, worker);
  for (int offset = 1; offset < threads_; ++offset) {
    Share& other = shares_[static_cast<std::size_t>((worker + offset) % threads_)];
    for (; claim_last(other.range, index); ++done) other.task(other.context, index, worker);
  }
  // The last one wakes the caller, should it sleep.
  if (done > 0 && unfinished_.fetch_sub(done, std::memory_order_acq_rel) == done) {
    unfinished_.notify_one();
  }
}

void ThreadPool::work(int worker) {
  const FlushDenormals flush;
  if (!cpus_.empty()) pin_this_thread(cpus_[static_cast<std::size_t>(worker) % cpus_.size()]);
  while (!is_stopping_) {
    if (!spin_for(spin_ns(), [this, worker] { return has_work(worker); })) {
      // Said to sleep before the last look: run() either sees the sleeper or is seen here.
      sleepers_.fetch_add(1);
      const std::uint32_t number = job_number_.load();
      if (!has_work(worker)) job_number_.wait(number);
      sleepers_.fetch_sub(1);
    }
    do_tasks(worker);
  }
}

void ThreadPool::run(std::int64_t count, Task task, void* context) {
  LODE_ASSERT(count >= 0 && count <= INT64_C(0xFFFFFFFF));
  if (threads_ == 1 || count <= 1) {
    for (std::int64_t index = 0; index < count; ++index) task(context, index, 0);
    return;
  }
  unfinished_.store(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
  std::int64_t begin = 0;
  for (int worker = 0; worker < threads_; ++worker) {
    const std::int64_t end = count * (worker + 1) / threads_;
    Share& share = shares_[static_cast<std::size_t>(worker)];
    share.task = task;
    share.context = context;
    share.range.store(static_cast<std::uint64_t>(begin) << kHalf | static_cast<std::uint64_t>(end),
                      std::memory_order_release);
    begin = end;
  }
  job_number_.fetch_add(1);  // sequentially consistent: ranges first, then the look for sleepers
  if (sleepers_.load() > 0) job_number_.notify_all();
  do_tasks(0);
  spin_for(spin_ns(), [this] { return unfinished_.load(std::memory_order_acquire) == 0; });
  for (std::uint32_t left = unfinished_.load(std::memory_order_acquire); left != 0;
       left = unfinished_.load(std::memory_order_acquire)) {
    unfinished_.wait(left, std::memory_order_acquire);
  }
}

}  // namespace lode::engine
