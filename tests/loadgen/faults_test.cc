// Systems under test that misbehave, and users who stop: each ends within a bounded time, with the
// reason, and leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "loadgen/load_generator.h"
#include "tests/loadgen/fakes.h"

namespace lode::loadgen {
namespace {

using record::Measurement;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> rules(const Measurement& m) {
  std::vector<std::string> names;
  for (const auto& reason : m.verdict.reasons) names.push_back(reason.rule);
  return names;
}

class Faults : public testing::Test {
 protected:
  Faults() {
    settings.min_duration_ns = kSecond;
    settings.query_timeout_ns = 3 * kSecond;
    hooks.interrupted = &interrupted;
  }
  Result<Measurement> run() { return run_test(sut, library, settings, clock, hooks); }
  Measurement measure() {
    auto result = run();
    EXPECT_TRUE(result.ok());
    EXPECT_EQ(library.loaded(), 0U);
    EXPECT_EQ(sut.starts, sut.stops);
    return std::move(result).value();
  }

  ManualClock clock;
  SimulatedSut sut{clock};
  FakeLibrary library{64};
  std::atomic<bool> interrupted{false};
  Settings settings;
  TestHooks hooks;
};

TEST_F(Faults, AnswerThatNeverComesIsATimeout) {
  sut.on_answer = [&](const QuerySample& sample) {
    if (sample.id != 5) sut.complete(sample.id);
  };
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("query_timeout"));
  EXPECT_EQ(m.metrics.queries, 5U);
  EXPECT_EQ(m.raw.completed_ns.at(5), -1);
  EXPECT_EQ(m.verdict.reasons[0].value, "5 of 6 samples answered, then none for 3 s");
  EXPECT_EQ(m.verdict.reasons[0].advice, "find out why the system under test does not answer");
  EXPECT_LT(clock.now_ns(), 4 * kSecond);
}

TEST_F(Faults, AnswerAfterTheEndSaysThatTheSutIsSlow) {
  sut.on_answer = [&](const QuerySample& sample) {
    if (sample.id != 5) sut.complete(sample.id);
  };
  sut.before_stop = [&] { sut.complete(5); };
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("query_timeout"));
  EXPECT_THAT(m.verdict.reasons[0].advice, HasSubstr("raise query_timeout"));
  EXPECT_EQ(m.raw.completed_ns.at(5), -1);
}

TEST_F(Faults, OfflineThatLosesSamplesIsATimeout) {
  settings.scenario = Scenario::kOffline;
  sut.on_answer = [&](const QuerySample& sample) {
    if (sample.id % 100 != 7) sut.complete(sample.id);
  };
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("query_timeout"));
  EXPECT_EQ(m.metrics.samples, 1485U);
  EXPECT_EQ(m.metrics.queries, 0U);
}

TEST_F(Faults, SecondAnswersAreCountedAndChangeNothing) {
  sut.on_answer = [&](const QuerySample& sample) {
    sut.complete(sample.id);
    clock.advance_ns(1'000);
    if (sample.id % 10 == 0) sut.complete(sample.id);
  };
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("duplicates"));
  EXPECT_EQ(m.verdict.reasons[0].value, "100 second answers to a sample");
  EXPECT_EQ(m.metrics.latency_ns->max, kMs);
}

TEST_F(Faults, UnknownIdsAreCounted) {
  sut.on_answer = [&](const QuerySample& sample) {
    sut.complete(sample.id);
    if (sample.id == 3) {
      sut.complete(4);  // not issued yet
      sut.complete(1'000'000'000'000);
      sut.complete((SampleId{1} << 63) - 1);
    }
  };
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("unknown_ids"));
  EXPECT_EQ(m.verdict.reasons[0].value, "3 answers to samples that were not issued");
}

TEST_F(Faults, AnswersAfterTheEndAreLate) {
  sut.before_stop = [&] { sut.complete(0); };
  EXPECT_THAT(rules(measure()), ElementsAre("late_answers"));
}

TEST_F(Faults, FailureEndsTheTestWithItsMessage) {
  for (const Scenario scenario : {Scenario::kSingleStream, Scenario::kOffline}) {
    settings.scenario = scenario;
    sut.on_answer = [&](const QuerySample& sample) {
      if (sample.id < 20) return sut.complete(sample.id);
      sut.sink().fail(runtime_error("conv1: out of memory"));
    };
    const Measurement m = measure();
    EXPECT_THAT(rules(m), ElementsAre("sut_failure"));
    EXPECT_EQ(m.verdict.reasons[0].value, "conv1: out of memory");
    EXPECT_EQ(m.metrics.samples, 20U);
  }
}

