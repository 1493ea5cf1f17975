#include "loadgen/peak_search.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace lode::loadgen {
namespace {

constexpr double kLeastQps = 1e-3;
constexpr double kMostQps = 1e9;
constexpr double kRelativePrecision = 0.002;
// From the least rate to the most, by the least step, and as many again to close in.
constexpr std::size_t kProbesMax = 400;
constexpr double kLeastStep = 0.1;
constexpr double kMostStep = 1000.0;
/// A gap between arrivals of so many latencies leaves a SUT idle most of the time.
constexpr double kIdleGaps = 10.0;
constexpr double kNsPerSecond = 1e9;

Status check(const Settings& settings) {
  if (settings.scenario != Scenario::kServer || settings.mode != Mode::kPerformance) {
    return usage_error("the search for the peak rate is for scenario server in mode performance");
  }
  const bool has_limit = settings.token_latencies
                             ? settings.ttft_limit_ns != 0 || settings.tpot_limit_ns != 0
                             : settings.target_latency_ns != 0;
  if (!has_limit) {
    return usage_error("target_latency: the search for the peak rate needs a limit on the latency");
  }
  const auto kind = settings.arrivals.kind;
  if (kind == Arrivals::Kind::kStep || kind == Arrivals::Kind::kReplay) {
    return usage_error("arrivals: a search sets the rate; use poisson, constant or burst:N");
  }
  return {};
}

/// The search itself: which rate comes next.
class Bracket {
 public:
  explicit Bracket(const PeakPrecision& precision) : precision_(precision) {}

  void add(double qps, bool passed) {
    std::optional<double>& side = passed ? low_ : high_;
    side = !side ? qps : passed ? std::max(*side, qps) : std::min(*side, qps);
  }
  [[nodiscard]] std::optional<double> low() const { return low_; }

  /// None: the search is over.
  [[nodiscard]] std::optional<double> next() const {
    const double factor = 1.0 + precision_.step;
    if (!high_) return *low_ >= kMostQps ? std::nullopt : std::optional(*low_ * factor);
    if (!low_) return *high_ <= kLeastQps ? std::nullopt : std::optional(*high_ / factor);
    // Noise may have a rate fail below one that passed: that is as near as it gets.
    if (*high_ - *low_ <= std::max(precision_.qps, kRelativePrecision * *low_)) return std::nullopt;
    return std::sqrt(*low_ * *high_);
  }

 private:
  PeakPrecision precision_;
  std::optional<double> low_;   ///< the highest that passed
  std::optional<double> high_;  ///< the lowest that failed
};

}  // namespace

Result<PeakSearch> find_peak_qps(SystemUnderTest& sut, SampleLibrary& library,
                                 const Settings& settings, Clock& clock, const TestHooks& hooks,
                                 const PeakPrecision& precision) {
  LODE_CHECK_OK(check(settings));
  if (!(precision.step >= kLeastStep && precision.step <= kMostStep)) {
    return usage_error("a step of {} is out of range; use {} to {}", precision.step, kLeastStep,
                       kMostStep);
  }
  Settings probe_settings = settings;
  probe_settings.end_when_hopeless = settings.target_latency_ns != 0;
  PeakSearch search;
  Bracket bracket(precision);
  std::optional<double> qps = settings.target_qps;
  while (qps && search.probes.size() < kProbesMax) {
    probe_settings.target_qps = *qps;
    LODE_TRY(record::Measurement measurement, run_test(sut, library, probe_settings, clock, hooks));
    const bool passed = measurement.verdict.valid;
    PeakProbe probe{
        *qps, passed, measurement.metrics.judged_latency_ns, measurement.metrics.queries, {}};
    if (!passed) probe.reason = measurement.verdict.reasons.front().rule;
    search.probes.push_back(std::move(probe));
    const bool is_interrupted = measurement.interrupted;
    const bool is_best = passed && *qps > search.qps;
    if (is_best) search.qps = *qps;
    if (is_best || search.qps == 0.0) search.measurement = std::move(measurement);
    if (is_interrupted) break;
    bracket.add(*qps, passed);
    const std::int64_t latency_ns = search.probes.back().latency_ns;
    const bool is_idle = static_cast<double>(latency_ns) * *qps * kIdleGaps < kNsPerSecond;
    // Queries that never met cannot be helped by coming more rarely.
    if (!passed && !bracket.low() && is_idle) break;
    qps = bracket.next();
  }
  if (search.probes.back().reason == "interrupted") {
    search.measurement.interrupted = true;
    if (search.measurement.verdict.valid) {
      search.measurement.verdict = {
          false, {{"interrupted", "the search was stopped", "not stopped", "run it to its end"}}};
    }
  }
  search.measurement.metrics.peak_search = search.probes;
  return search;
}

}  // namespace lode::loadgen
