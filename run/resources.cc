#include "run/resources.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/assert.h"
#include "base/file_io.h"
#include "base/units.h"
#include "run/machine_reader.h"

namespace lode::run {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

/// "VmHWM:     1234 kB" of /proc/PID/status.
std::optional<std::uint64_t> peak_rss_bytes(std::string_view status) {
  constexpr std::string_view kName = "VmHWM:";
  const std::size_t at = status.find(kName);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view value = status.substr(at + kName.size());
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  constexpr std::int64_t kMostKb = 1LL << 50;
  const auto kilobytes = parse_integer(value.substr(0, value.find_first_of(" \n")), 0, kMostKb);
  if (!kilobytes.ok()) return std::nullopt;
  return static_cast<std::uint64_t>(*kilobytes) * 1024;
}

}  // namespace

record::Resources read_resources() {
  rusage usage = {};
  LODE_ASSERT(getrusage(RUSAGE_SELF, &usage) == 0);
  constexpr std::uint64_t kBytesPerUnit = 1024;  // Linux counts ru_maxrss in KiB.
  record::Resources resources;
  resources.peak_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * kBytesPerUnit;
  resources.user_seconds = seconds(usage.ru_utime);
  resources.system_seconds = seconds(usage.ru_stime);
  resources.cpu_seconds = resources.user_seconds + resources.system_seconds;
  resources.minor_page_faults = static_cast<std::uint64_t>(usage.ru_minflt);
  resources.major_page_faults = static_cast<std::uint64_t>(usage.ru_majflt);
  resources.voluntary_context_switches = static_cast<std::uint64_t>(usage.ru_nvcsw);
  resources.involuntary_context_switches = static_cast<std::uint64_t>(usage.ru_nivcsw);
  return resources;
}

void add_sut_resources(const std::vector<int>& processes, const std::filesystem::path& root,
                       record::Resources& resources) {
  std::uint64_t peak_bytes = 0;
  std::uint64_t ticks = 0;
  for (const int pid : processes) {
    const std::filesystem::path folder = root / "proc" / std::to_string(pid);
    const auto stat = read_file(folder / "stat");
    const auto status = read_file(folder / "status");
    const auto use = stat.ok() ? parse_process_stat(*stat) : std::nullopt;
    const auto peak = status.ok() ? peak_rss_bytes(*status) : std::nullopt;
    if (!use || !peak) return;
    peak_bytes += *peak;
    ticks += use->cpu_ticks;
  }
  if (processes.empty()) return;
  resources.sut_peak_rss_bytes = peak_bytes;
  resources.sut_cpu_seconds =
      static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace lode::run
