// The loop of single- and multi-stream: the next query is due as soon as fewer queries than
// `concurrency` wait for their answers, so scheduled and issued are the same moment.
#include "loadgen/policies/policy.h"
#include "loadgen/streams.h"

namespace lode::loadgen {

EndCause run_closed_loop(Issuer& issuer, std::span<const SampleIndex> loaded,
                         std::uint64_t samples_per_query) {
  const Settings& settings = issuer.settings();
  QueryStream stream(loaded, samples_per_query, settings);
  std::vector<QuerySample> buffer(samples_per_query);
  const WaitLimits limits{.timeout_ns = settings.query_timeout_ns};
  // Samples that may still be open when the next query is issued.
  const std::uint64_t open_max = (settings.concurrency - 1) * samples_per_query;
  const bool has_rounds =
      settings.sample_order == SampleOrder::kPermutations && samples_per_query == 1;
  std::uint64_t issued = issuer.recorder().issued_samples();
  issuer.open_window();
  std::optional<EndCause> end;
  while (!end) {
    const std::span<const SampleIndex> indices = stream.next();
    if (indices.empty()) {
      end = EndCause::kCompleted;
      break;
    }
    const std::span<QuerySample> query(buffer.data(), indices.size());
    const bool has_room = issuer.prepare(indices, query);
    const std::int64_t now_ns = issuer.clock().now_ns();
    end = issuer.end_before_query(now_ns, has_rounds && issued % loaded.size() != 0);
    if (!end && !has_room) end = EndCause::kRecorderMemory;
    if (end) break;
    issued += query.size();
    const std::uint64_t wanted = issued - std::min(issued, open_max);
    issuer.issue(query, now_ns, now_ns, wanted);
    end = issuer.wait_for_answers(wanted, limits);
  }
  return settings.concurrency == 1 ? *end : issuer.drain(*end);
}

}  // namespace lode::loadgen
