#include "results/record/measurement.h"

#include <algorithm>

#include "base/assert.h"

namespace lode::record {

std::int64_t percentile(const std::vector<std::int64_t>& sorted, double p) {
  LODE_ASSERT(!sorted.empty() && p >= 0.0 && p < 1.0);
  // n * p of a p next to 1 may round up to n.
  const auto index = static_cast<std::size_t>(static_cast<double>(sorted.size()) * p);
  return sorted[std::min(index, sorted.size() - 1)];
}

Distribution summarize(std::vector<std::int64_t>& values) {
  LODE_ASSERT(!values.empty());
  std::sort(values.begin(), values.end());
  const auto count = static_cast<std::int64_t>(values.size());
  // The sum of values less the least cannot overflow where the sum of the values could; the
  // quotient and the remainder are summed apart for the same reason.
  std::int64_t whole = 0;
  std::int64_t rest = 0;
  for (const std::int64_t value : values) {
    const std::int64_t above = value - values.front();
    whole += above / count;
    rest += above % count;
    whole += rest / count;
    rest %= count;
  }
  Distribution d;
  d.min = values.front();
  d.mean = values.front() + whole + (2 * rest >= count ? 1 : 0);
  d.p50 = percentile(values, 0.50);
  d.p90 = percentile(values, 0.90);
  d.p95 = percentile(values, 0.95);
  d.p97 = percentile(values, 0.97);
  d.p99 = percentile(values, 0.99);
  d.p99_9 = percentile(values, 0.999);
  d.max = values.back();
  return d;
}

bool has_headline(const Metrics& metrics) {
  return metrics.headline.unit == "ns" ? metrics.latency_ns.has_value() : metrics.samples > 0;
}

}  // namespace lode::record
