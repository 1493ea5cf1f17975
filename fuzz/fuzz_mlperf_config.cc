// Any bytes as mlperf.conf, user.conf or audit.config, and as the times of a replay: they are read,
// or refused with one line.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "loadgen/arrivals.h"
#include "loadgen/mlperf/config_file.h"
#include "loadgen/mlperf/settings_map.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto values = mlperf::parse_config(text, "fuzz.conf");
  if (values.ok()) {
    mlperf::TestSettings settings;
    for (const char* scenario : {"SingleStream", "MultiStream", "Server", "Offline"}) {
      mlperf::apply_config(*values, "resnet50", scenario, settings);
      const auto effective = mlperf::effective_settings(settings, 100, 1000);
      const auto core = mlperf::to_core(settings, effective, mlperf::TestMode::PerformanceOnly);
      if (core.ok()) (void)lode::loadgen::validate_values(*core);
    }
  } else {
    LODE_ASSERT(!values.error().message.empty());
  }
  const auto times = lode::loadgen::parse_arrival_times(text);
  if (times.ok()) LODE_ASSERT(!times->empty());
  (void)lode::loadgen::parse_arrivals(text);
  return 0;
}
