// What MLPerf LoadGen has not: the results of a test as values, without reading logs.
#pragma once

#include <string>
#include <vector>

#include "loadgen/mlperf/loadgen.h"
#include "loadgen/peak_search.h"
#include "results/record/measurement.h"

namespace mlperf {

struct TestResult {
  bool valid = false;
  /// Why it was not: the rules that were broken, or what kept the test from running.
  std::vector<std::string> reasons;
  lode::record::Measurement measurement;  ///< of performance mode, if it ran
  std::vector<lode::loadgen::PeakProbe> peak_search;
};

/// StartTest() with its result.
[[nodiscard]] TestResult RunTest(SystemUnderTest* sut, QuerySampleLibrary* qsl,
                                 const TestSettings& requested_settings,
                                 const LogSettings& log_settings,
                                 const std::string& audit_config_filename = "audit.config");

}  // namespace mlperf
