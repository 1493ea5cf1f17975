#include "sut/delay_sut.h"

#include <algorithm>

namespace lode::sut {
namespace {

/// The last part of a delay is slept by the clock, which is precise and cannot be woken; so long
/// may a stop have to wait.
constexpr std::int64_t kPreciseNs = 200'000;

constexpr int kWorkersMax = 1024;

}  // namespace

Result<std::unique_ptr<loadgen::SystemUnderTest>> DelaySut::create(const SutRequest& request,
                                                                   Clock& clock) {
  if (request.delay_workers < 1 || request.delay_workers > kWorkersMax) {
    return usage_error("delay_workers {} is out of range; use 1 to {}", request.delay_workers,
                       kWorkersMax);
  }
  LODE_TRY(const LatencyDistribution latency, LatencyDistribution::parse(request.delay));
  return std::unique_ptr<loadgen::SystemUnderTest>(new DelaySut(request, latency, clock));
}

DelaySut::DelaySut(const SutRequest& request, LatencyDistribution latency, Clock& clock)
    : name_(fmt::format("delay {}, {} worker{}", request.delay, request.delay_workers,
                        request.delay_workers == 1 ? "" : "s")),
      latency_(latency),
      seed_(request.seed),
      clock_(clock),
      free_at_ns_(static_cast<std::size_t>(request.delay_workers)) {}

Status DelaySut::start(const loadgen::TestPlan& plan, loadgen::CompletionSink& sink) {
  rng_ = make_rng(seed_, "delay");
  sink_ = &sink;
  if (clock_.is_simulated()) {
    std::fill(free_at_ns_.begin(), free_at_ns_.end(), clock_.now_ns());
    event_sink_ = std::make_shared<loadgen::CompletionSink*>(&sink);
    return {};
  }
  queue_.open();
  stopped_.store(0);
  LODE_CHECK_OK(expect_query(plan.samples_per_query_max));
  for (std::size_t i = 0; i < free_at_ns_.size(); ++i) {
    workers_.emplace_back([this] { work(); });
  }
  return {};
}

Status DelaySut::expect_query(std::uint64_t samples) {
  jobs_.reserve(samples);
  queue_.reserve(samples);
  return {};
}

void DelaySut::issue(std::span<const loadgen::QuerySample> query) {
  const std::lock_guard lock(issue_mutex_);
  jobs_.clear();
  for (const loadgen::QuerySample& sample : query) {
    jobs_.push_back({sample.id, latency_.draw(rng_)});
  }
  if (!clock_.is_simulated()) return queue_.push(jobs_);
  for (const Job& job : jobs_) schedule(job);
}

void DelaySut::schedule(const Job& job) {
  const auto server = std::min_element(free_at_ns_.begin(), free_at_ns_.end());
  *server = std::max(*server, clock_.now_ns()) + job.service_ns;
  clock_.call_at(*server, [sink = event_sink_, id = job.id] {
    if (*sink == nullptr) return;
    const loadgen::QuerySampleResponse response{id, {}};
    (*sink)->complete({&response, 1});
  });
}

void DelaySut::work() {
  Job job;
  while (queue_.pull({&job, 1}) > 0) {
    const std::int64_t done_ns = clock_.now_ns() + job.service_ns;
    if (clock_.wait_for(stopped_, 1, done_ns - kPreciseNs)) return;
    clock_.sleep_until_ns(done_ns);
    const loadgen::QuerySampleResponse response{job.id, {}};
    sink_->complete({&response, 1});
  }
}

void DelaySut::stop() {
  if (event_sink_) *event_sink_ = nullptr;
  event_sink_ = nullptr;
  queue_.close();
  stopped_.store(1);
  clock_.notify(stopped_);
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  sink_ = nullptr;
}

}  // namespace lode::sut
