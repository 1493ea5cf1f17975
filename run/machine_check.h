// Is this machine fit to measure on? Judges what base/system_info.h reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/system_info.h"

namespace lode::run {

enum class Fitness : std::uint8_t { kGreen, kAmber, kRed, kUnknown };

/// "green", "amber", "red", "unknown".
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

/// check_machine() of this machine as it is now; takes half a second.
[[nodiscard]] std::vector<CheckItem> check_this_machine();

/// What a machine may not have: red items, or amber ones either. What is unknown never counts.
enum class Strictness : std::uint8_t { kRed, kAmber };
[[nodiscard]] std::vector<CheckItem> items_against(const std::vector<CheckItem>& items,
                                                   Strictness strictness);
/// "load (red: 9.00 over 1 min on 2 processors): stop other work; ...": one line.
[[nodiscard]] std::string describe(const std::vector<CheckItem>& items);

/// Share of stolen time between two readings; none if either is missing or no time passed.
[[nodiscard]] std::optional<double> steal_share(const std::optional<CpuTimes>& before,
                                                const std::optional<CpuTimes>& after);

}  // namespace lode::run
