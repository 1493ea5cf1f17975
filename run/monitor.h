// Watches the machine while a test runs, from a thread of its own that costs next to nothing.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "results/record/record.h"
#include "run/machine_reader.h"

namespace lode::run {

struct MonitorOptions {
  std::filesystem::path root = "/";
  std::vector<int> cpus;           ///< processors to tell apart
  std::vector<int> sut_processes;  ///< the system under test's own
  std::int64_t interval_ns = 100'000'000;
};

/// Counters become shares and rates between readings. None of what is unknown at an end of an
/// interval is known in between.
[[nodiscard]] record::Monitoring summarise(const std::vector<MachineReading>& readings,
                                           const std::vector<int>& cpus, bool has_sut_processes);

class Monitor {
 public:
  /// Begins at once.
  explicit Monitor(MonitorOptions options);
  ~Monitor() { (void)stop(); }

  /// Ends, and tells what was seen. Once.
  [[nodiscard]] record::Monitoring stop();

  /// Readings that are kept: of longer runs, every second, fourth and so on.
  static constexpr std::size_t kReadingsMax = 256;
  /// The most of one processor that watching may take; above it, it is done less often.
  static constexpr double kCpuShareMax = 0.005;

 private:
  void watch();
  void keep(MachineReading reading);

  MonitorOptions options_;
  MachineReader reader_;
  std::vector<MachineReading> readings_;
  std::int64_t wait_ns_ = 0;
  std::int64_t cpu_ns_ = 0;  ///< that watching has taken
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace lode::run
