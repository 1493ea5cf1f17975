// Multi-stream: samples_per_query neighbouring samples a query, one query at a time; judged by p99
// latency, a query's latency being its last sample's.
#include "loadgen/policies/policy.h"

namespace lode::loadgen {
namespace {

class MultiStream final : public Policy {
 public:
  Scenario scenario() const override { return Scenario::kMultiStream; }
  std::optional<double> default_percentile() const override { return 0.99; }
  std::optional<std::uint64_t> samples_per_query(const Settings& settings) const override {
    return settings.samples_per_query;
  }
  bool is_closed_loop() const override { return true; }
  EndCause run(Issuer& issuer, std::span<const SampleIndex> loaded,
               std::uint64_t samples) const override {
    return run_closed_loop(issuer, loaded, samples);
  }
};

}  // namespace

const Policy& multi_stream_policy() {
  static const MultiStream kPolicy;
  return kPolicy;
}

}  // namespace lode::loadgen
