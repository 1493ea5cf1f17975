// How well a sample pins down a percentile, whatever the distribution it came from.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace lode::stats {

/// Two ranks of a sorted sample, from 0, between whose values the true percentile lies.
struct RankInterval {
  std::uint64_t lower = 0;
  std::uint64_t upper = 0;
  double confidence = 0.0;  ///< that it does: at least what was asked for
};

/// Of n independent values, the number below the true percentile p is binomial(n, p); so the values
/// of ranks lower and upper hold it between them with probability F(upper) - F(lower), F being the
/// binomial distribution function. The ranks are the closest that leave at most
/// (1 - confidence) / 2 on either side. (David and Nagaraja, Order Statistics, 3rd edition, 7.1)
/// n > 0, 0 < p < 1, 0 < confidence < 1. None if n is too small for any such ranks.
[[nodiscard]] std::optional<RankInterval> percentile_ranks(std::uint64_t n, double p,
                                                           double confidence);

struct PercentileInterval {
  std::int64_t lower_ns = 0;
  std::int64_t upper_ns = 0;
  double confidence = 0.0;
};

/// The same in values; `sorted` is ascending and not empty. The values count as independent: what
/// queues or drifts makes the true interval wider.
[[nodiscard]] std::optional<PercentileInterval> percentile_interval(
    const std::vector<std::int64_t>& sorted, double p, double confidence);

}  // namespace lode::stats
