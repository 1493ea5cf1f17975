// The search for the highest rate on a SUT whose answer is known: one server of 1 ms behind a queue
// holds 777 queries/s with 99% of them within 10 ms (M/D/1).
#include "loadgen/peak_search.h"

#include <gtest/gtest.h>

#include "sut/sut_list.h"
#include "tests/sut/collecting_sink.h"

namespace lode::sut {
namespace {

TEST(PeakSearch, OneWorkerOfAMillisecondHolds777WithinTenMilliseconds) {
  loadgen::Settings settings;
  settings.scenario = loadgen::Scenario::kServer;
  settings.target_latency_ns = 10'000'000;
  settings.min_duration_ns = 1'000'000'000;
  settings.min_query_count = 200'000;
  CountingLibrary library{Shape{2, 4, 4}};
  for (const double start : {1.0, 1'000'000.0}) {
    ManualClock clock;
    SutRequest request;
    request.name = "delay";
    request.delay = "constant:1ms";
    const auto sut = make_sut(request, library, clock);
    ASSERT_TRUE(sut.ok());
    settings.target_qps = start;
    const auto search = loadgen::find_peak_qps(**sut, library, settings, clock, {});
    ASSERT_TRUE(search.ok()) << search.error().message;
    EXPECT_NEAR(search->qps, 777.0, 777.0 * 0.03) << "from " << start;
    EXPECT_TRUE(search->measurement.verdict.valid);
    EXPECT_GE(search->measurement.metrics.queries, 200'000U);
    EXPECT_EQ(search->probes.front().target_qps, start);
    EXPECT_EQ(search->measurement.metrics.peak_search.size(), search->probes.size());
  }
}

}  // namespace
}  // namespace lode::sut
