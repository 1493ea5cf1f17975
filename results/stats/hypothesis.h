// Tests of whether two sets of measurements differ, and what is left of them when there are many.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lode::stats {

struct MannWhitney {
  double u = 0.0;         ///< pairs (a, b) with a > b, ties counting one half
  double p_value = 1.0;   ///< two-sided
  bool is_exact = false;  ///< by the distribution of u itself, otherwise by its normal limit
};

/// Whether values of `a` tend to be larger, or smaller, than those of `b`; neither is empty. Exact
/// without ties and up to 40 values a side, by the recursion of H. Mann and D. Whitney, Annals of
/// Mathematical Statistics 18 (1947) 50-60; otherwise normal with the correction for ties (E.
/// Lehmann, Nonparametrics, 1975, 1.4) and for continuity.
[[nodiscard]] MannWhitney mann_whitney(std::span<const double> a, std::span<const double> b);

/// Two classifiers on the same samples.
struct McNemar {
  std::uint64_t only_a = 0;         ///< samples that a alone has right
  std::uint64_t only_b = 0;         ///< samples that b alone has right
  double difference = 0.0;          ///< accuracy of b less that of a
  double lower = 0.0, upper = 0.0;  ///< of the difference, at the confidence asked for
  double p_value = 1.0;             ///< exact, two-sided
  double p_chi_square = 1.0;        ///< by chi-square with continuity correction
};

/// p is that of binomial(only_a + only_b, 1/2) (Q. McNemar, Psychometrika 12 (1947) 153-157; the
/// correction: A. Edwards, Psychometrika 13 (1948) 185-187). The interval adds one half to each of
/// the four counts: A. Agresti and Y. Min, Statistics in Medicine 24 (2005) 729-740. `samples` is
/// at least only_a + only_b and not 0.
[[nodiscard]] McNemar mcnemar(std::uint64_t only_a, std::uint64_t only_b, std::uint64_t samples,
                              double confidence);

/// The p-values, adjusted so that comparing each with alpha errs in any of them with probability
/// alpha at most: S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70. In the given order.
[[nodiscard]] std::vector<double> holm(std::span<const double> p_values);

}  // namespace lode::stats
