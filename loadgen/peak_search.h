// The highest rate of arrival that a SUT holds: server tests at rates that close in on it.
#pragma once

#include <vector>

#include "loadgen/load_generator.h"
#include "results/record/measurement.h"

namespace lode::loadgen {

using PeakProbe = record::PeakProbe;

struct PeakSearch {
  std::vector<PeakProbe> probes;    ///< in order
  double qps = 0.0;                 ///< the highest rate that passed; 0: none did
  record::Measurement measurement;  ///< of the probe at `qps`, otherwise of the last one
};

/// How a search goes about.
struct PeakPrecision {
  double qps = 0.1;  ///< it ends when a rate that passed and one that failed are this near
  double step =
      1.0;  ///< until both are known, the rate changes by the factor 1 + step; 0.1 to 1000
};

/// Starts at target_qps, which need neither pass nor fail: raises the rate while probes pass and
/// lowers it while they fail, until one of each is known; then takes the geometric mean of the two
/// nearest ones until they are `precision.qps` apart, or 0.2%. A rate that fails although the SUT
/// was idle most of the time ends the search. A probe is a whole test by the
/// settings that passes if it is VALID; one that can no longer pass is ended early. Usage errors:
/// the scenario is not server, there is no limit on the latency, or the arrivals have rates of
/// their own.
[[nodiscard]] Result<PeakSearch> find_peak_qps(SystemUnderTest& sut, SampleLibrary& library,
                                               const Settings& settings, Clock& clock,
                                               const TestHooks& hooks,
                                               const PeakPrecision& precision = {});

}  // namespace lode::loadgen
