#include "loadgen/mlperf/issue_threads.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

namespace mlperf {
namespace {

/// How long threads may take to register once a test wants them.
constexpr std::chrono::seconds kPatience{10};

}  // namespace

IssueThreads& IssueThreads::instance() {
  static auto* const kThreads = new IssueThreads;
  return *kThreads;
}

void IssueThreads::lend() {
  std::unique_lock lock(mutex_);
  const std::uint64_t releases = releases_;
  while (true) {
    ++idle_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !jobs_.empty() || releases_ != releases; });
    --idle_;
    if (jobs_.empty()) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

void IssueThreads::run(std::size_t threads, const std::function<void(std::size_t)>& work) {
  std::size_t running = threads;
  std::condition_variable done;
  std::vector<std::thread> own;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [&] { return idle_ >= jobs_.size() + threads; });
  const std::size_t free = idle_ - std::min(idle_, jobs_.size());
  const std::size_t lent = std::min(threads, free);
  const auto job = [&](std::size_t thread) {
    work(thread);
    // Under the lock: the one that waits goes on, and its condition away, only once this is out.
    const std::lock_guard guard(mutex_);
    if (--running == 0) done.notify_all();
  };
  for (std::size_t i = 0; i < lent; ++i) jobs_.emplace_back([&job, i] { job(i); });
  changed_.notify_all();
  for (std::size_t i = lent; i < threads; ++i) own.emplace_back(job, i);
  done.wait(lock, [&] { return running == 0; });
  lock.unlock();
  for (std::thread& thread : own) thread.join();
}

void IssueThreads::release() {
  const std::lock_guard lock(mutex_);
  ++releases_;
  changed_.notify_all();
}

}  // namespace mlperf
