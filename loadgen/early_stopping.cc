#include "loadgen/early_stopping.h"

#include <boost/math/special_functions/beta.hpp>

#include <algorithm>

#include "base/assert.h"

namespace lode::loadgen {
namespace {

constexpr double kConfidence = 0.99;
/// Single-stream's second estimate, from which MLPerf infers multi-stream.
constexpr double kMultiStreamPercentile = 0.99;

/// How likely a percentile that is really above the bound shows at least this good a result.
double odds(std::uint64_t within, std::uint64_t over, double percentile) {
  return boost::math::ibeta(static_cast<double>(within), static_cast<double>(over) + 1.0,
                            percentile);
}

/// The smallest value in (low, high] that satisfies what `high` does and `low` does not.
template <typename Predicate>
std::uint64_t bisect(std::uint64_t low, std::uint64_t high, Predicate satisfies) {
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (satisfies(middle) ? high : low) = middle;
  }
  return high;
}

std::optional<std::int64_t> estimate_ns(const std::vector<std::int64_t>& sorted_ns,
                                        double percentile) {
  const auto rank = estimate_rank(sorted_ns.size(), percentile);
  if (!rank) return std::nullopt;
  return sorted_ns[sorted_ns.size() - *rank];
}

}  // namespace

std::uint64_t queries_within_needed(std::uint64_t over, double percentile) {
  LODE_ASSERT(percentile > 0.0 && percentile < 1.0);
  const auto is_enough = [&](std::uint64_t within) {
    return odds(within, over, percentile) < 1.0 - kConfidence;
  };
  std::uint64_t high = 1;
  while (!is_enough(high)) high *= 2;
  return bisect(0, high, is_enough);
}

std::uint64_t queries_needed(std::uint64_t over, double percentile) {
  return queries_within_needed(over, percentile) + over;
}

std::optional<std::uint64_t> estimate_rank(std::uint64_t queries, double percentile) {
  if (queries < queries_needed(1, percentile)) return std::nullopt;
  const auto is_too_many = [&](std::uint64_t over) {
    return queries < queries_needed(over, percentile);
  };
  return bisect(1, queries, is_too_many) - 1;
}

record::EarlyStopping assess_early_stopping(const Settings& settings,
                                            std::optional<double> percentile,
                                            const std::vector<std::int64_t>& sorted_ns,
                                            std::int64_t limit_ns) {
  record::EarlyStopping result;
  result.applied = true;
  result.queries = sorted_ns.size();
  if (!percentile) {
    result.met = true;
    return result;
  }
  result.percentile = *percentile;
  if (settings.scenario == Scenario::kServer) {
    if (limit_ns > 0) {
      const auto over = std::upper_bound(sorted_ns.begin(), sorted_ns.end(), limit_ns);
      result.discarded = static_cast<std::uint64_t>(sorted_ns.end() - over);
    }
    result.queries_needed = queries_needed(result.discarded, *percentile);
    result.met = result.queries >= result.queries_needed;
    return result;
  }
  result.queries_needed = queries_needed(1, *percentile);
  result.estimate_ns = estimate_ns(sorted_ns, *percentile);
  result.met = result.estimate_ns.has_value();
  if (result.met) result.discarded = *estimate_rank(result.queries, *percentile) - 1;
  if (settings.scenario == Scenario::kSingleStream) {
    result.estimate_p99_ns = estimate_ns(sorted_ns, kMultiStreamPercentile);
  }
  return result;
}

}  // namespace lode::loadgen
