// What happens before the clock starts: uncounted queries, and the rate that sizes offline's query.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "loadgen/issuer.h"

namespace lode::loadgen {

struct Warmup {
  std::uint64_t queries = 0;         ///< done
  double samples_per_s = 0.0;        ///< measured, if asked for
  std::optional<EndCause> ended_by;  ///< it did not get to its end: failure, timeout, interrupt
};

/// `queries` queries of `samples` samples each, from the loaded set in order.
[[nodiscard]] Warmup warm_up(Issuer& issuer, std::span<const SampleIndex> loaded,
                             std::uint64_t queries, std::uint64_t samples);

/// warm_up() with at least one query, then the sustained rate: a query of as many times `samples`
/// (what keeps all of the SUT busy at once) as seem to take 0.2 s, but of two at least; taken
/// anew, larger, when it took much less, and the largest again and again for 0.1 s: then the rate
/// is the best one.
[[nodiscard]] Warmup measure_rate(Issuer& issuer, std::span<const SampleIndex> loaded,
                                  std::uint64_t queries, std::uint64_t samples);

struct OfflineSize {
  std::uint64_t samples = 0;
  EndCause cut_by = EndCause::kCompleted;  ///< or the limit that made it smaller than wanted
};

/// Samples of offline's query in performance mode: what reaches 1.1 (a stated rate) or 1.5 (a
/// measured one) x min_duration at `rate` samples/s, min_query_count and offline_min_samples,
/// rounded up to a multiple of `multiple` (kPermutations: of the loaded set, which has `set_size`);
/// then at most max_query_count (0: no limit) and `memory_limit`, rounded down where possible.
/// kUnique asks for as many samples as the loaded set has.
[[nodiscard]] OfflineSize size_offline_query(const Settings& settings, double rate,
                                             std::uint64_t multiple, std::uint64_t set_size,
                                             std::uint64_t memory_limit);

}  // namespace lode::loadgen
