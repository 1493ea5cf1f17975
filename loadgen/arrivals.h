// The schedule of server's queries: drawn as it is needed, from the seeded stream that MLPerf
// LoadGen uses, so that equal seeds give equal times to the nanosecond.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "loadgen/settings.h"

namespace lode::loadgen {

class ArrivalSchedule {
 public:
  /// `settings` must outlive the schedule.
  explicit ArrivalSchedule(const Settings& settings);

  /// When the next query arrives, in ns from the begin; none when a replay is at its end. Does not
  /// allocate.
  [[nodiscard]] std::optional<std::int64_t> next();

 private:
  [[nodiscard]] std::int64_t next_of_steps();

  const Settings& settings_;
  Rng rng_;
  std::exponential_distribution<> gap_;
  std::uint64_t count_ = 0;
  std::int64_t time_ns_ = 0;
  std::size_t step_ = 0;
  double step_time_s_ = 0.0;    ///< of the last arrival, within its step
  double steps_begin_s_ = 0.0;  ///< of the step
};

/// Reads "poisson", "constant", "burst:8" or "step:100@10s,500@5s". A replay's times come from a
/// file: "replay:FILE" is read by whoever may open files, with parse_arrival_times().
[[nodiscard]] Result<Arrivals> parse_arrivals(std::string_view text);

/// Times of a replay: one a line with its unit (0, 1.5ms, 2s), ascending; blank lines and lines
/// that begin with # are left out. Errors start with the line's number.
[[nodiscard]] Result<std::vector<std::int64_t>> parse_arrival_times(std::string_view text);

}  // namespace lode::loadgen
