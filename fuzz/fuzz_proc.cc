// Any bytes as files of /proc and /sys: what they say is read or unknown.
#include <cstdint>
#include <string_view>

#include "base/system_info.h"
#include "run/machine_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)lode::parse_cpu_times(text);
  (void)lode::parse_cpu_list(text);
  (void)lode::run::parse_cpu_ticks(text, 0);
  (void)lode::run::parse_context_switches(text);
  (void)lode::run::parse_process_stat(text);
  return 0;
}
