// How much the same work varies in time on this machine just now: what no comparison can see below.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "run/machine_check.h"

namespace lode::run {

/// Of a fixed quantum of work, done again and again by one thread that does nothing else (the
/// "fixed work quantum" method of measuring operating system noise).
struct Noise {
  std::size_t quanta = 0;
  std::int64_t p50_ns = 0;
  std::int64_t p99_ns = 0;
  std::int64_t max_ns = 0;
  /// The stretch is cut into kBlocks, as if each were a run: (largest median - least) / least.
  double floor = 0.0;
};

inline constexpr std::size_t kNoiseBlocks = 10;

/// From the quanta's times in order; at least kNoiseBlocks of them.
[[nodiscard]] Noise summarise_noise(std::span<const std::int64_t> times_ns);

/// Works for so long. `interrupted` (set by the user) is an error.
[[nodiscard]] Result<Noise> measure_noise(std::int64_t duration_ns,
                                          const std::atomic<bool>& interrupted);

/// The floor as an item of the check: differences below it are not to be believed.
[[nodiscard]] CheckItem judge_noise(const Noise& noise);

}  // namespace lode::run
