// What the machine has done so far and is doing, read again and again at little cost: from files of
// /proc and /sys that stay open. What cannot be read, or reads oddly, is unknown.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_handle.h"
#include "base/system_info.h"

namespace lode::run {

/// Of a processor since boot, in clock ticks.
struct CpuTicks {
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};

/// Of a process: what it has used since its start, and what it holds.
struct ProcessUse {
  std::uint64_t cpu_ticks = 0;
  std::uint64_t rss_bytes = 0;
};

/// One moment. Counters grow from reading to reading.
struct MachineReading {
  std::int64_t time_ns = 0;                   ///< of the steady clock
  std::vector<std::optional<CpuTicks>> cpus;  ///< of the reader's processors, in their order
  std::optional<CpuTimes> all_cpus;
  std::optional<std::uint64_t> context_switches;
  std::optional<ProcessUse> process;          ///< this one
  std::optional<ProcessUse> sut;              ///< the system under test's own, together
  std::optional<double> frequency_hz;         ///< mean of the reader's processors
  std::optional<std::uint64_t> throttled_us;  ///< by the control group's quota
  std::optional<std::uint64_t> thermal_throttles;
  std::optional<std::uint64_t> energy_uj;  ///< of all packages, since the reader was made
};

/// From /proc/stat's text.
[[nodiscard]] std::optional<CpuTicks> parse_cpu_ticks(std::string_view stat, int cpu);
[[nodiscard]] std::optional<std::uint64_t> parse_context_switches(std::string_view stat);
/// From /proc/PID/stat's text, in which the name may hold spaces and brackets.
[[nodiscard]] std::optional<ProcessUse> parse_process_stat(std::string_view stat);

class MachineReader {
 public:
  /// `cpus`: processors to tell apart. `sut_processes`: ids; empty if it has none of its own.
  MachineReader(std::filesystem::path root, std::vector<int> cpus, std::vector<int> sut_processes);

  [[nodiscard]] MachineReading read();

  [[nodiscard]] const std::vector<int>& cpus() const { return cpus_; }
  /// "" if energy is read, or why it is not: "no permission to read ...".
  [[nodiscard]] const std::string& why_no_energy() const { return why_no_energy_; }

 private:
  /// A counter of energy that begins anew at its limit.
  struct Package {
    FileHandle energy;
    std::uint64_t limit_uj = 0;
    std::uint64_t last_uj = 0;
    std::uint64_t total_uj = 0;
  };

  [[nodiscard]] FileHandle open(const std::string& path) const;
  /// From the file's begin; valid until the next call.
  [[nodiscard]] std::string_view text(const FileHandle& file);
  [[nodiscard]] std::optional<std::uint64_t> number(const FileHandle& file);
  [[nodiscard]] std::string control_group(std::string_view controller);
  void open_packages();
  void open_throttling();
  void read_stat(MachineReading& reading);
  [[nodiscard]] std::optional<ProcessUse> read_processes(const std::vector<FileHandle>& files);
  [[nodiscard]] std::optional<double> mean_frequency();
  [[nodiscard]] std::optional<std::uint64_t> read_quota();
  [[nodiscard]] std::optional<std::uint64_t> sum(const std::vector<FileHandle>& files);
  [[nodiscard]] std::optional<std::uint64_t> read_energy();

  std::filesystem::path root_;
  std::vector<int> cpus_;
  std::vector<char> buffer_;
  FileHandle stat_;
  std::vector<FileHandle> process_;
  std::vector<FileHandle> sut_;
  std::vector<FileHandle> frequencies_;
  FileHandle quota_;
  std::vector<FileHandle> throttles_;
  std::vector<Package> packages_;
  std::string why_no_energy_;
};

}  // namespace lode::run
