#include "results/record/measurement.h"

#include <algorithm>
#include <numeric>

#include "base/assert.h"
#include "base/percentile.h"

namespace lode::record {

/// By the digits of 11 bits, the least first; a digit that all values share costs nothing. Below
/// some thousand values, comparing is as fast.
void sort_times(std::vector<std::int64_t>& values) {
  constexpr std::size_t kFew = 4096;
  constexpr unsigned kBits = 11;
  constexpr std::uint64_t kBuckets = 1U << kBits;
  if (values.size() < kFew) {
    std::sort(values.begin(), values.end());
    return;
  }
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const auto low = static_cast<std::uint64_t>(*least);
  const std::uint64_t range = static_cast<std::uint64_t>(*most) - low;
  std::vector<std::int64_t> other(values.size());
  std::vector<std::size_t> starts(kBuckets);
  for (unsigned shift = 0; shift < 64 && range >> shift != 0; shift += kBits) {
    const auto digit = [&](std::int64_t value) {
      return (static_cast<std::uint64_t>(value) - low) >> shift & (kBuckets - 1);
    };
    std::fill(starts.begin(), starts.end(), std::size_t{0});
    for (const std::int64_t value : values) ++starts[digit(value)];
    std::exclusive_scan(starts.begin(), starts.end(), starts.begin(), std::size_t{0});
    for (const std::int64_t value : values) other[starts[digit(value)]++] = value;
    values.swap(other);
  }
}

Distribution summarize(std::vector<std::int64_t>& values) {
  LODE_ASSERT(!values.empty());
  sort_times(values);
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
