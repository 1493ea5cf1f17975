// Percentiles of integers: MLPerf LoadGen's definition everywhere, and the one that scripts of
// other engines have where a figure stands beside theirs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lode {

/// size_t(n * p), from 0 and below n: where percentile() looks. n > 0, 0 <= p < 1.
[[nodiscard]] std::size_t percentile_rank(std::size_t n, double p);

/// sorted[size_t(n * p)], as MLPerf LoadGen has it. `sorted` ascending and not empty, 0 <= p < 1.
[[nodiscard]] std::int64_t percentile(std::span<const std::int64_t> sorted, double p);

/// percentile() at one half of values in any order, which must not be empty.
[[nodiscard]] std::int64_t median(std::vector<std::int64_t> values);

/// The nearest rank: the smallest value that at least a share `p` of all do not exceed, which is at
/// times a rank below percentile(). `sorted` ascending and not empty, 0 <= p <= 1.
[[nodiscard]] std::int64_t nearest_rank(std::span<const std::int64_t> sorted, double p);

}  // namespace lode
