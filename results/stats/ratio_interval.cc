#include "results/stats/ratio_interval.h"

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/assert.h"

namespace lode::stats {
namespace {

constexpr std::size_t kUnitsToTrim = 8;
constexpr double kTrimmedShare = 0.2;  ///< on either side

/// A middle with the square of its standard error.
struct Middle {
  double value = 0.0;
  double variance = 0.0;
  double freedom = 0.0;  ///< degrees of it; 0: one unit, no variance
};

std::size_t trimmed_count(std::size_t units) {
  if (units < kUnitsToTrim) return 0;
  return static_cast<std::size_t>(static_cast<double>(units) * kTrimmedShare);
}

/// Of ascending values.
double trimmed_mean(std::span<const double> sorted) {
  const std::size_t cut = trimmed_count(sorted.size());
  const auto kept = sorted.subspan(cut, sorted.size() - 2 * cut);
  return std::accumulate(kept.begin(), kept.end(), 0.0) / static_cast<double>(kept.size());
}

Middle middle_of(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t cut = trimmed_count(sorted.size());
  Middle middle{.value = trimmed_mean(sorted)};
  if (sorted.size() < 2) return middle;
  // The variance with what was cut off put at the outermost that was kept.
  for (std::size_t i = 0; i < cut; ++i) {
    sorted[i] = sorted[cut];
    sorted[sorted.size() - 1 - i] = sorted[sorted.size() - 1 - cut];
  }
  const auto n = static_cast<double>(sorted.size());
  const double mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / n;
  double squares = 0.0;
  for (const double value : sorted) squares += (value - mean) * (value - mean);
  const double kept = n - 2.0 * static_cast<double>(cut);
  middle.variance = squares / (kept * (kept - 1.0));
  middle.freedom = kept - 1.0;
  return middle;
}

double student_quantile(double freedom, double confidence) {
  return boost::math::quantile(boost::math::students_t(freedom), 0.5 + confidence / 2.0);
}

double student_p(double value, double variance, double freedom) {
  if (value == 0.0) return 1.0;
  if (variance <= 0.0) return 0.0;
  const double t = std::abs(value) / std::sqrt(variance);
  return 2.0 * boost::math::cdf(boost::math::complement(boost::math::students_t(freedom), t));
}

/// The quantiles of `draws` around `value` that a t distribution of these units asks for.
Estimate widened_percentiles(double value, std::vector<double> draws, double freedom, double units,
                             const IntervalOptions& options, IntervalMethod method) {
  LODE_ASSERT(!draws.empty());
  std::sort(draws.begin(), draws.end());
  const double reach =
      student_quantile(freedom, options.confidence) * std::sqrt(units / (units - 1.0));
  const double tail = boost::math::cdf(boost::math::normal(), -reach);
  const auto last = static_cast<double>(draws.size() - 1);
  const double lower = draws[static_cast<std::size_t>(std::floor(tail * last))];
  const double upper = draws[static_cast<std::size_t>(std::ceil((1.0 - tail) * last))];
  return {std::exp(value), std::exp(std::min(lower, value)), std::exp(std::max(upper, value)),
          method};
}

Estimate student_interval(const Middle& middle, const IntervalOptions& options) {
  const double reach =
      student_quantile(middle.freedom, options.confidence) * std::sqrt(middle.variance);
  return {std::exp(middle.value), std::exp(middle.value - reach), std::exp(middle.value + reach),
          IntervalMethod::kStudent};
}

/// Trimmed means of resamples of `values`, with replacement.
std::vector<double> resampled_middles(std::span<const double> values, std::size_t count, Rng& rng) {
  std::vector<double> middles;
  std::vector<double> drawn(values.size());
  for (std::size_t i = 0; i < count; ++i) {
    for (double& value : drawn) {
      value = values[uniform_below(rng, static_cast<std::uint32_t>(values.size()))];
    }
    std::sort(drawn.begin(), drawn.end());
    middles.push_back(trimmed_mean(drawn));
  }
  return middles;
}

/// The interval of the middle of `values`, which are differences or levels of logarithms.
Estimate interval_of(std::span<const double> values, const Middle& middle,
                     const IntervalOptions& options, Rng& rng) {
  const double value = std::exp(middle.value);
  if (values.size() < 2) return {value, value, value, IntervalMethod::kNone};
  if (values.size() < kUnitsToTrim) return student_interval(middle, options);
  const auto units = static_cast<double>(values.size());
  return widened_percentiles(middle.value, resampled_middles(values, options.resamples, rng),
                             units - 1.0, units, options, IntervalMethod::kRunBootstrap);
}

std::vector<double> logarithms(std::span<const double> values) {
  std::vector<double> logs;
  for (const double value : values) {
    LODE_ASSERT(value > 0.0);
    logs.push_back(std::log(value));
  }
  return logs;
}

/// Both variances; a side of one run has that of the other.
Middle difference(const Middle& above, std::size_t above_runs, const Middle& below,
                  std::size_t below_runs) {
  Middle result{.value = above.value - below.value};
  if (above_runs == 1 || below_runs == 1) {
    const Middle& known = above_runs == 1 ? below : above;
    const auto runs = static_cast<double>(std::max(above_runs, below_runs));
    result.variance = known.variance * (1.0 + runs);
    result.freedom = known.freedom;
    return result;
  }
  result.variance = above.variance + below.variance;
  const double parts = above.variance * above.variance / above.freedom +
                       below.variance * below.variance / below.freedom;
  // Welch's degrees of freedom; without any variance they mean nothing.
  result.freedom = parts > 0.0 ? result.variance * result.variance / parts : above.freedom;
  return result;
}

double smallest_blocks(const Resamples& a, const Resamples& b) {
  return std::max(2.0, static_cast<double>(std::min(a.blocks, b.blocks)));
}

}  // namespace

std::string_view method_name(IntervalMethod method) {
  constexpr std::array<std::string_view, 4> kNames = {"none", "t over runs", "bootstrap over runs",
                                                      "block bootstrap within one run"};
  return kNames[static_cast<std::size_t>(method)];
}

Estimate level_of_runs(std::span<const double> runs, const IntervalOptions& options, Rng& rng) {
  LODE_ASSERT(!runs.empty());
  const std::vector<double> logs = logarithms(runs);
  return interval_of(logs, middle_of(logs), options, rng);
}

Estimate level_within_run(const Resamples& resamples, const IntervalOptions& options) {
  const double blocks = smallest_blocks(resamples, resamples);
  return widened_percentiles(std::log(resamples.estimate), logarithms(resamples.values),
                             blocks - 1.0, blocks, options, IntervalMethod::kBlockBootstrap);
}

RatioEstimate ratio_of_pairs(std::span<const double> above, std::span<const double> below,
                             const IntervalOptions& options, Rng& rng) {
  LODE_ASSERT(above.size() == below.size() && !above.empty());
  std::vector<double> differences = logarithms(above);
  const std::vector<double> subtracted = logarithms(below);
  for (std::size_t i = 0; i < differences.size(); ++i) differences[i] -= subtracted[i];
  const Middle middle = middle_of(differences);
  RatioEstimate result{.ratio = interval_of(differences, middle, options, rng)};
  if (differences.size() > 1) {
    result.p_value = student_p(middle.value, middle.variance, middle.freedom);
  }
  return result;
}

RatioEstimate ratio_of_runs(std::span<const double> above, std::span<const double> below,
                            const IntervalOptions& options, Rng& rng) {
  LODE_ASSERT(!above.empty() && !below.empty() && above.size() + below.size() > 2);
  const std::vector<double> top = logarithms(above);
  const std::vector<double> bottom = logarithms(below);
  Middle high = middle_of(top);
  Middle low = middle_of(bottom);
  const Middle middle = difference(high, top.size(), low, bottom.size());
  RatioEstimate result;
  result.p_value = student_p(middle.value, middle.variance, middle.freedom);
  if (std::min(top.size(), bottom.size()) < kUnitsToTrim) {
    result.ratio = student_interval(middle, options);
    return result;
  }
  std::vector<double> draws = resampled_middles(top, options.resamples, rng);
  const std::vector<double> others = resampled_middles(bottom, options.resamples, rng);
  for (std::size_t i = 0; i < draws.size(); ++i) draws[i] -= others[i];
  // Resampled units vary with all of them, not only with those that are kept.
  high.freedom = static_cast<double>(top.size() - 1);
  low.freedom = static_cast<double>(bottom.size() - 1);
  const double freedom = difference(high, top.size(), low, bottom.size()).freedom;
  const auto fewest = static_cast<double>(std::min(top.size(), bottom.size()));
  result.ratio = widened_percentiles(middle.value, std::move(draws), freedom, fewest, options,
                                     IntervalMethod::kRunBootstrap);
  return result;
}

RatioEstimate ratio_within_runs(const Resamples& above, const Resamples& below,
                                const IntervalOptions& options) {
  LODE_ASSERT(above.values.size() == below.values.size() && !above.values.empty());
  std::vector<double> draws = logarithms(above.values);
  const std::vector<double> subtracted = logarithms(below.values);
  for (std::size_t i = 0; i < draws.size(); ++i) draws[i] -= subtracted[i];
  const auto count = static_cast<double>(draws.size());
  const double mean = std::accumulate(draws.begin(), draws.end(), 0.0) / count;
  double squares = 0.0;
  for (const double draw : draws) squares += (draw - mean) * (draw - mean);
  const double value = std::log(above.estimate / below.estimate);
  const double blocks = smallest_blocks(above, below);
  RatioEstimate result;
  result.p_value = student_p(value, squares / (count - 1.0), 2.0 * (blocks - 1.0));
  result.ratio = widened_percentiles(value, std::move(draws), 2.0 * (blocks - 1.0), blocks, options,
                                     IntervalMethod::kBlockBootstrap);
  return result;
}

}  // namespace lode::stats
