// Faults on the real clock, each with a short time-out: the test ends in bounded time, says why,
// and leaves nothing behind.
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

/// Answers inline, until told otherwise.
class FaultySut final : public SystemUnderTest {
 public:
  enum class Fault {
    kNone,
    kHang,
    kThrow,
    kThrowInStart,
    kTwice,
    kUnknown,
    kLose,
    kBlock,
    kError,
    kLate
  };

  const std::string& name() const override { return name_; }
  Status start(const TestPlan&, CompletionSink& sink) override {
    if (fault == Fault::kThrowInStart) throw std::runtime_error("no memory");
    sink_ = &sink;
    return {};
  }
  void issue(std::span<const QuerySample> query) override {
    const bool strikes = issued_++ >= strikes_from;
    if (strikes && fault == Fault::kThrow) throw std::runtime_error("no memory");
    if (strikes && fault == Fault::kHang) return;
    if (strikes && fault == Fault::kBlock) {
      while (!released) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      is_back = true;
      return;
    }
    for (const QuerySample& sample : query) {
      if (strikes && fault == Fault::kLose && sample.id % 50 == 0) continue;
      QuerySampleResponse response{sample.id, {}};
      response.is_error = strikes && fault == Fault::kError;
      sink_->complete({&response, 1});
      if (strikes && fault == Fault::kTwice) sink_->complete({&response, 1});
      if (strikes && fault == Fault::kUnknown) {
        response.id += 1'000'000'000;
        sink_->complete({&response, 1});
      }
    }
  }
  void flush() override {}
  void stop() override {
    if (stop_releases) released = true;
    const QuerySampleResponse late{0, {}};
    if (fault == Fault::kLate) sink_->complete({&late, 1});
    ++stops;
  }

  Fault fault = Fault::kNone;
  int strikes_from = 20;
  bool stop_releases = true;
  std::atomic<bool> released{false};
  std::atomic<bool> is_back{false};  ///< the blocked call has come to its end
  std::atomic<int> stops{0};

 private:
  std::string name_ = "faulty";
  CompletionSink* sink_ = nullptr;
  int issued_ = 0;
};

constexpr std::int64_t kShortNs = 150 * kMs;
/// For tests that end by themselves, whatever else the machine has to do.
constexpr std::int64_t kAmpleNs = 20 * kSecond;

class Watchdog : public testing::TestWithParam<Scenario> {
 protected:
  Watchdog() {
    settings.scenario = GetParam();
    settings.min_duration_ns = 30 * kMs;
    settings.min_query_count = 100;
    settings.query_timeout_ns = kShortNs;
    settings.stop_timeout_ns = 300 * kMs;
    settings.warmup_queries = 0;
    settings.offline_expected_qps = settings.scenario == Scenario::kOffline ? 1e5 : 0.0;
    settings.target_qps = settings.scenario == Scenario::kServer ? 5'000.0 : 0.0;
    if (settings.scenario == Scenario::kServer) settings.target_latency_ns = 10 * kSecond;
  }
  /// The rules broken, but for the generator's own lag, which a busy machine may break at any time.
  std::vector<std::string> rules(SystemUnderTest& sut) {
    const std::int64_t begin_ns = clock.now_ns();
    const auto result = run_test(sut, library, settings, clock, {});
    EXPECT_LT(clock.now_ns() - begin_ns, 5 * kSecond);
    EXPECT_EQ(library.loaded(), 0U);
    if (!result.ok()) return {result.error().message};
    std::vector<std::string> names;
    for (const auto& reason : result->verdict.reasons) {
      if (reason.rule != "issue_lag" && reason.rule != "min_duration") names.push_back(reason.rule);
    }
    return names;
  }

  RealClock clock;
  FakeLibrary library{64};
  Settings settings;
};

TEST_P(Watchdog, EachFaultIsFoundAndTheNextTestIsNotTouched) {
  using Fault = FaultySut::Fault;
  const std::pair<Fault, std::string> kFaults[] = {
      {Fault::kHang, "query_timeout"},    {Fault::kThrow, "sut_failure"},
      {Fault::kTwice, "duplicates"},      {Fault::kUnknown, "unknown_ids"},
      {Fault::kLose, "query_timeout"},    {Fault::kBlock, "sut_blocked"},
      {Fault::kError, "error_responses"}, {Fault::kLate, "late_answers"}};
  for (const auto& [fault, rule] : kFaults) {
    FaultySut sut;
    sut.fault = fault;
    // Offline has one query.
    sut.strikes_from = GetParam() == Scenario::kOffline ? 0 : 20;
    const bool is_silent = fault == Fault::kHang || fault == Fault::kLose || fault == Fault::kBlock;
    settings.query_timeout_ns = is_silent ? kShortNs : kAmpleNs;
    EXPECT_THAT(rules(sut), ElementsAre(rule)) << "fault " << static_cast<int>(fault);
    EXPECT_EQ(sut.stops, 1);
    settings.query_timeout_ns = kAmpleNs;
    FaultySut good;
    EXPECT_THAT(rules(good), ElementsAre());
  }
}

TEST_P(Watchdog, ACallThatNeverReturnsIsLeftBehind) {
  FaultySut sut;
  sut.fault = FaultySut::Fault::kBlock;
  sut.strikes_from = 0;
  sut.stop_releases = false;
  EXPECT_THAT(rules(sut), ElementsAre("sut_blocked"));
  settings.query_timeout_ns = kAmpleNs;
  FaultySut good;
  EXPECT_THAT(rules(good), ElementsAre());
  // A SUT stays alive until its calls have returned.
  sut.released = true;
  while (!sut.is_back) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST_P(Watchdog, AnExceptionInStartIsAnError) {
  FaultySut sut;
  sut.fault = FaultySut::Fault::kThrowInStart;
  EXPECT_THAT(rules(sut), ElementsAre("start() threw an exception: no memory"));
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Watchdog,
                         testing::Values(Scenario::kSingleStream, Scenario::kMultiStream,
                                         Scenario::kServer, Scenario::kOffline),
                         [](const auto& each) {
                           std::string name(scenario_name(each.param));
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace lode::loadgen
