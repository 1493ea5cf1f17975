// What a piece of work costs, stage by stage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace lode::quant {

struct StageCost {
  std::string stage;  ///< "calibrate"
  std::int64_t wall_ns = 0;
  std::int64_t cpu_ns = 0;           ///< user and system, of all threads
  std::uint64_t peak_rss_bytes = 0;  ///< of the process until the stage's end
};

/// Stages end where the next begins. A stage that is named again goes on.
class StageCosts {
 public:
  void begin(std::string_view stage);
  void end();
  [[nodiscard]] const std::vector<StageCost>& costs() const { return costs_; }

 private:
  RealClock clock_;
  std::vector<StageCost> costs_;
  std::size_t current_ = 0;
  bool is_open_ = false;
  std::int64_t wall_start_ns_ = 0;
  std::int64_t cpu_start_ns_ = 0;
};

}  // namespace lode::quant
