// What the machine is and how it is set up, read from /proc, /sys and the kernel: for the run
// record and for `lode check`. Every source that cannot be read is an empty optional, never a
// guess. Files are read below a root, so that tests can bring a /proc and /sys of their own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lode {

/// One reading. Lists are in ascending order; an empty list or optional means "not known".
struct SystemInfo {
  std::string cpu_model;
  std::string architecture;         ///< "x86_64", "aarch64"
  std::vector<std::string> isa;     ///< the instruction sets that matter here, as the kernel names
  std::vector<int> affinity;        ///< processors this process may run on
  std::optional<int> logical_cpus;  ///< online
  std::optional<int> physical_cores;
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> memory_available_bytes;
  std::string kernel;  ///< "6.1.0-18-amd64"
  std::string os;      ///< PRETTY_NAME of /etc/os-release

  std::vector<std::string> governors;  ///< distinct ones of the affinity's processors
  std::optional<bool> turbo;           ///< frequency boost is on
  std::optional<bool> smt;             ///< sibling threads share cores
  std::string transparent_hugepages;   ///< "always", "madvise", "never"
  std::string clock_source;            ///< "tsc"
  std::optional<bool> hypervisor;      ///< a virtual machine
  std::optional<bool> aslr;            ///< memory is laid out anew for each process
  std::optional<int> numa_nodes;       ///< that have processors
  std::optional<int> affinity_nodes;   ///< whose processors this process may use
  std::optional<double> load_1min;
  std::optional<double> cgroup_cpus;  ///< CPU quota of the control group, in processors
  std::optional<std::uint64_t> cgroup_memory_bytes;  ///< memory limit of the control group
};

[[nodiscard]] SystemInfo read_system_info(const std::filesystem::path& root = "/");

/// Processor time since boot, all processors together, in clock ticks.
struct CpuTimes {
  std::uint64_t total = 0;
  std::uint64_t idle = 0;   ///< idle and waiting for I/O
  std::uint64_t steal = 0;  ///< taken by the hypervisor
};

/// From the first line of /proc/stat's text.
[[nodiscard]] std::optional<CpuTimes> parse_cpu_times(std::string_view stat);
[[nodiscard]] std::optional<CpuTimes> read_cpu_times(const std::filesystem::path& root = "/");

/// "0-3,8" -> 0,1,2,3,8, as the kernel writes processor lists; none if it is anything else.
[[nodiscard]] std::optional<std::vector<int>> parse_cpu_list(std::string_view text);

}  // namespace lode
