// Server on the manual clock, and closed loops with several queries open: what is issued when, and
// the verdict.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "loadgen/arrivals.h"
#include "loadgen/load_generator.h"
#include "tests/loadgen/fakes.h"

namespace lode::loadgen {
namespace {

using record::Measurement;
using testing::ElementsAre;
using testing::HasSubstr;

class Server : public testing::Test {
 protected:
  Server() {
    settings.scenario = Scenario::kServer;
    settings.target_qps = 100.0;
    settings.target_latency_ns = 50 * kMs;
    settings.min_duration_ns = 2 * kSecond;
    settings.min_query_count = 50;
  }
  Measurement measure() {
    auto result = run_test(sut, library, settings, clock, hooks);
    if (!result.ok()) {
      ADD_FAILURE() << result.error().message;
      return {};
    }
    EXPECT_EQ(library.loaded(), 0U);
    EXPECT_EQ(sut.starts, sut.stops);
    return std::move(result).value();
  }

  ManualClock clock{3 * kSecond};
  SimulatedSut sut{clock};
  FakeLibrary library{1024};
  Settings settings;
  TestHooks hooks;
};

std::vector<std::string> rules(const Measurement& m) {
  std::vector<std::string> names;
  for (const auto& reason : m.verdict.reasons) names.push_back(reason.rule);
  return names;
}

TEST_F(Server, IssuesByTheReferencesScheduleAndOrder) {
  settings.target_qps = 1000.0;
  const Measurement m = measure();
  EXPECT_THAT(std::vector(m.raw.scheduled_ns.begin(), m.raw.scheduled_ns.begin() + 6),
              ElementsAre(0, 1843654, 2301577, 3587439, 4300433, 4686839));
  EXPECT_THAT(std::vector(m.raw.sample_index.begin(), m.raw.sample_index.begin() + 8),
              ElementsAre(784, 618, 960, 248, 513, 635, 155, 667));
  EXPECT_EQ(m.raw.issued_ns, m.raw.scheduled_ns);
  EXPECT_TRUE(sut.plan.queries_overlap);
  EXPECT_FALSE(sut.plan.closed_loop);
}

TEST_F(Server, TheFirstQueryAtMinDurationIsTheLast) {
  const Measurement m = measure();
  EXPECT_TRUE(m.verdict.valid);
  const auto& due = m.raw.scheduled_ns;
  ASSERT_GT(due.size(), 100U);
  EXPECT_GE(due.back(), 2 * kSecond);
  EXPECT_LT(due[due.size() - 2], 2 * kSecond);
  EXPECT_EQ(m.metrics.queries, due.size());
  EXPECT_EQ(m.metrics.headline.name, "max_qps");
  EXPECT_EQ(m.metrics.headline.unit, "queries/s");
  EXPECT_DOUBLE_EQ(m.metrics.headline.value, static_cast<double>(due.size() - 1) * 1e9 /
                                                 static_cast<double>(m.raw.completed_ns.back()));
}

TEST_F(Server, GoesOnToMinQueries) {
  settings.min_query_count = 1000;
  EXPECT_EQ(measure().metrics.queries, 1000U);
}

TEST_F(Server, LatencyCountsFromTheSchedule) {
  settings.arrivals = *parse_arrivals("burst:4");
  settings.warmup_queries = 0;
  const Measurement m = measure();
  // Four at once, one worker, 1 ms each: the fourth is answered after 4 ms.
  EXPECT_EQ(m.metrics.latency_ns->min, kMs);
  EXPECT_EQ(m.metrics.latency_ns->max, 4 * kMs);
}

TEST_F(Server, LatencyAboveItsLimitIsNotValid) {
  settings.target_qps = 2000.0;
  const Measurement m = measure();
  ASSERT_THAT(rules(m), ElementsAre("target_latency"));
  EXPECT_THAT(m.verdict.reasons[0].value, HasSubstr("p99 "));
  EXPECT_EQ(m.verdict.reasons[0].limit, "at most 50 ms");
  EXPECT_EQ(m.verdict.reasons[0].advice, "lower target_qps");
  EXPECT_NEAR(m.metrics.headline.value, 1000.0, 10.0);
}

TEST_F(Server, EarlyStoppingCountsQueriesOverTheLimit) {
  settings.early_stopping = true;
  settings.min_query_count = 459;
  EXPECT_THAT(rules(measure()), ElementsAre());
  settings.min_duration_ns = 1;
  settings.min_query_count = 458;
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("early_stopping"));
  EXPECT_EQ(m.metrics.early_stopping.queries_needed, 459U);
}

TEST_F(Server, LateIssueSpoilsTheRun) {
  // 3 ms in every issue, of which 5% of 50 ms may be lag at p99.
  sut.issue_cost_ns = 3 * kMs;
  settings.target_qps = 200.0;
  const Measurement m = measure();
  ASSERT_THAT(rules(m), ElementsAre("issue_lag"));
  EXPECT_EQ(m.verdict.reasons[0].limit, "at most 2.5 ms");
}

TEST_F(Server, OverdueQueriesAreNeverSkipped) {
  sut.issue_cost_ns = 20 * kMs;
  settings.arrivals = *parse_arrivals("constant");
  settings.min_duration_ns = kSecond;
  const Measurement m = measure();
  EXPECT_EQ(m.metrics.queries, 101U);
  for (std::size_t q = 0; q < 101; ++q) {
    EXPECT_EQ(m.raw.scheduled_ns[q], static_cast<std::int64_t>(q) * 10 * kMs);
  }
}

TEST_F(Server, CoalescingMergesOverdueQueriesAndKeepsTheirTimes) {
  sut.issue_cost_ns = 25 * kMs;
  settings.coalesce = true;
  settings.arrivals = *parse_arrivals("constant");
  settings.min_duration_ns = kSecond;
  const Measurement m = measure();
  EXPECT_EQ(m.metrics.queries, 101U);
  EXPECT_GT(*std::max_element(sut.query_sizes.begin(), sut.query_sizes.end()), 1U);
  for (std::size_t q = 0; q < 101; ++q) {
    EXPECT_EQ(m.raw.scheduled_ns[q], static_cast<std::int64_t>(q) * 10 * kMs);
    EXPECT_EQ(m.raw.sample_query[q], static_cast<std::int64_t>(q));
  }
}

TEST_F(Server, MaxDurationAndMaxQueriesEndTheIssuing) {
  settings.max_query_count = 60;
  Measurement m = measure();
  EXPECT_EQ(m.metrics.queries, 60U);
  EXPECT_THAT(rules(m), ElementsAre("min_duration"));
  settings.max_query_count = 0;
  settings.max_duration_ns = 3 * kSecond;
  settings.min_query_count = 1000;
  m = measure();
  EXPECT_THAT(rules(m), ElementsAre("min_queries"));
  EXPECT_LT(m.raw.issued_ns.back(), 3 * kSecond);
  EXPECT_GT(m.raw.issued_ns.back(), 2'800 * kMs);
}

TEST_F(Server, ReplayEndsWithItsTimes) {
  settings.target_qps = 0.0;
  settings.arrivals.kind = Arrivals::Kind::kReplay;
  for (int i = 0; i < 60; ++i) settings.arrivals.times_ns.push_back(i * 100 * kMs);
  EXPECT_TRUE(measure().verdict.valid);
  settings.min_query_count = 100;
  const Measurement m = measure();
  EXPECT_EQ(m.metrics.queries, 60U);
  ASSERT_THAT(rules(m), ElementsAre("min_queries"));
  EXPECT_EQ(m.verdict.reasons[0].advice, "replay more arrivals");
}

TEST_F(Server, AQueryWithoutAnswerEndsTheIssuing) {
  settings.query_timeout_ns = 500 * kMs;
  settings.min_duration_ns = 100 * kSecond;
  sut.on_answer = [&](const QuerySample& sample) {
    if (sample.id != 30) sut.complete(sample.id);
  };
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("query_timeout"));
  EXPECT_LT(clock.now_ns(), 5 * kSecond);
}

TEST_F(Server, AccuracyVisitsEverySampleOnceAtTheRate) {
  settings.mode = Mode::kAccuracy;
  std::set<SampleIndex> seen;
  hooks.outputs = [&](SampleId, SampleIndex index, std::span<const std::byte>) {
    seen.insert(index);
    return Status{};
  };
  const Measurement m = measure();
  EXPECT_TRUE(m.verdict.valid);
  EXPECT_EQ(m.metrics.samples, 1024U);
  EXPECT_EQ(seen.size(), 1024U);
  EXPECT_NEAR(static_cast<double>(m.metrics.duration_ns) / 1e9, 10.24, 1.0);
}

TEST_F(Server, SeveralIssueThreadsOnTheRealClock) {
  RealClock real;
  /// Keeps each call for 5 ms: one thread could issue 200 queries/s.
  class SlowSut final : public SystemUnderTest {
   public:
    const std::string& name() const override { return name_; }
    Status start(const TestPlan&, CompletionSink& sink) override {
      sink_ = &sink;
      return {};
    }
    void issue(std::span<const QuerySample> query) override {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      for (const QuerySample& sample : query) {
        const QuerySampleResponse response{sample.id, {}};
        sink_->complete({&response, 1});
      }
    }
    void flush() override {}
    void stop() override {}

   private:
    std::string name_ = "slow";
    CompletionSink* sink_ = nullptr;
  } slow;
  settings.target_qps = 400.0;
  settings.arrivals = *parse_arrivals("constant");
  settings.min_duration_ns = 500 * kMs;
  settings.issue_threads = 8;
  const auto result = run_test(slow, library, settings, real, hooks);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->metrics.queries, 201U);
  EXPECT_LT(result->metrics.duration_ns, 700 * kMs);
  for (std::size_t q = 1; q < 201; ++q) {
    EXPECT_GE(result->raw.issued_ns[q], result->raw.issued_ns[q - 1]);
  }
}

