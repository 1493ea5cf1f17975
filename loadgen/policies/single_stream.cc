// Single-stream: one sample a query, one query at a time; judged by p90 latency.
#include "loadgen/policies/policy.h"

namespace lode::loadgen {
namespace {

class SingleStream final : public Policy {
 public:
  Scenario scenario() const override { return Scenario::kSingleStream; }
  std::optional<double> default_percentile() const override { return 0.90; }
  std::optional<std::uint64_t> samples_per_query(const Settings&) const override { return 1; }
  bool is_closed_loop() const override { return true; }
  EndCause run(Issuer& issuer, std::span<const SampleIndex> loaded,
               std::uint64_t samples) const override {
    return run_closed_loop(issuer, loaded, samples);
  }
};

}  // namespace

const Policy& single_stream_policy() {
  static const SingleStream kPolicy;
  return kPolicy;
}

}  // namespace lode::loadgen
