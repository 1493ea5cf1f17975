#include "results/stats/order_statistics.h"

#include <boost/math/distributions/binomial.hpp>

#include "base/assert.h"

namespace lode::stats {
namespace {

using Binomial = boost::math::binomial_distribution<double>;

/// The least k of [0, n] with F(k) >= `probability`. Boost's quantile says about where; the
/// distribution function has the last word.
std::uint64_t least_reaching(const Binomial& binomial, std::uint64_t n, double probability) {
  auto k = static_cast<std::uint64_t>(boost::math::quantile(binomial, probability));
  const auto reaches = [&](std::uint64_t at) {
    return boost::math::cdf(binomial, static_cast<double>(at)) >= probability;
  };
  while (k > 0 && reaches(k - 1)) --k;
  while (k < n && !reaches(k)) ++k;
  return k;
}

}  // namespace

std::optional<RankInterval> percentile_ranks(std::uint64_t n, double p, double confidence) {
  LODE_ASSERT(n > 0 && p > 0.0 && p < 1.0 && confidence > 0.0 && confidence < 1.0);
  const Binomial binomial(static_cast<double>(n), p);
  const double tail = (1.0 - confidence) / 2.0;
  const auto below = [&](std::uint64_t k) {
    return boost::math::cdf(binomial, static_cast<double>(k));
  };
  // Rank `lower` is above the percentile if at most `lower` values are below it: F(lower) <= tail.
  std::uint64_t lower = least_reaching(binomial, n, tail);
  while (below(lower) > tail) {
    if (lower == 0) return std::nullopt;
    --lower;
  }
  // Rank `upper` is below it if more than `upper` are: 1 - F(upper) <= tail.
  const std::uint64_t upper = least_reaching(binomial, n, 1.0 - tail);
  if (upper >= n) return std::nullopt;
  return RankInterval{lower, upper, below(upper) - below(lower)};
}

std::optional<PercentileInterval> percentile_interval(const std::vector<std::int64_t>& sorted,
                                                      double p, double confidence) {
  const auto ranks = percentile_ranks(sorted.size(), p, confidence);
  if (!ranks) return std::nullopt;
  return PercentileInterval{sorted[ranks->lower], sorted[ranks->upper], ranks->confidence};
}

}  // namespace lode::stats
