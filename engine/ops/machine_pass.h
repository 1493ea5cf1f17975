// What lowering decides for the machine: the second ordered list, behind the graph passes. Such a
// decision changes no graph; the planner and the lowerings ask whether they may take it. It is left
// out by name just as a pass is.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace lode::engine {

enum class MachinePass : std::uint8_t {
  kSplitBatch,
  kPlainFirstLayer,
  kConcatInPlace,
  kWinograd,
  kBf16x3,
  kFuseRanges,
  kFuseBands,
  kReuseInputs,
};

struct MachinePassDef {
  MachinePass id;
  std::string_view name;    ///< "concat_in_place"
  std::string_view reason;  ///< what it buys and what it asks
};

/// All of them, in the order in which a plan meets them; at position of their id.
[[nodiscard]] std::span<const MachinePassDef> all_machine_passes();

/// Which of them may be taken; all but those that were disabled.
class MachinePasses {
 public:
  [[nodiscard]] bool allow(MachinePass pass) const { return (disabled_ >> bit(pass) & 1U) == 0; }
  void disable(MachinePass pass) { disabled_ |= 1U << bit(pass); }
  /// False if none is called so.
  bool disable(std::string_view name);

 private:
  static constexpr unsigned bit(MachinePass pass) { return static_cast<unsigned>(pass); }
  std::uint32_t disabled_ = 0;
};

}  // namespace lode::engine
