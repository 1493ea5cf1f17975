// Figures from raw times, and the sizes of warm-up and of offline's query.
#include "loadgen/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/validity.h"
#include "loadgen/warmup.h"

namespace lode::loadgen {
namespace {

record::RawTimes three_queries() {
  record::RawTimes raw;
  raw.scheduled_ns = {100, 200, 400};
  raw.issued_ns = {105, 230, 400};
  raw.completed_ns = {180, 390, -1};
  raw.sample_index = {4, 5, 6, 7, 8, 9};
  raw.sample_query = {0, 0, 1, 1, 2, 2};
  raw.sample_completed_ns = {150, 180, 390, 300, 450, -1};
  return raw;
}

TEST(Metrics, LatencyCountsFromScheduledAndServiceFromIssued) {
  const record::Metrics m = compute_metrics(three_queries(), Settings{}, false, 0.5);
  EXPECT_EQ(m.queries, 2U);
  EXPECT_EQ(m.samples, 5U);
  EXPECT_EQ(m.latency_ns->min, 80);
  EXPECT_EQ(m.latency_ns->max, 190);
  EXPECT_EQ(m.latency_ns->mean, 135);
  EXPECT_EQ(m.service_ns->min, 75);
  EXPECT_EQ(m.service_ns->max, 160);
  EXPECT_EQ(m.duration_ns, 350);
  EXPECT_DOUBLE_EQ(m.throughput_samples_per_s, 5.0 / 350e-9);
  EXPECT_EQ(m.headline.name, "p50_latency");
  EXPECT_EQ(m.headline.value, 190.0);
}

TEST(Metrics, IssueLagIsTheGeneratorsOwnPart) {
  const record::Metrics open = compute_metrics(three_queries(), Settings{}, false, std::nullopt);
  EXPECT_EQ(open.issue_lag_ns->min, 0);
  EXPECT_EQ(open.issue_lag_ns->max, 30);
  const record::Metrics closed = compute_metrics(three_queries(), Settings{}, true, std::nullopt);
  EXPECT_EQ(closed.issue_lag_ns->min, 5);    // the first: issued - scheduled
  EXPECT_EQ(closed.issue_lag_ns->max, 50);   // 230 - 180
  EXPECT_EQ(closed.issue_lag_ns->mean, 22);  // (5 + 50 + 10) / 3
}

TEST(Metrics, OfNothing) {
  const record::Metrics m = compute_metrics({}, Settings{}, true, 0.9);
  EXPECT_FALSE(m.latency_ns);
  EXPECT_FALSE(m.issue_lag_ns);
  EXPECT_EQ(m.duration_ns, 0);
  EXPECT_EQ(m.throughput_samples_per_s, 0.0);
  EXPECT_EQ(m.headline.value, 0.0);
}

TEST(Metrics, PercentileNames) {
  EXPECT_EQ(percentile_name(0.5), "p50");
  EXPECT_EQ(percentile_name(0.97), "p97");
  EXPECT_EQ(percentile_name(0.999), "p99_9");
}

TEST(Validity, IssueLagLimit) {
  EXPECT_EQ(issue_lag_limit_ns(0), 10'000);
  EXPECT_EQ(issue_lag_limit_ns(1'000'000), 10'000);
  EXPECT_EQ(issue_lag_limit_ns(50'000'000), 500'000);
}

TEST(OfflineSize, ReachesEveryMinimumAndKeepsEveryLimit) {
  Settings settings;
  settings.min_duration_ns = 2'000'000'000;
  settings.min_query_count = 10;
  constexpr std::uint64_t kMany = 1ULL << 40;
  EXPECT_EQ(size_offline_query(settings, 100.0, 1, 7, kMany).samples, 300U) << "a measured rate";
  settings.offline_expected_qps = 100.0;
  EXPECT_EQ(size_offline_query(settings, 100.0, 1, 7, kMany).samples, 220U) << "a stated rate";
  EXPECT_EQ(size_offline_query(settings, 100.0, 64, 7, kMany).samples, 256U);
  EXPECT_EQ(size_offline_query(settings, 0.001, 1, 7, kMany).samples, 10U);
  settings.offline_min_samples = 24'576;
  EXPECT_EQ(size_offline_query(settings, 100.0, 64, 7, kMany).samples, 24'576U);
  EXPECT_EQ(size_offline_query(settings, 100.0, 1, 7, kMany).cut_by, EndCause::kCompleted);

  settings.max_query_count = 1'000;
  const OfflineSize by_count = size_offline_query(settings, 100.0, 64, 7, kMany);
  EXPECT_EQ(by_count.samples, 960U);
  EXPECT_EQ(by_count.cut_by, EndCause::kMaxQueries);
  const OfflineSize by_memory = size_offline_query(settings, 100.0, 64, 7, 50);
  EXPECT_EQ(by_memory.samples, 50U);
  EXPECT_EQ(by_memory.cut_by, EndCause::kRecorderMemory);
  EXPECT_EQ(size_offline_query({}, 1e300, 1, 7, kMany).samples, kMany);
}

}  // namespace
}  // namespace lode::loadgen
