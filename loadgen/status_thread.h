// Tells how a running test gets on, ten times a second, without a lock or a store on its path.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "loadgen/issuer.h"
#include "loadgen/load_generator.h"

namespace lode::loadgen {

/// What the test tells its status thread.
struct Progress {
  std::atomic<LiveStatus::Phase> phase{LiveStatus::Phase::kLoading};
  /// Samples after which the test ends; 0: the stop rule of the settings counts.
  std::atomic<std::uint64_t> samples_wanted{0};
};

class StatusThread {
 public:
  using Callback = std::function<void(const LiveStatus&)>;

  /// Runs until stop() or its end. All arguments outlive it; the clock is a real one.
  StatusThread(const Progress& progress, const Recorder& recorder, TestSink& sink,
               const Issuer& issuer, const Clock& clock, const Callback& callback);
  StatusThread(const StatusThread&) = delete;
  StatusThread& operator=(const StatusThread&) = delete;
  ~StatusThread() { stop(); }

  void stop();

 private:
  struct Tick {
    std::int64_t time_ns;
    std::uint64_t samples;
  };

  void run();
  [[nodiscard]] LiveStatus look();
  void estimate_rate(LiveStatus& status, std::int64_t now_ns);
  void estimate_end(LiveStatus& status) const;
  void estimate_latency(LiveStatus& status);

  const Progress& progress_;
  const Recorder& recorder_;
  TestSink& sink_;
  const Issuer& issuer_;
  const Clock& clock_;
  const Callback& callback_;
  std::int64_t begin_ns_;
  std::deque<Tick> last_second_;
  std::vector<std::int64_t> latencies_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lode::loadgen
