#include "results/stats/hypothesis.h"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/assert.h"

namespace lode::stats {
namespace {

constexpr std::size_t kExactMax = 40;

struct Ranking {
  double u = 0.0;
  double tie_term = 0.0;  ///< sum of t^3 - t over the groups of t equal values
};

Ranking rank_together(std::span<const double> a, std::span<const double> b) {
  struct Value {
    double value;
    bool is_a;
  };
  std::vector<Value> all;
  for (const double value : a) all.push_back({value, true});
  for (const double value : b) all.push_back({value, false});
  std::sort(all.begin(), all.end(),
            [](const Value& x, const Value& y) { return x.value < y.value; });
  Ranking ranking;
  double b_below = 0.0;
  for (std::size_t i = 0; i < all.size();) {
    double ties_a = 0.0;
    double ties_b = 0.0;
    const std::size_t begin = i;
    for (; i < all.size() && all[i].value == all[begin].value; ++i) {
      (all[i].is_a ? ties_a : ties_b) += 1.0;
    }
    ranking.u += ties_a * (b_below + ties_b / 2.0);
    b_below += ties_b;
    const double ties = ties_a + ties_b;
    ranking.tie_term += ties * ties * ties - ties;
  }
  return ranking;
}

/// P(U <= u), without ties: ways(i, j, u) = ways(i - 1, j, u - j) + ways(i, j - 1, u), scaled to
/// probabilities so that nothing overflows.
double exact_cdf(std::size_t n, std::size_t m, std::size_t u) {
  const std::size_t most = n * m;
  // of[j][u] for the current number i of values of a.
  std::vector<std::vector<double>> of(m + 1, std::vector<double>(most + 1, 0.0));
  for (auto& row : of) row[0] = 1.0;
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t j = 0; j <= m; ++j) {
      std::vector<double> next(most + 1, 0.0);
      // The largest value of all is one of a's with probability i / (i + j).
      const double from_a = static_cast<double>(i) / static_cast<double>(i + j);
      for (std::size_t at = 0; at <= i * j; ++at) {
        if (at >= j) next[at] += from_a * of[j][at - j];
        if (j > 0) next[at] += (1.0 - from_a) * of[j - 1][at];
      }
      of[j] = std::move(next);
    }
  }
  const auto end = of[m].begin() + static_cast<std::ptrdiff_t>(std::min(u, most)) + 1;
  return std::accumulate(of[m].begin(), end, 0.0);
}

}  // namespace

MannWhitney mann_whitney(std::span<const double> a, std::span<const double> b) {
  LODE_ASSERT(!a.empty() && !b.empty());
  const Ranking ranking = rank_together(a, b);
  const auto n = static_cast<double>(a.size());
  const auto m = static_cast<double>(b.size());
  MannWhitney test{.u = ranking.u};
  const double smaller = std::min(ranking.u, n * m - ranking.u);
  if (ranking.tie_term == 0.0 && a.size() <= kExactMax && b.size() <= kExactMax) {
    test.is_exact = true;
    const double tail = exact_cdf(a.size(), b.size(), static_cast<std::size_t>(smaller));
    test.p_value = std::min(1.0, 2.0 * tail);
    return test;
  }
  const double all = n + m;
  const double variance = n * m / 12.0 * (all + 1.0 - ranking.tie_term / (all * (all - 1.0)));
  if (variance <= 0.0) return test;  // All values are equal.
  const double distance = std::max(0.0, n * m / 2.0 - smaller - 0.5);
  test.p_value =
      std::min(1.0, 2.0 * boost::math::cdf(boost::math::normal(), -distance / std::sqrt(variance)));
  return test;
}

McNemar mcnemar(std::uint64_t only_a, std::uint64_t only_b, std::uint64_t samples,
                double confidence) {
  LODE_ASSERT(samples > 0 && only_a + only_b <= samples);
  McNemar test{.only_a = only_a, .only_b = only_b};
  const auto a = static_cast<double>(only_a);
  const auto b = static_cast<double>(only_b);
  const auto n = static_cast<double>(samples);
  test.difference = (b - a) / n;
  const double centre = (b - a) / (n + 2.0);
  const double spread = a + b + 1.0 - (b - a) * (b - a) / (n + 2.0);
  const double reach = boost::math::quantile(boost::math::normal(), 0.5 + confidence / 2.0) *
                       std::sqrt(spread) / (n + 2.0);
  test.lower = std::max(-1.0, std::min(test.difference, centre - reach));
  test.upper = std::min(1.0, std::max(test.difference, centre + reach));
  if (only_a + only_b == 0) return test;
  const boost::math::binomial_distribution<double> even(a + b, 0.5);
  test.p_value = std::min(1.0, 2.0 * boost::math::cdf(even, std::min(a, b)));
  const double distance = std::max(0.0, std::abs(a - b) - 1.0);
  test.p_chi_square = boost::math::cdf(
      boost::math::complement(boost::math::chi_squared(1.0), distance * distance / (a + b)));
  return test;
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return p_values[x] < p_values[y]; });
  std::vector<double> adjusted(p_values.size());
  double least = 0.0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double left = static_cast<double>(order.size() - i);
    least = std::max(least, std::min(1.0, left * p_values[order[i]]));
    adjusted[order[i]] = least;
  }
  return adjusted;
}

}  // namespace lode::stats
