// The schedule of server's queries: drawn as it is needed, from the seeded stream that MLPerf
// LoadGen uses, so that equal seeds give equal times to the nanosecond.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loadgen/settings.h"
#include "loadgen/stream_rng.h"

namespace lode::loadgen {

class ArrivalSchedule {
 public:
  /// `settings` must outlive the schedule.
  explicit ArrivalSchedule(const Settings& settings);

  /// When the next query arrives, in ns from the begin; none when a replay is at its end. Does not
  /// allocate.
  [[nodiscard]] std::optional<std::int64_t> next() {
    if (!is_poisson_) return next_of_pattern();
    if (at_ == kBlock) draw_block();
    return block_[at_++];
  }

 private:
  /// Arrivals that are drawn together: their logarithms overlap in the processor, and a block of so
  /// few delays no query noticeably.
  static constexpr std::size_t kBlock = 16;

  void draw_block();
  [[nodiscard]] std::optional<std::int64_t> next_of_pattern();
  [[nodiscard]] std::int64_t next_of_steps();

  const Settings& settings_;
  bool is_poisson_;
  StreamRng rng_;
  std::array<std::int64_t, kBlock> block_{};
  std::size_t at_ = kBlock;
  std::uint64_t count_ = 0;
  std::int64_t time_ns_ = 0;
  std::size_t step_ = 0;
  double step_time_s_ = 0.0;    ///< of the last arrival, within its step
  double steps_begin_s_ = 0.0;  ///< of the step
};

/// What std::exponential_distribution<double>(rate) of libstdc++ draws, to the last bit, in half
/// the time: it takes the same two numbers of `rng`, without arithmetic in long double.
[[nodiscard]] double draw_exponential(StreamRng& rng, double rate);

/// Reads "poisson", "constant", "burst:8" or "step:100@10s,500@5s". A replay's times come from a
/// file: "replay:FILE" is read by whoever may open files, with parse_arrival_times().
[[nodiscard]] Result<Arrivals> parse_arrivals(std::string_view text);

/// Times of a replay: one a line with its unit (0, 1.5ms, 2s), ascending; blank lines and lines
/// that begin with # are left out. Errors start with the line's number.
[[nodiscard]] Result<std::vector<std::int64_t>> parse_arrival_times(std::string_view text);

}  // namespace lode::loadgen
