// Is this machine fit to measure on? Judges what base/system_info.h reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/system_info.h"

namespace lode::run {

enum class Fitness : std::uint8_t { kOk, kWarn, kBad, kUnknown };

/// "ok", "warn", "bad", "unknown".
[[nodiscard]] std::string_view fitness_name(Fitness fitness);

struct CheckItem {
  std::string name;  ///< "governor"
  Fitness fitness = Fitness::kUnknown;
  std::string value;   ///< what was found
  std::string advice;  ///< the one thing to do; "" if nothing
};

/// One item a subject, always the same ones in the same order. `steal`: share of processor time
/// that a hypervisor took over a stretch of time, if it could be read.
[[nodiscard]] std::vector<CheckItem> check_machine(const SystemInfo& info,
                                                   std::optional<double> steal);

/// Share of stolen time between two readings; none if either is missing or no time passed.
[[nodiscard]] std::optional<double> steal_share(const std::optional<CpuTimes>& before,
                                                const std::optional<CpuTimes>& after);

}  // namespace lode::run
