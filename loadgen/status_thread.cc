#include "loadgen/status_thread.h"

#include <algorithm>
#include <chrono>

#include "base/percentile.h"
#include "loadgen/step_aside.h"

namespace lode::loadgen {
namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr std::size_t kTicksASecond = 10;
/// Latencies that the running percentiles are of.
constexpr std::uint64_t kRecentQueries = 4096;

}  // namespace

StatusThread::StatusThread(const Progress& progress, const Recorder& recorder, TestSink& sink,
                           const Issuer& issuer, const Clock& clock, const Callback& callback)
    : progress_(progress),
      recorder_(recorder),
      sink_(sink),
      issuer_(issuer),
      clock_(clock),
      callback_(callback),
      begin_ns_(clock.now_ns()) {
  latencies_.reserve(kRecentQueries);
  thread_ = std::thread([this] { run(); });
}

void StatusThread::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StatusThread::run() {
  const StepAside step_aside;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kTick, [this] { return stopping_; })) {
    lock.unlock();
    callback_(look());
    lock.lock();
  }
}

LiveStatus StatusThread::look() {
  LiveStatus status;
  status.phase = progress_.phase.load();
  const std::int64_t now_ns = clock_.now_ns();
  const std::int64_t window_start_ns = issuer_.window_start_ns();
  status.elapsed_ns = now_ns - (window_start_ns < 0 ? begin_ns_ : window_start_ns);
  if (window_start_ns < 0) return status;
  status.samples_completed = sink_.timed().get();
  estimate_rate(status, now_ns);
  estimate_latency(status);
  estimate_end(status);
  return status;
}

void StatusThread::estimate_rate(LiveStatus& status, std::int64_t now_ns) {
  last_second_.push_back({now_ns, status.samples_completed});
  if (last_second_.size() > kTicksASecond + 1) last_second_.pop_front();
  const Tick& first = last_second_.front();
  if (now_ns > first.time_ns) {
    status.samples_per_s = static_cast<double>(status.samples_completed - first.samples) * 1e9 /
                           static_cast<double>(now_ns - first.time_ns);
  } else if (status.elapsed_ns > 0) {
    status.samples_per_s = static_cast<double>(status.samples_completed) * 1e9 /
                           static_cast<double>(status.elapsed_ns);
  }
}

void StatusThread::estimate_latency(LiveStatus& status) {
  const std::uint64_t issued = recorder_.issued_queries();
  // The end of the newest query is not settled while another one is being issued.
  const std::uint64_t settled = issued > 0 ? issued - 1 : 0;
  latencies_.clear();
  for (std::uint64_t q = settled - std::min(settled, kRecentQueries); q < settled; ++q) {
    const std::int64_t completed_ns = recorder_.query_completed_ns(q, issued);
    if (completed_ns == Recorder::kPending) continue;
    latencies_.push_back(completed_ns - recorder_.query(q).scheduled_ns);
  }
  status.queries_completed = settled - std::min(settled, kRecentQueries) + latencies_.size();
  if (latencies_.empty()) return;
  std::sort(latencies_.begin(), latencies_.end());
  status.latency_p50_ns = percentile(latencies_, 0.50);
  status.latency_p99_ns = percentile(latencies_, 0.99);
}

void StatusThread::estimate_end(LiveStatus& status) const {
  const auto elapsed_ns = static_cast<double>(status.elapsed_ns);
  const auto share = [](double done, double wanted) {
    return wanted > 0.0 ? std::min(1.0, done / wanted) : 1.0;
  };
  const Settings& settings = issuer_.settings();
  const std::uint64_t samples_wanted = progress_.samples_wanted.load();
  if (samples_wanted > 0) {
    status.share_done =
        share(static_cast<double>(status.samples_completed), static_cast<double>(samples_wanted));
  } else {
    const double by_count = share(static_cast<double>(status.queries_completed),
                                  static_cast<double>(settings.min_query_count));
    const double by_time = share(elapsed_ns, static_cast<double>(settings.min_duration_ns));
    status.share_done = std::min(by_count, by_time);
  }
  // What grows with the time at an even rate ends when its share is whole.
  if (status.share_done > 0.0) {
    status.eta_ns =
        static_cast<std::int64_t>(elapsed_ns * (1.0 - status.share_done) / status.share_done);
  }
}

}  // namespace lode::loadgen
