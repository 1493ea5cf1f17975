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

/// Starts at target_qps, which need neither pass nor fail: doubles the rate while probes pass and
/// halves it while they fail, until one of each is known; then takes the geometric mean of the two
/// nearest ones until they are `precision_qps` apart, or 0.2%. A rate that fails although the SUT
/// was idle most of the time ends the search. A probe is a whole test by the
/// settings that passes if it is VALID; one that can no longer pass is ended early. Usage errors:
/// the scenario is not server, there is no target_latency, or the arrivals have rates of their own.
[[nodiscard]] Result<PeakSearch> find_peak_qps(SystemUnderTest& sut, SampleLibrary& library,
                                               const Settings& settings, Clock& clock,
                                               const TestHooks& hooks, double precision_qps);

}  // namespace lode::loadgen
