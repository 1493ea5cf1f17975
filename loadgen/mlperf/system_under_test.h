// MLPerf LoadGen's system under test, by its names and types.
#pragma once

#include <string>
#include <vector>

#include "loadgen/mlperf/query_sample.h"

namespace mlperf {

class SystemUnderTest {
 public:
  virtual ~SystemUnderTest() = default;

  virtual const std::string& Name() = 0;
  /// Takes a query; answers by QuerySamplesComplete(), before it returns or later, from any thread.
  virtual void IssueQuery(const std::vector<QuerySample>& samples) = 0;
  /// No query comes for now: what is held back for a batch must go.
  virtual void FlushQueries() = 0;
};

}  // namespace mlperf
