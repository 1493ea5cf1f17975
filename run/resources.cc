#include "run/resources.h"

#include <sys/resource.h>

#include "base/assert.h"

namespace lode::run {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
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

}  // namespace lode::run
