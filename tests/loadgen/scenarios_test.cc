// Every scenario on the manual clock: what is issued when, when it stops, and the verdict.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "loadgen/load_generator.h"
#include "tests/loadgen/fakes.h"

namespace lode::loadgen {
namespace {

using record::Measurement;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Le;
using testing::SizeIs;

Settings settings_for(Scenario scenario) {
  Settings settings;
  settings.scenario = scenario;
  settings.min_duration_ns = kSecond;
  settings.min_query_count = 100;
  return settings;
}

class Scenarios : public testing::Test {
 protected:
  Result<Measurement> run(const Settings& settings) {
    return run_test(sut, library, settings, clock, hooks);
  }
  Measurement measure(const Settings& settings) {
    auto result = run(settings);
    if (!result.ok()) {
      ADD_FAILURE() << result.error().message;
      return {};
    }
    EXPECT_EQ(library.loaded(), 0U);
    EXPECT_EQ(sut.starts, sut.stops);
    return std::move(result).value();
  }

  ManualClock clock{5 * kSecond};
  SimulatedSut sut{clock};
  FakeLibrary library{1024};
  TestHooks hooks;
};

std::vector<std::string> rules(const Measurement& m) {
  std::vector<std::string> names;
  for (const auto& reason : m.verdict.reasons) names.push_back(reason.rule);
  return names;
}

TEST_F(Scenarios, SingleStreamIssuesOnAnswerAndStopsAtMinDuration) {
  const Measurement m = measure(settings_for(Scenario::kSingleStream));
  EXPECT_TRUE(m.verdict.valid);
  ASSERT_THAT(m.raw.scheduled_ns, SizeIs(1000));
  for (std::size_t q = 0; q < 1000; ++q) {
    EXPECT_EQ(m.raw.scheduled_ns[q], static_cast<std::int64_t>(q) * kMs);
    EXPECT_EQ(m.raw.issued_ns[q], m.raw.scheduled_ns[q]);
    EXPECT_EQ(m.raw.completed_ns[q], m.raw.scheduled_ns[q] + kMs);
    EXPECT_EQ(m.raw.sample_query[q], static_cast<std::int64_t>(q));
  }
  EXPECT_EQ(m.raw.sample_completed_ns, m.raw.completed_ns);
  EXPECT_TRUE(sut.plan.closed_loop);
  EXPECT_EQ(m.metrics.queries, 1000U);
  EXPECT_EQ(m.metrics.duration_ns, kSecond);
  EXPECT_DOUBLE_EQ(m.metrics.throughput_samples_per_s, 1000.0);
  EXPECT_EQ(m.metrics.headline.name, "p90_latency");
  EXPECT_EQ(m.metrics.headline.value, kMs);
  EXPECT_EQ(m.metrics.headline.unit, "ns");
  EXPECT_EQ(m.metrics.issue_lag_ns->max, 0);
  EXPECT_FALSE(m.metrics.early_stopping.applied);
  EXPECT_FALSE(m.interrupted);
}

TEST_F(Scenarios, SingleStreamOrderIsTheReferences) {
  const Measurement m = measure(settings_for(Scenario::kSingleStream));
  EXPECT_THAT(std::vector(m.raw.sample_index.begin(), m.raw.sample_index.begin() + 8),
              ElementsAre(784, 618, 960, 248, 513, 635, 155, 667));
}

TEST_F(Scenarios, SingleStreamGoesOnToMinQueries) {
  Settings settings = settings_for(Scenario::kSingleStream);
  settings.min_query_count = 2500;
  const Measurement m = measure(settings);
  EXPECT_TRUE(m.verdict.valid);
  EXPECT_EQ(m.metrics.queries, 2500U);
}

TEST_F(Scenarios, WarmUpIsNotCounted) {
  Settings settings = settings_for(Scenario::kSingleStream);
  settings.warmup_queries = 7;
  const Measurement m = measure(settings);
  EXPECT_EQ(m.warmup_queries, 7U);
  EXPECT_THAT(sut.warmup_sizes, ElementsAre(1, 1, 1, 1, 1, 1, 1));
  EXPECT_EQ(m.metrics.queries, 1000U);
  EXPECT_EQ(sut.issued.front().id, 0U);
  EXPECT_EQ(sut.issued_at_ns.front(), 5 * kSecond + 7 * kMs);
}

TEST_F(Scenarios, SameSeedsSameSequenceOtherSeedAnother) {
  const auto indices = [&](std::uint64_t seed) {
    Settings settings = settings_for(Scenario::kMultiStream);
    settings.sample_index_seed = seed;
    return measure(settings).raw.sample_index;
  };
  const auto first = indices(1);
  EXPECT_EQ(first, indices(1));
  EXPECT_NE(first, indices(2));
}

TEST_F(Scenarios, MultiStreamCountsAQueryByItsLastSample) {
  const Measurement m = measure(settings_for(Scenario::kMultiStream));
  EXPECT_TRUE(m.verdict.valid);
  ASSERT_THAT(m.raw.scheduled_ns, SizeIs(125));
  ASSERT_THAT(m.raw.sample_index, SizeIs(1000));
  EXPECT_THAT(std::vector(m.raw.sample_index.begin(), m.raw.sample_index.begin() + 11),
              ElementsAre(678, 266, 573, 278, 241, 816, 958, 576, 935, 222, 123));
  for (std::size_t q = 0; q < 125; ++q) {
    EXPECT_EQ(m.raw.scheduled_ns[q], static_cast<std::int64_t>(q) * 8 * kMs);
    EXPECT_EQ(m.raw.completed_ns[q], m.raw.scheduled_ns[q] + 8 * kMs);
    EXPECT_EQ(m.raw.sample_completed_ns[q * 8], m.raw.scheduled_ns[q] + kMs);
  }
  EXPECT_EQ(m.metrics.headline.name, "p99_latency");
  EXPECT_EQ(m.metrics.headline.value, 8 * kMs);
  EXPECT_EQ(m.metrics.samples, 1000U);
}

TEST_F(Scenarios, PercentileOfTheSettingsNamesTheHeadline) {
  sut.set_service([](std::uint64_t sample) { return sample % 20 == 0 ? 3 * kMs : kMs; });
  Settings settings = settings_for(Scenario::kSingleStream);
  settings.warmup_queries = 0;
  settings.target_percentile = 0.95;
  const Measurement m = measure(settings);
  EXPECT_EQ(m.metrics.headline.name, "p95_latency");
  EXPECT_EQ(m.metrics.headline.value, 3 * kMs);
  settings.target_percentile = 0.9;
  EXPECT_EQ(measure(settings).metrics.headline.value, kMs);
}

TEST_F(Scenarios, TargetLatencyIsALimitOnThePercentile) {
  Settings settings = settings_for(Scenario::kSingleStream);
  settings.target_latency_ns = kMs;
  EXPECT_TRUE(measure(settings).verdict.valid);
  settings.target_latency_ns = kMs - 1;
  const Measurement m = measure(settings);
  ASSERT_THAT(rules(m), ElementsAre("target_latency"));
  EXPECT_EQ(m.verdict.reasons[0].value, "p90 1 ms");
}

TEST_F(Scenarios, EarlyStoppingWantsEnoughQueries) {
  Settings settings = settings_for(Scenario::kMultiStream);
  settings.early_stopping = true;
  const Measurement few = measure(settings);
  ASSERT_THAT(rules(few), ElementsAre("early_stopping"));
  EXPECT_EQ(few.verdict.reasons[0].value, "125 queries");
  EXPECT_EQ(few.verdict.reasons[0].limit, "at least 662 for p99 with 99% confidence");
  EXPECT_EQ(few.verdict.reasons[0].advice, "raise min_queries to 662 or more");
  settings.min_query_count = 662;
  const Measurement enough = measure(settings);
  EXPECT_TRUE(enough.verdict.valid);
  EXPECT_TRUE(enough.metrics.early_stopping.met);
  EXPECT_EQ(enough.metrics.early_stopping.estimate_ns, 8 * kMs);
}

TEST_F(Scenarios, MaxQueriesEndsBeforeMinDuration) {
  Settings settings = settings_for(Scenario::kSingleStream);
  settings.max_query_count = 200;
  const Measurement m = measure(settings);
  EXPECT_EQ(m.metrics.queries, 200U);
  ASSERT_THAT(rules(m), ElementsAre("min_duration"));
  EXPECT_EQ(m.verdict.reasons[0].value, "200 ms");
  EXPECT_EQ(m.verdict.reasons[0].limit, "at least 1 s");
  EXPECT_THAT(m.verdict.reasons[0].advice, HasSubstr("max_queries"));
}

TEST_F(Scenarios, MaxQueriesReachedWithTheMinimaIsValid) {
  Settings settings = settings_for(Scenario::kSingleStream);
  settings.max_query_count = 1000;
  EXPECT_TRUE(measure(settings).verdict.valid);
}

TEST_F(Scenarios, MaxDurationEndsBeforeMinQueries) {
  Settings settings = settings_for(Scenario::kSingleStream);
  settings.max_duration_ns = 2 * kSecond;
  settings.min_query_count = 3000;
  const Measurement m = measure(settings);
  EXPECT_EQ(m.metrics.queries, 2000U);
  ASSERT_THAT(rules(m), ElementsAre("min_queries"));
  EXPECT_THAT(m.verdict.reasons[0].advice, HasSubstr("max_duration"));
}

TEST_F(Scenarios, SlowIssueIsFoundAsIssueLag) {
  // 12 us between an answer and the next issue, at 1 ms latency: the limit is 10 us.
  sut.on_answer = [&](const QuerySample& sample) {
    sut.complete(sample.id);
    clock.advance_ns(12'000);
  };
  const Measurement m = measure(settings_for(Scenario::kSingleStream));
  ASSERT_THAT(rules(m), ElementsAre("issue_lag"));
  EXPECT_EQ(m.metrics.issue_lag_ns->p99, 12'000);
  EXPECT_EQ(m.verdict.reasons[0].limit, "at most 10 us");
}

TEST_F(Scenarios, IssueLagMayBeAHundredthOfTheMedianLatency) {
  sut.set_service([](std::uint64_t) { return 2 * kMs; });
  sut.on_answer = [&](const QuerySample& sample) {
    sut.complete(sample.id);
    clock.advance_ns(20'000);
  };
  EXPECT_TRUE(measure(settings_for(Scenario::kSingleStream)).verdict.valid);
}

TEST_F(Scenarios, OfflineMeasuresTheRateAndSizesItsQuery) {
  const Measurement m = measure(settings_for(Scenario::kOffline));
  EXPECT_TRUE(m.verdict.valid);
  EXPECT_DOUBLE_EQ(m.expected_qps, 1000.0);
  ASSERT_THAT(sut.query_sizes, ElementsAre(1500));
  EXPECT_THAT(sut.expected_sizes, ElementsAre(1500));
  EXPECT_EQ(m.metrics.samples, 1500U);
  EXPECT_EQ(m.metrics.queries, 1U);
  EXPECT_EQ(m.metrics.duration_ns, 1500 * kMs);
  EXPECT_EQ(m.metrics.headline.name, "throughput");
  EXPECT_DOUBLE_EQ(m.metrics.headline.value, 1000.0);
  EXPECT_EQ(m.metrics.headline.unit, "samples/s");
  EXPECT_THAT(m.raw.sample_query, Each(0));
  EXPECT_GE(sut.flushes, 1);
}

/// Answers at once, whatever the query's size; its first queries take longer than the later ones.
class FastSut final : public SimulatedSut {
 public:
  explicit FastSut(ManualClock& clock) : SimulatedSut(clock), time_(clock) {}
  void issue(std::span<const QuerySample> query) override {
    // A nanosecond a sample, two of them in the first four queries.
    const bool is_cold = queries_++ < 4;
    time_.advance_ns(static_cast<std::int64_t>(query.size()) * (is_cold ? 2 : 1));
    std::vector<QuerySampleResponse> responses;
    responses.reserve(query.size());
    for (const QuerySample& sample : query) responses.push_back({sample.id, {}});
    sink().complete(responses);
  }

 private:
  ManualClock& time_;
  int queries_ = 0;
};

TEST_F(Scenarios, OfflineMeasuresAFastRateBeyondColdMemory) {
  Settings settings = settings_for(Scenario::kOffline);
  settings.min_duration_ns = kMs;
  FastSut fast(clock);
  const auto result = run_test(fast, library, settings, clock, hooks);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_DOUBLE_EQ(result->expected_qps, 1e9);
  EXPECT_EQ(result->metrics.duration_ns, 1'500'000);
  EXPECT_TRUE(result->verdict.valid);
}

TEST_F(Scenarios, OfflineRepeatsTheLoadedSet) {
  Settings settings = settings_for(Scenario::kOffline);
  const Measurement m = measure(settings);
  EXPECT_THAT(std::vector(m.raw.sample_index.begin(), m.raw.sample_index.begin() + 8),
              ElementsAre(216, 267, 822, 906, 663, 580, 710, 908));
  for (std::size_t i = 1024; i < m.raw.sample_index.size(); ++i) {
    EXPECT_EQ(m.raw.sample_index[i], m.raw.sample_index[i - 1024]);
  }
}

TEST_F(Scenarios, OfflineTakesTheGivenRate) {
  Settings settings = settings_for(Scenario::kOffline);
  settings.offline_expected_qps = 500.0;
  settings.warmup_queries = 2;
  const Measurement m = measure(settings);
  EXPECT_EQ(m.expected_qps, 500.0);
  EXPECT_EQ(m.warmup_queries, 2U);
  EXPECT_EQ(m.metrics.samples, 550U);
  ASSERT_THAT(rules(m), ElementsAre("min_duration"));
  EXPECT_EQ(m.verdict.reasons[0].advice, "set expected_qps to 1000, the rate that was reached");
}

TEST_F(Scenarios, OfflineHasItsMinimumOfSamples) {
  Settings settings = settings_for(Scenario::kOffline);
  settings.offline_min_samples = 24'576;
  EXPECT_EQ(measure(settings).metrics.samples, 24'576U);
  settings.offline_min_samples = 0;
  settings.min_query_count = 3'000;
  EXPECT_EQ(measure(settings).metrics.samples, 3'000U);
}

TEST_F(Scenarios, OfflineFillsWholeBatches) {
  sut.in_flight = 64;
  const Measurement m = measure(settings_for(Scenario::kOffline));
  EXPECT_EQ(m.metrics.samples, 1536U);
  for (const std::uint64_t size : sut.warmup_sizes) EXPECT_EQ(size % 64, 0U);
  EXPECT_EQ(sut.plan.samples_per_query_max, 64U);
  EXPECT_FALSE(sut.plan.closed_loop);
}

TEST_F(Scenarios, OfflineDoesNotWaitBeyondMaxDuration) {
  Settings settings = settings_for(Scenario::kOffline);
  settings.max_duration_ns = 1'500 * kMs;
  settings.offline_min_samples = 10'000;
  const std::int64_t begin_ns = clock.now_ns();
  const Measurement m = measure(settings);
  EXPECT_LT(clock.now_ns() - begin_ns, 2'500 * kMs);
  EXPECT_EQ(m.metrics.samples, 1'500U);
  EXPECT_EQ(m.metrics.queries, 0U);
  EXPECT_EQ(m.raw.completed_ns.at(0), -1);
  EXPECT_EQ(m.raw.sample_completed_ns.at(1'500), -1);
  ASSERT_THAT(rules(m), ElementsAre("max_duration"));
  EXPECT_EQ(m.verdict.reasons[0].value, "1500 of 10000 samples answered");
  EXPECT_FALSE(m.metrics.latency_ns);
  EXPECT_DOUBLE_EQ(m.metrics.throughput_samples_per_s, 1000.0);
}

TEST_F(Scenarios, OfflineIsCutByMaxQueries) {
  Settings settings = settings_for(Scenario::kOffline);
  settings.max_query_count = 300;
  const Measurement m = measure(settings);
  EXPECT_EQ(m.metrics.samples, 300U);
  ASSERT_THAT(rules(m), ElementsAre("min_duration"));
  EXPECT_THAT(m.verdict.reasons[0].advice, HasSubstr("max_queries"));
}

TEST_F(Scenarios, OfflineTimeoutCountsFromTheLastAnswer) {
  Settings settings = settings_for(Scenario::kOffline);
  settings.query_timeout_ns = 50 * kMs;
  EXPECT_TRUE(measure(settings).verdict.valid);
}

TEST_F(Scenarios, AnOutputThatIsRefusedEndsTheTest) {
  for (const Scenario scenario : {Scenario::kSingleStream, Scenario::kMultiStream}) {
    std::size_t seen = 0;
    TestHooks scoring;
    scoring.outputs = [&](SampleId, SampleIndex index, std::span<const std::byte>) -> Status {
      if (++seen < 10) return {};
      return runtime_error("sample {} cannot be scored", index);
    };
    FakeLibrary small(500, 128);
    SimulatedSut fresh(clock);
    Settings settings = settings_for(scenario);
    settings.mode = Mode::kAccuracy;
    auto result = run_test(fresh, small, settings, clock, scoring);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_FALSE(result->verdict.valid);
    EXPECT_LT(seen, 30U) << scenario_name(scenario);
  }
}

TEST_F(Scenarios, AccuracyVisitsEverySampleOnceSetBySet) {
  for (const Scenario scenario :
       {Scenario::kSingleStream, Scenario::kMultiStream, Scenario::kOffline}) {
    FakeLibrary small(500, 128);
    std::vector<SampleIndex> seen;
    TestHooks scoring;
    scoring.outputs = [&](SampleId, SampleIndex index, std::span<const std::byte>) {
      EXPECT_TRUE(small.is_loaded(index));
      seen.push_back(index);
      return Status{};
    };
    SimulatedSut fresh(clock);
    Settings settings = settings_for(scenario);
    settings.mode = Mode::kAccuracy;
    auto result = run_test(fresh, small, settings, clock, scoring);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_TRUE(result->verdict.valid) << scenario_name(scenario);
    EXPECT_EQ(result->metrics.samples, 500U);
    EXPECT_EQ(seen.size(), 500U);
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 500U);
    EXPECT_EQ(small.loaded_max(), 128U);
    EXPECT_EQ(small.loaded(), 0U);
    EXPECT_TRUE(fresh.plan.wants_outputs);
    EXPECT_EQ(result->warmup_queries, 0U);
    EXPECT_THAT(fresh.query_sizes, Each(Le(fresh.plan.samples_per_query_max)));
    const std::set<std::uint64_t> sizes(fresh.query_sizes.begin(), fresh.query_sizes.end());
    EXPECT_EQ(std::vector(sizes.begin(), sizes.end()), fresh.plan.query_sizes);
  }
}

TEST_F(Scenarios, AccuracyWithALimitIsNotValid) {
  for (const Scenario scenario : {Scenario::kSingleStream, Scenario::kOffline}) {
    Settings settings = settings_for(scenario);
    settings.mode = Mode::kAccuracy;
    settings.max_query_count = 100;
    const Measurement m = measure(settings);
    EXPECT_EQ(m.metrics.samples, 100U);
    EXPECT_THAT(rules(m), ElementsAre("accuracy_coverage"));
  }
}

TEST_F(Scenarios, PerformanceSamplesCapTheLoadedSet) {
  Settings settings = settings_for(Scenario::kSingleStream);
  settings.performance_sample_count = 10;
  const Measurement m = measure(settings);
  EXPECT_EQ(library.loaded_max(), 10U);
  EXPECT_THAT(m.raw.sample_index, Each(Le(9)));
}

TEST_F(Scenarios, RecorderMemoryEndsTheTestWithItsReason) {
  sut.set_service([](std::uint64_t) { return 100; });
  Settings settings = settings_for(Scenario::kSingleStream);
  settings.min_query_count = 10'000'000;
  settings.recorder_memory_bytes = 16U << 20;
  const Measurement m = measure(settings);
  ASSERT_THAT(rules(m), ElementsAre("recorder_memory"));
  // 40 bytes a query, in chunks of 65,536.
  EXPECT_EQ(m.metrics.queries, 6U * 65'536);
}

TEST_F(Scenarios, RecorderMemoryCutsOfflinesQuery) {
  Settings settings = settings_for(Scenario::kOffline);
  settings.offline_expected_qps = 1e9;
  settings.recorder_memory_bytes = 16U << 20;
  const Measurement m = measure(settings);
  // Long enough all the same.
  EXPECT_TRUE(m.verdict.valid);
  EXPECT_EQ(m.metrics.samples, 7U * 65'536);
  settings.min_duration_ns = 1000 * kSecond;
  EXPECT_THAT(rules(measure(settings)), ElementsAre("recorder_memory"));
}

}  // namespace
}  // namespace lode::loadgen
