#include "base/percentile.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace lode {

std::size_t percentile_rank(std::size_t n, double p) {
  LODE_ASSERT(n > 0 && p >= 0.0 && p < 1.0);
  // n * p of a p next to 1 may round up to n.
  return std::min(static_cast<std::size_t>(static_cast<double>(n) * p), n - 1);
}

std::int64_t percentile(std::span<const std::int64_t> sorted, double p) {
  return sorted[percentile_rank(sorted.size(), p)];
}

std::int64_t median(std::vector<std::int64_t> values) {
  const std::size_t rank = percentile_rank(values.size(), 0.5);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::int64_t nearest_rank(std::span<const std::int64_t> sorted, double p) {
  LODE_ASSERT(!sorted.empty() && p >= 0.0 && p <= 1.0);
  const double rank = std::ceil(p * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank - 1.0, 0.0))];
}

}  // namespace lode
