// The threads that users lend to server tests by RegisterIssueQueryThread().
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

namespace mlperf {

class IssueThreads {
 public:
  [[nodiscard]] static IssueThreads& instance();

  /// Of the lending thread: does what it is given until the test that asked for threads is over.
  void lend();

  /// Runs work(0) to work(threads - 1) at once, on lent threads as far as there are enough within
  /// some seconds, otherwise on new ones.
  void run(std::size_t threads, const std::function<void(std::size_t)>& work);

  /// A test that asked for threads is over: lent threads go back.
  void release();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t idle_ = 0;
  std::uint64_t releases_ = 0;
  std::deque<std::function<void()>> jobs_;
};

}  // namespace mlperf
