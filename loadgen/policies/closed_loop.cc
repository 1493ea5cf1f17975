// The loop of single- and multi-stream: the next query is due when the previous one is answered,
// so scheduled and issued are the same moment.
#include "loadgen/policies/policy.h"
#include "loadgen/streams.h"

namespace lode::loadgen {

EndCause run_closed_loop(Issuer& issuer, std::span<const SampleIndex> loaded,
                         std::uint64_t samples_per_query) {
  QueryStream stream(loaded, samples_per_query, issuer.settings());
  std::vector<QuerySample> buffer(samples_per_query);
  const WaitLimits limits{.timeout_ns = issuer.settings().query_timeout_ns};
  issuer.open_window();
  while (true) {
    const std::span<const SampleIndex> indices = stream.next();
    if (indices.empty()) return EndCause::kCompleted;
    const std::span<QuerySample> query(buffer.data(), indices.size());
    const bool has_room = issuer.recorder().prepare(indices, query);
    const std::int64_t now_ns = issuer.clock().now_ns();
    if (const auto end = issuer.end_before_query(now_ns)) return *end;
    if (!has_room) return EndCause::kRecorderMemory;
    issuer.issue(query, now_ns, now_ns);
    if (const auto end = issuer.wait_for_answers(limits)) return *end;
  }
}

}  // namespace lode::loadgen
