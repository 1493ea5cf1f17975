// Offline: everything in one query, the loaded set over and over; judged by throughput.
#include <algorithm>
#include <optional>

#include "loadgen/policies/policy.h"
#include "loadgen/streams.h"

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

/// Writes samples [done, done + count) of the query.
bool prepare_part(Issuer& issuer, std::span<const SampleIndex> loaded, std::span<QuerySample> query,
                  std::uint64_t& done) {
  const std::uint64_t count = std::min<std::uint64_t>(loaded.size(), query.size() - done);
  if (!issuer.prepare(loaded.first(count), query.subspan(done, count), done)) return false;
  done += count;
  return true;
}

EndCause Offline::run(Issuer& issuer, std::span<const SampleIndex> loaded,
                      std::uint64_t samples) const {
  const Settings& settings = issuer.settings();
  std::vector<SampleIndex> same;
  if (settings.mode == Mode::kPerformance && settings.sample_order == SampleOrder::kSame) {
    same.assign(loaded.size(), loaded[std::min(settings.same_index, loaded.size() - 1)]);
    loaded = same;
  }
  std::optional<PermutationStream> permutations;
  if (settings.mode == Mode::kPerformance && settings.sample_order == SampleOrder::kPermutations) {
    permutations.emplace(loaded, settings);
  }
  {
    // What the SUT is given is its own to copy during the call: the memory goes back after it.
    std::vector<QuerySample> query(samples);
    for (std::uint64_t done = 0; done < samples;) {
      if (permutations) loaded = permutations->next();
      if (!prepare_part(issuer, loaded, query, done)) return EndCause::kRecorderMemory;
    }
    issuer.open_window();
    const std::int64_t now_ns = issuer.clock().now_ns();
    const std::uint64_t wanted = issuer.recorder().issued_samples() + samples;
    issuer.issue(query, now_ns, now_ns, wanted);
  }
  issuer.flush();
  WaitLimits limits{.timeout_ns = settings.query_timeout_ns, .restart_on_progress = true};
  if (settings.max_duration_ns != 0) {
    limits.give_up_ns = issuer.window_start_ns() + settings.max_duration_ns;
  }
  const std::uint64_t issued = issuer.recorder().issued_samples();
  return issuer.wait_for_answers(issued, limits).value_or(EndCause::kCompleted);
}

}  // namespace

const Policy& offline_policy() {
  static const Offline kPolicy;
  return kPolicy;
}

}  // namespace lode::loadgen
