// MLPerf LoadGen's calls, by its names and signatures. Third-party code written for the reference
// compiles against these headers: link the target mlperf_loadgen and include "loadgen.h".
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "loadgen/mlperf/query_sample.h"
#include "loadgen/mlperf/query_sample_library.h"
#include "loadgen/mlperf/system_under_test.h"
#include "loadgen/mlperf/test_settings.h"

namespace mlperf {

/// Called for a response whose data is wanted, before the data is read.
using ResponseCallback = std::function<void(QuerySampleResponse*)>;

/// Answers samples. Thread-safe; answers to samples of a test that is over are ignored.
void QuerySamplesComplete(QuerySampleResponse* responses, std::size_t response_count,
                          const ResponseCallback& response_cb = {});

/// Says that the first tokens of samples are there, before QuerySamplesComplete() says so of the
/// samples. Thread-safe; means nothing in a test that does not ask for use_token_latencies.
void FirstTokenComplete(QuerySampleResponse* responses, std::size_t response_count,
                        const ResponseCallback& response_cb = {});

/// Runs a test to its end and writes its logs. Any number may run at once, with SUTs of their own.
/// What is wrong with the settings, the SUT or the run is told in the logs, and the result is
/// INVALID. The file called `audit_config`, if there is one, overrides settings.
void StartTest(SystemUnderTest* sut, QuerySampleLibrary* qsl,
               const TestSettings& requested_settings, const LogSettings& log_settings,
               const std::string audit_config_filename = "audit.config");

/// Ends the tests that are running: they return soon, INVALID.
void AbortTest();

/// Lends the calling thread to a server test with server_num_issue_query_threads, which issues
/// queries from it; returns when that test is over.
void RegisterIssueQueryThread();

}  // namespace mlperf
