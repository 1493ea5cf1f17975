// One test: issues queries by the scenario's policy, records their times, and judges the outcome.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "datasets/sample_library.h"
#include "loadgen/settings.h"
#include "loadgen/system_under_test.h"
#include "results/record/measurement.h"

namespace lode::loadgen {

/// Told about ten times a second, from a helper thread, while a test runs on the real clock.
struct LiveStatus {
  enum class Phase : std::uint8_t {
    kLoading,
    kWarmup,
    kRunning,
    kDraining
  } phase = Phase::kRunning;
  std::int64_t elapsed_ns = 0;
  std::uint64_t queries_completed = 0;
  std::uint64_t samples_completed = 0;
  double share_done = 0.0;          ///< 0..1 towards the stop rule
  std::int64_t eta_ns = -1;         ///< -1: unknown
  double samples_per_s = 0.0;       ///< over the last second
  std::int64_t latency_p50_ns = 0;  ///< over the recent queries
  std::int64_t latency_p99_ns = 0;
};

/// Called with each sample's output in accuracy mode, and in performance mode with those that the
/// settings have kept; from the SUT's threads, one call at a time. An error ends the test as a
/// failure of the SUT would.
using OutputSink =
    std::function<Status(SampleId id, SampleIndex index, std::span<const std::byte> output)>;

struct TestHooks {
  const std::atomic<bool>* interrupted = nullptr;  ///< set: stop, and mark the record
  std::function<void(const LiveStatus&)> progress;
  OutputSink outputs;
  OutputSink first_tokens = {};  ///< likewise, with each sample's first token
  /// Brings the issue threads of server; empty: they are made.
  std::function<void(std::size_t threads, const std::function<void(std::size_t)>& work)>
      issue_threads;
  /// Lives until the last thread of the test has ended: what a call that was left behind may touch.
  std::shared_ptr<const void> kept_alive = nullptr;
};

/// Runs one test to its end. An error is what prevented a measurement (settings, loading, start of
/// the SUT); what spoils one (a failed SUT, a timeout, a missed rule) is in the verdict.
///
/// Tests are isolated: any number may run one after another or at once, with SUTs of their own. On
/// a real clock the test has a thread of its own, and the calling one watches it: a call of the SUT
/// that does not return ends the test in time, and is left behind with that thread.
[[nodiscard]] Result<record::Measurement> run_test(SystemUnderTest& sut, SampleLibrary& library,
                                                   const Settings& settings, Clock& clock,
                                                   const TestHooks& hooks);

}  // namespace lode::loadgen