TEST_F(Faults, AnExceptionEndsTheTestWithItsText) {
  sut.on_query = [](std::uint64_t query) {
    if (query == 20) throw std::runtime_error("out of memory");
  };
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("sut_failure"));
  EXPECT_EQ(m.verdict.reasons[0].value, "issue() threw an exception: out of memory");
  EXPECT_EQ(m.metrics.queries, 20U);
}

TEST_F(Faults, ACallThatTakesTooLongHasBlocked) {
  sut.on_query = [&](std::uint64_t query) {
    if (query == 20) clock.advance_ns(4 * kSecond);
  };
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("sut_blocked"));
  EXPECT_EQ(m.verdict.reasons[0].value, "issue() did not return for 3 s");
}

TEST_F(Faults, FailureDuringTheWarmUpIsAnError) {
  clock.call_at(kMs / 2, [&] { sut.sink().fail(runtime_error("out of memory")); });
  sut.set_service([](std::uint64_t) { return 100 * kMs; });
  const auto result = run();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "warm-up: out of memory");
  EXPECT_EQ(sut.stops, 1);
  EXPECT_EQ(library.loaded(), 0U);
}

TEST_F(Faults, NoAnswerToTheWarmUpIsAnError) {
  sut.set_service([](std::uint64_t) { return 100 * kSecond; });
  const auto result = run();
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("did not answer within 3 s"));
}

TEST_F(Faults, SutThatDoesNotStartIsAnError) {
  sut.start_error = runtime_error("no such device");
  const auto result = run();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "no such device");
  EXPECT_EQ(sut.stops, 0);
  EXPECT_EQ(library.loaded(), 0U);
}

TEST_F(Faults, LoadThatFailsIsAnError) {
  library.fail_load(0);
  EXPECT_FALSE(run().ok());
  EXPECT_EQ(sut.starts, 0);
}

TEST_F(Faults, LoadThatFailsInMidAccuracyIsAnError) {
  FakeLibrary parts(64, 16);
  parts.fail_load(2);
  settings.mode = Mode::kAccuracy;
  const auto result = run_test(sut, parts, settings, clock, hooks);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("checksum"));
  EXPECT_EQ(sut.stops, 1);
  EXPECT_EQ(parts.loaded(), 0U);
}

TEST_F(Faults, EmptyLibraryIsAnError) {
  FakeLibrary empty(0, 1);
  EXPECT_FALSE(run_test(sut, empty, settings, clock, hooks).ok());
}

TEST_F(Faults, InterruptKeepsWhatWasCompleted) {
  settings.warmup_queries = 0;
  clock.call_at(300 * kMs + 1, [&] { interrupted = true; });
  const Measurement m = measure();
  EXPECT_TRUE(m.interrupted);
  EXPECT_THAT(rules(m), ElementsAre("interrupted"));
  EXPECT_EQ(m.metrics.queries, 301U);
  EXPECT_EQ(m.verdict.reasons[0].value, "stopped after 301 ms");
}

TEST_F(Faults, InterruptEndsOfflineWithinAMoment) {
  settings.scenario = Scenario::kOffline;
  settings.offline_expected_qps = 1e5;
  settings.warmup_queries = 0;
  clock.call_at(300 * kMs + 1, [&] { interrupted = true; });
  const Measurement m = measure();
  EXPECT_TRUE(m.interrupted);
  EXPECT_THAT(rules(m), ElementsAre("interrupted"));
  EXPECT_GE(m.metrics.samples, 300U);
  EXPECT_LT(clock.now_ns(), 600 * kMs);
}

TEST_F(Faults, InterruptDuringTheWarmUpLeavesAnEmptyRecord) {
  interrupted = true;
  for (const Scenario scenario : {Scenario::kSingleStream, Scenario::kOffline}) {
    settings.scenario = scenario;
    const Measurement m = measure();
    EXPECT_TRUE(m.interrupted);
    EXPECT_THAT(rules(m), ElementsAre("interrupted"));
    EXPECT_TRUE(m.raw.scheduled_ns.empty());
    EXPECT_EQ(m.metrics.duration_ns, 0);
  }
}

TEST_F(Faults, InterruptEndsAccuracyBetweenSets) {
  FakeLibrary parts(64, 16);
  settings.mode = Mode::kAccuracy;
  sut.on_query = [&](std::uint64_t query) { interrupted = query == 15; };
  const auto result = run_test(sut, parts, settings, clock, hooks);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->interrupted);
  EXPECT_EQ(result->metrics.samples, 16U);
  EXPECT_EQ(parts.loaded(), 0U);
}

TEST_F(Faults, TheNextTestIsNotTouched) {
  sut.on_answer = [&](const QuerySample& sample) {
    if (sample.id != 5) sut.complete(sample.id);
  };
  EXPECT_FALSE(measure().verdict.valid);
  sut.on_answer = nullptr;
  EXPECT_TRUE(measure().verdict.valid);
}

}  // namespace
}  // namespace lode::loadgen
