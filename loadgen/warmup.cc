#include "loadgen/warmup.h"

#include <algorithm>
#include <cmath>

namespace lode::loadgen {
namespace {

constexpr double kMeasureNs = 200e6;
constexpr double kLongEnoughNs = 100e6;
constexpr int kRoundsMax = 4;
constexpr int kRepeatsMax = 100;
constexpr double kRateSamplesMax = 1 << 20;
/// MLPerf LoadGen's, for a rate that the user states.
constexpr double kStatedMargin = 1.1;
/// A rate measured in a fraction of a second on a shared machine is easily a third too low, and a
/// query that ends before min_duration costs the whole run.
constexpr double kMeasuredMargin = 1.5;
// Far above any memory limit, far below where a double no longer counts by ones.
constexpr double kSamplesMax = 1e15;

}  // namespace

Warmup warm_up(Issuer& issuer, std::span<const SampleIndex> loaded, std::uint64_t queries,
               std::uint64_t samples) {
  Warmup warmup;
  for (; warmup.queries < queries; ++warmup.queries) {
    warmup.ended_by = issuer.run_warmup_query(loaded, samples);
    if (warmup.ended_by) break;
  }
  return warmup;
}

Warmup measure_rate(Issuer& issuer, std::span<const SampleIndex> loaded, std::uint64_t queries,
                    std::uint64_t samples) {
  Warmup warmup = warm_up(issuer, loaded, std::max<std::uint64_t>(queries, 1) - 1, samples);
  if (warmup.ended_by) return warmup;
  const double unit = static_cast<double>(samples);
  // Times one query of `units` times `samples`; false if it did not get to its end.
  double elapsed_ns = 0.0;
  const auto time_query = [&](double units) {
    const std::int64_t begin_ns = issuer.clock().now_ns();
    warmup.ended_by = issuer.run_warmup_query(loaded, static_cast<std::uint64_t>(units) * samples);
    if (warmup.ended_by) return false;
    ++warmup.queries;
    elapsed_ns = std::max(1.0, static_cast<double>(issuer.clock().now_ns() - begin_ns));
    warmup.samples_per_s = std::max(warmup.samples_per_s, units * unit / elapsed_ns * 1e9);
    return true;
  };
  const double units_max = std::max(2.0, std::floor(kRateSamplesMax / unit));
  // Round 0 is the last of the untimed queries: it only says how long a query takes.
  double units = 1.0;
  for (int round = 0; round <= kRoundsMax; ++round) {
    warmup.samples_per_s = 0.0;
    if (!time_query(units)) return warmup;
    if (round > 0 && (elapsed_ns >= kLongEnoughNs || units >= units_max)) break;
    units = std::clamp(std::ceil(units * kMeasureNs / elapsed_ns), 2.0, units_max);
  }
  // The largest query may be over before its memory is warm: the best of some is the rate.
  double total_ns = elapsed_ns;
  for (int i = 0; units >= units_max && total_ns < kLongEnoughNs && i < kRepeatsMax; ++i) {
    if (!time_query(units)) return warmup;
    total_ns += elapsed_ns;
  }
  return warmup;
}

OfflineSize size_offline_query(const Settings& settings, double rate, std::uint64_t multiple,
                               std::uint64_t set_size, std::uint64_t memory_limit) {
  const double seconds = static_cast<double>(settings.min_duration_ns) / 1e9;
  const double margin = settings.offline_expected_qps > 0.0 ? kStatedMargin : kMeasuredMargin;
  // An error of rounding is not another sample.
  const double for_duration =
      std::clamp(std::ceil(margin * seconds * rate - 1e-6), 0.0, kSamplesMax);
  OfflineSize size;
  if (settings.sample_order == SampleOrder::kUnique) {
    size.samples = std::min(set_size, memory_limit);
    return size;
  }
  if (settings.sample_order == SampleOrder::kPermutations) multiple = set_size;
  size.samples = std::max({settings.min_query_count, settings.offline_min_samples,
                           static_cast<std::uint64_t>(for_duration)});
  size.samples = (size.samples + multiple - 1) / multiple * multiple;
  const auto cut = [&](std::uint64_t limit, EndCause cause) {
    if (size.samples <= limit) return;
    size = {limit >= multiple ? limit / multiple * multiple : limit, cause};
  };
  if (settings.max_query_count != 0) cut(settings.max_query_count, EndCause::kMaxQueries);
  cut(memory_limit, EndCause::kRecorderMemory);
  return size;
}

}  // namespace lode::loadgen
