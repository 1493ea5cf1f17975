// The generator's check of the machine's clocks: a machine that slept, or a wall clock that was
// set, in mid-test spoils what was measured.
#pragma once

#include <cstdint>

namespace lode::loadgen {

class ClockCheck {
 public:
  /// Reads the clocks at the begin of a test.
  ClockCheck();

  /// How far apart they have moved since: the time that the machine was suspended, or by which the
  /// wall clock was set; 0 if within what adjusting a clock does.
  [[nodiscard]] std::int64_t step_ns() const;

 private:
  std::int64_t suspended_ns_;
  std::int64_t wall_ns_;
};

}  // namespace lode::loadgen
