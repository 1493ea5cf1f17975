// MLPerf LoadGen's query sample library, by its names and types.
#pragma once

#include <string>
#include <vector>

#include "loadgen/mlperf/query_sample.h"

namespace mlperf {

/// What a user's samples are behind. Nothing here is called while queries are timed.
class QuerySampleLibrary {
 public:
  virtual ~QuerySampleLibrary() = default;

  virtual const std::string& Name() = 0;
  virtual std::size_t TotalSampleCount() = 0;
  /// Samples that fit in memory at once.
  virtual std::size_t PerformanceSampleCount() = 0;
  virtual void LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) = 0;
  virtual void UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) = 0;
};

}  // namespace mlperf
