// A scenario as the test sees it: how large its queries are, how it is judged, and its loop.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "datasets/sample_library.h"
#include "loadgen/issuer.h"
#include "loadgen/settings.h"

namespace lode::loadgen {

class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  [[nodiscard]] virtual Scenario scenario() const = 0;

  /// The percentile of latency that it is judged by (in server, that a limit is on) unless the
  /// settings name one; none: it is judged by throughput.
  [[nodiscard]] virtual std::optional<double> default_percentile() const = 0;

  /// Samples of each query; none: one query takes the whole test, sized by the expected rate.
  [[nodiscard]] virtual std::optional<std::uint64_t> samples_per_query(
      const Settings& settings) const = 0;

  /// Each query waits for the answer to the one before it.
  [[nodiscard]] virtual bool is_closed_loop() const = 0;

  /// Issues the queries of one loaded set, of `samples` samples each, and waits for their answers.
  /// Opens the timed window when everything is ready.
  [[nodiscard]] virtual EndCause run(Issuer& issuer, std::span<const SampleIndex> loaded,
                                     std::uint64_t samples) const = 0;
};

/// The policy of a scenario, or null if this build has none. The list is in policy_list.cc.
[[nodiscard]] const Policy* find_policy(Scenario scenario);

/// Issues queries of a seeded stream one after the other: single- and multi-stream.
[[nodiscard]] EndCause run_closed_loop(Issuer& issuer, std::span<const SampleIndex> loaded,
                                       std::uint64_t samples_per_query);

// One each a file of its own.
[[nodiscard]] const Policy& single_stream_policy();
[[nodiscard]] const Policy& multi_stream_policy();
[[nodiscard]] const Policy& server_policy();
[[nodiscard]] const Policy& offline_policy();

}  // namespace lode::loadgen
