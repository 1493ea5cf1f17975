// Offline: everything in one query, the loaded set over and over; judged by throughput.
#include <algorithm>

#include "loadgen/policies/policy.h"

namespace lode::loadgen {
namespace {

class Offline final : public Policy {
 public:
  Scenario scenario() const override { return Scenario::kOffline; }
  std::optional<double> default_percentile() const override { return std::nullopt; }
  std::optional<std::uint64_t> samples_per_query(const Settings&) const override {
    return std::nullopt;
  }
  bool is_closed_loop() const override { return false; }
  EndCause run(Issuer& issuer, std::span<const SampleIndex> loaded,
               std::uint64_t samples) const override;
};

EndCause Offline::run(Issuer& issuer, std::span<const SampleIndex> loaded,
                      std::uint64_t samples) const {
  const Settings& settings = issuer.settings();
  std::vector<QuerySample> query(samples);
  for (std::uint64_t done = 0; done < samples;) {
    const std::uint64_t count = std::min<std::uint64_t>(loaded.size(), samples - done);
    const std::span<QuerySample> part(query.data() + done, count);
    if (!issuer.recorder().prepare(loaded.first(count), part, done)) {
      return EndCause::kRecorderMemory;
    }
    done += count;
  }
  issuer.open_window();
  const std::int64_t now_ns = issuer.clock().now_ns();
  issuer.issue(query, now_ns, now_ns);
  issuer.flush();
  WaitLimits limits{.timeout_ns = settings.query_timeout_ns, .restart_on_progress = true};
  if (settings.max_duration_ns != 0) {
    limits.give_up_ns = issuer.window_start_ns() + settings.max_duration_ns;
  }
  return issuer.wait_for_answers(limits).value_or(EndCause::kCompleted);
}

}  // namespace

const Policy& offline_policy() {
  static const Offline kPolicy;
  return kPolicy;
}

}  // namespace lode::loadgen
