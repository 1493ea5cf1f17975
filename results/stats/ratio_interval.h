// Levels and ratios of what was measured in several runs, with intervals and p-values.
//
// A run is one unit: what differs from run to run (placement in memory, neighbours on the machine,
// heat) is most of the error, and pooling the queries of all runs would hide it (T. Kalibera, R.
// Jones, Rigorous Benchmarking in Reasonable Time, ISMM 2013). A run's own figure varies with what
// happened within it, so that the spread between runs holds both. Everything is done on logarithms:
// ratios are differences there. Values are above 0.
//
// From 8 units on the middle is a mean without the highest and lowest fifth, which a run that was
// disturbed does not move, and the interval is that of bootstrap resamples of units, its
// probability widened to what Student's t would be at this number of units (T. Hesterberg, What
// Teachers Should Know About the Bootstrap, The American Statistician 69 (2015) 371-386, 5.3). With
// fewer units it is Student's t. p-values are those of the t test on the same mean (J. Tukey, D.
// McLaughlin, Sankhya A 25 (1963) 331-352; two samples: K. Yuen, Biometrika 61 (1974) 165-170).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/rng.h"
#include "results/stats/block_bootstrap.h"

namespace lode::stats {

/// What an interval was made from.
enum class IntervalMethod : std::uint8_t {
  kNone,            ///< one value: there is no interval, and lower = upper = value
  kStudent,         ///< Student's t over few runs
  kRunBootstrap,    ///< bootstrap over runs, or over pairs of runs
  kBlockBootstrap,  ///< bootstrap over blocks of queries within one run: other runs may differ more
};

/// "none", "t over runs", "bootstrap over runs", "block bootstrap within one run".
[[nodiscard]] std::string_view method_name(IntervalMethod method);

struct Estimate {
  double value = 0.0;
  double lower = 0.0;
  double upper = 0.0;
  IntervalMethod method = IntervalMethod::kNone;
};

struct RatioEstimate {
  Estimate ratio;
  double p_value = 1.0;  ///< two-sided, of no difference; 1 without an interval
};

struct IntervalOptions {
  double confidence = 0.95;
  std::size_t resamples = 2000;
};

/// Of one value a run; not empty.
[[nodiscard]] Estimate level_of_runs(std::span<const double> runs, const IntervalOptions& options,
                                     Rng& rng);

/// Of a single run, from resamples of it.
[[nodiscard]] Estimate level_within_run(const Resamples& resamples, const IntervalOptions& options);

/// above[i] / below[i] of runs that were made side by side: what both have in common cancels.
/// Equally many, not none.
[[nodiscard]] RatioEstimate ratio_of_pairs(std::span<const double> above,
                                           std::span<const double> below,
                                           const IntervalOptions& options, Rng& rng);

/// Of runs that have nothing to do with each other; neither side is empty, and one has at least two
/// runs, whose spread then stands for that of a side with one.
[[nodiscard]] RatioEstimate ratio_of_runs(std::span<const double> above,
                                          std::span<const double> below,
                                          const IntervalOptions& options, Rng& rng);

/// Of one run on either side, from equally many resamples of each.
[[nodiscard]] RatioEstimate ratio_within_runs(const Resamples& above, const Resamples& below,
                                              const IntervalOptions& options);

}  // namespace lode::stats
