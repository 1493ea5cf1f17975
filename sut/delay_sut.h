// Answers each sample after a latency drawn from a stated distribution: a SUT whose behaviour is
// known, to test load generation and analysis with.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "loadgen/system_under_test.h"
#include "sut/latency_distribution.h"
#include "sut/sut_list.h"
#include "sut/work_queue.h"

namespace lode::sut {

/// `delay_workers` servers in front of one first-in, first-out queue. The service times are drawn
/// sample by sample in order of issue, so that they do not depend on which server is free.
/// On a simulated clock the answers are its events; on a real one each server is a thread.
class DelaySut final : public loadgen::SystemUnderTest {
 public:
  [[nodiscard]] static Result<std::unique_ptr<loadgen::SystemUnderTest>> create(
      const SutRequest& request, Clock& clock);
  ~DelaySut() override { stop(); }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t samples_in_flight() const override { return free_at_ns_.size(); }
  [[nodiscard]] Status start(const loadgen::TestPlan& plan, loadgen::CompletionSink& sink) override;
  [[nodiscard]] Status expect_query(std::uint64_t samples) override;
  void issue(std::span<const loadgen::QuerySample> query) override;
  void flush() override {}
  void stop() override;

 private:
  struct Job {
    loadgen::SampleId id = 0;
    std::int64_t service_ns = 0;
  };

  DelaySut(const SutRequest& request, LatencyDistribution latency, Clock& clock);
  void schedule(const Job& job);
  void work();

  std::string name_;
  LatencyDistribution latency_;
  std::uint64_t seed_;
  Clock& clock_;
  Rng rng_;
  loadgen::CompletionSink* sink_ = nullptr;
  std::mutex issue_mutex_;  ///< several threads may issue: of rng_ and jobs_

  /// Simulated clock: when each server is free. One entry a server.
  std::vector<std::int64_t> free_at_ns_;
  /// Events of the clock outlive a test; they look here whether theirs still runs.
  std::shared_ptr<loadgen::CompletionSink*> event_sink_;

  /// Real clock.
  WorkQueue<Job> queue_;
  std::vector<Job> jobs_;
  std::vector<std::thread> workers_;
  std::atomic<std::uint64_t> stopped_{0};
};

}  // namespace lode::sut
