// Workers behind one queue of samples: each takes a batch when it is free. In a closed loop the
// issuing thread, which has nothing else to do, is the first of them: no hand-over is measured, and
// no thread more competes for a processor.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "loadgen/system_under_test.h"
#include "sut/work_queue.h"

namespace lode::sut {

class BatchWorkers {
 public:
  /// Computes and answers a batch, on the worker's thread.
  using Run = std::function<void(std::size_t worker, std::span<const loadgen::QuerySample> batch)>;

  /// Batches of at most `batch` samples, for `workers` at once.
  BatchWorkers(std::size_t workers, std::size_t batch, Run run)
      : run_(std::move(run)), workers_(workers) {
    for (Worker& worker : workers_) worker.batch.resize(batch);
  }
  ~BatchWorkers() { stop(); }

  /// Batches for each worker up to which a query counts as short: with longer ones issue() would
  /// keep the load generator from seeing a time-out, or the user's wish to stop.
  static constexpr std::uint64_t kShortQueryBatches = 16;
  /// Samples that may wait in the queue before it has to grow, where queries overlap.
  static constexpr std::uint64_t kOverlapReserve = 1U << 16;

  /// Samples that keep all workers busy at once.
  [[nodiscard]] std::uint64_t samples_in_flight() const {
    return workers_.size() * workers_.front().batch.size();
  }

  void start(const loadgen::TestPlan& plan) {
    queue_.open();
    queue_.reserve(plan.samples_per_query_max);
    if (plan.queries_overlap) queue_.reserve(kOverlapReserve);
    caller_works_ =
        plan.closed_loop && plan.samples_per_query_max <= samples_in_flight() * kShortQueryBatches;
    for (std::size_t i = caller_works_ ? 1 : 0; i < workers_.size(); ++i) {
      workers_[i].thread = std::thread([this, i] { serve(i); });
    }
  }

  void reserve(std::uint64_t samples) { queue_.reserve(samples); }

  void issue(std::span<const loadgen::QuerySample> query) {
    Worker& first = workers_.front();
    if (caller_works_ && query.size() <= first.batch.size()) return run_(0, query);
    queue_.push(query);
    if (!caller_works_) return;
    while (const std::size_t count = queue_.try_pull(first.batch)) {
      run_(0, std::span(first.batch).first(count));
    }
  }

  /// Waits for the batches that are being computed; those in the queue are dropped.
  void stop() {
    queue_.close();
    for (Worker& worker : workers_) {
      if (worker.thread.joinable()) worker.thread.join();
    }
  }

 private:
  struct Worker {
    std::vector<loadgen::QuerySample> batch;
    std::thread thread;
  };

  void serve(std::size_t index) {
    Worker& worker = workers_[index];
    while (const std::size_t count = queue_.pull(worker.batch)) {
      run_(index, std::span(worker.batch).first(count));
    }
  }

  Run run_;
  std::vector<Worker> workers_;
  WorkQueue<loadgen::QuerySample> queue_;
  bool caller_works_ = false;  ///< the issuing thread is the first worker
};

}  // namespace lode::sut