TEST_F(Server, AClosedLoopKeepsNQueriesOpen) {
  settings = {};
  settings.concurrency = 4;
  settings.warmup_queries = 0;
  settings.min_duration_ns = kSecond;
  const Measurement m = measure();
  EXPECT_TRUE(m.verdict.valid);
  // One worker, 1 ms a query: each waits for the three before it.
  EXPECT_EQ(m.metrics.latency_ns->p50, 4 * kMs);
  EXPECT_EQ(m.metrics.issue_lag_ns->max, 0);
  EXPECT_NEAR(m.metrics.throughput_samples_per_s, 1000.0, 1.0);
  EXPECT_EQ(m.raw.issued_ns[3], 0);
  EXPECT_EQ(m.raw.issued_ns[4], kMs);
  EXPECT_GE(m.metrics.duration_ns, kSecond);
}

TEST_F(Server, SettingsThatServerNeeds) {
  settings.target_qps = 0.0;
  auto result = run_test(sut, library, settings, clock, hooks);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("target_qps"));
  settings.scenario = Scenario::kSingleStream;
  settings.target_qps = 5.0;
  settings.target_latency_ns = 0;
  result = run_test(sut, library, settings, clock, hooks);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("means nothing in single-stream"));
}

TEST_F(Server, TooManyOpenQueriesEndTheTest) {
  settings.max_open_queries = 3;
  settings.target_latency_ns = 0;
  sut.set_service([](std::uint64_t) { return 100 * kMs; });
  const Measurement m = measure();
  ASSERT_EQ(m.verdict.reasons.size(), 1U);
  EXPECT_EQ(m.verdict.reasons[0].rule, "open_queries");
  EXPECT_EQ(m.verdict.reasons[0].value, "more than 3 queries waited at once");
  EXPECT_EQ(m.metrics.queries, 4U) << "what is open is waited for";
}

}  // namespace
}  // namespace lode::loadgen
