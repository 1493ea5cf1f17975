// The moving-block bootstrap of one series: how far a percentile or a mean of times that depend on
// their neighbours may be off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"

namespace lode::stats {

/// Length of the blocks for resampling the mean of `series` (in order of time, not empty), by its
/// autocorrelation: D. Politis, H. White, Automatic Block-Length Selection for the Dependent
/// Bootstrap, Econometric Reviews 23 (2004) 53-70, with the correction of A. Patton, D. Politis,
/// H. White, Econometric Reviews 28 (2009) 372-375, circular blocks. At least 1, at most the
/// smaller of 3 sqrt(n) and n / 3.
[[nodiscard]] double block_length(std::span<const double> series);

/// Values of a statistic in resamples of one series.
struct Resamples {
  double estimate = 0.0;       ///< of the series itself
  std::vector<double> values;  ///< one a resample, in order of drawing
  std::size_t block = 1;       ///< length of the blocks
  std::size_t blocks = 1;      ///< blocks that the series holds, rounded up
};

/// sorted[size_t(n * p)] of `count` resamples of `series` (in order of time, not empty), each made
/// of circular blocks that begin anywhere (D. Politis, J. Romano, A circular block-resampling
/// procedure for stationary data, 1992). The block length is that of the indicator of values up to
/// the percentile, whose mean decides on the percentile's error (R. R. Bahadur, Annals of
/// Mathematical Statistics 37 (1966) 577-580). 0 <= p < 1.
[[nodiscard]] Resamples resample_percentile(std::span<const std::int64_t> series, double p,
                                            std::size_t count, Rng& rng);

/// The same of the arithmetic mean.
[[nodiscard]] Resamples resample_mean(std::span<const std::int64_t> series, std::size_t count,
                                      Rng& rng);

}  // namespace lode::stats
