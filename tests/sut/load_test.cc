// Whole tests of real SUTs under the load generator, on both clocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include <set>
#include <thread>

#include "loadgen/load_generator.h"
#include "sut/sut_list.h"
#include "tests/engine/graph_builder.h"
#include "tests/sut/collecting_sink.h"

namespace lode::sut {
namespace {

using loadgen::LiveStatus;
using loadgen::Mode;
using loadgen::SampleId;
using loadgen::Scenario;
using loadgen::Settings;
using loadgen::TestHooks;
using record::Measurement;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kMs = 1'000'000;
constexpr Scenario kScenarios[] = {Scenario::kSingleStream, Scenario::kMultiStream,
                                   Scenario::kOffline};

class Load : public testing::Test {
 protected:
  Load() {
    settings.min_duration_ns = 100 * kMs;
    settings.min_query_count = 10;
  }

  Measurement measure(const SutRequest& request, Clock& clock) {
    auto sut = make_sut(request, library, clock);
    EXPECT_TRUE(sut.ok()) << sut.error().message;
    auto result = run_test(**sut, library, settings, clock, hooks);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? std::move(result).value() : Measurement{};
  }

  static SutRequest delay(std::string text, int workers = 1) {
    SutRequest request;
    request.name = "delay";
    request.delay = std::move(text);
    request.delay_workers = workers;
    return request;
  }

  static SutRequest engine(int instances, std::uint64_t batch) {
    engine::GraphBuilder builder;
    const engine::ValueId x = builder.input("input", {-1, 2, 4, 4});
    builder.output(builder.node("flat", "Flatten", {builder.node("relu", "Relu", {x})}));
    SutRequest request;
    request.model = *engine::Model::from_graph(std::move(builder.graph), {});
    request.instances = instances;
    request.batch = batch;
    return request;
  }

  CountingLibrary library{Shape{2, 4, 4}};
  Settings settings;
  TestHooks hooks;
};

/// Rules broken, but for the generator's own lag, which a busy machine may break at any time.
std::vector<std::string> rules(const Measurement& m) {
  std::vector<std::string> names;
  for (const auto& reason : m.verdict.reasons) {
    if (reason.rule != "issue_lag") names.push_back(reason.rule);
  }
  return names;
}

/// Offline's query is sized by a rate, and how steady that is, is the machine's affair.
void expect_valid(const Measurement& m, Scenario scenario) {
  for (const std::string& rule : rules(m)) {
    EXPECT_EQ(scenario, Scenario::kOffline) << rule;
    EXPECT_EQ(rule, "min_duration");
  }
}

TEST_F(Load, DelayOnTheManualClockIsExact) {
  ManualClock clock;
  settings.scenario = Scenario::kMultiStream;
  settings.samples_per_query = 4;
  const Measurement m = measure(delay("constant:1ms", 2), clock);
  EXPECT_TRUE(m.verdict.valid);
  EXPECT_EQ(m.metrics.queries, 50U);
  EXPECT_EQ(m.metrics.latency_ns->min, 2 * kMs);
  EXPECT_EQ(m.metrics.latency_ns->max, 2 * kMs);
  settings.scenario = Scenario::kOffline;
  const Measurement offline = measure(delay("constant:1ms", 2), clock);
  EXPECT_TRUE(offline.verdict.valid);
  EXPECT_DOUBLE_EQ(offline.expected_qps, 2000.0);
  EXPECT_EQ(offline.metrics.samples, 300U);
}

TEST_F(Load, DelayOnTheRealClock) {
  RealClock clock;
  for (const Scenario scenario : kScenarios) {
    settings.scenario = scenario;
    settings.samples_per_query = 4;
    const Measurement m = measure(delay("uniform:1ms,2ms", 2), clock);
    expect_valid(m, scenario);
    EXPECT_GE(m.metrics.latency_ns->min, kMs);
    EXPECT_EQ(m.raw.sample_index.size(), m.metrics.samples);
  }
}

TEST_F(Load, NullMeasuresTheGeneratorAlone) {
  RealClock clock;
  settings.min_duration_ns = 20 * kMs;
  for (const Scenario scenario : kScenarios) {
    settings.scenario = scenario;
    SutRequest request;
    request.name = "null";
    const Measurement m = measure(request, clock);
    expect_valid(m, scenario);
    EXPECT_GT(m.metrics.samples, 1000U);
  }
}

TEST_F(Load, EngineInEveryScenario) {
  RealClock clock;
  for (const Scenario scenario : kScenarios) {
    for (const int instances : {1, 2}) {
      settings.scenario = scenario;
      const Measurement m = measure(engine(instances, 3), clock);
      expect_valid(m, scenario);
      EXPECT_GE(m.metrics.samples, 10U);
    }
  }
}

TEST_F(Load, EngineAnswersEverySampleInAccuracyMode) {
  RealClock clock;
  settings.mode = Mode::kAccuracy;
  settings.performance_sample_count = 24;
  for (const Scenario scenario : kScenarios) {
    for (const int instances : {1, 2}) {
      std::set<SampleIndex> seen;
      hooks.outputs = [&](SampleId, SampleIndex index,
                          std::span<const std::byte> output) -> Status {
        float first = 0.0F;
        if (output.size() != 32 * sizeof(float)) return runtime_error("{} bytes", output.size());
        std::memcpy(&first, output.data(), sizeof(first));
        EXPECT_EQ(first, static_cast<float>(index + 1));
        EXPECT_TRUE(seen.insert(index).second);
        return Status{};
      };
      settings.scenario = scenario;
      const Measurement m = measure(engine(instances, 5), clock);
      EXPECT_TRUE(m.verdict.valid);
      EXPECT_EQ(seen.size(), 64U);
    }
  }
}

TEST_F(Load, HangIsFoundOnTheRealClock) {
  RealClock clock;
  settings.warmup_queries = 0;
  settings.query_timeout_ns = 50 * kMs;
  const std::int64_t begin_ns = clock.now_ns();
  const Measurement m = measure(delay("constant:1h"), clock);
  EXPECT_THAT(rules(m), ElementsAre("query_timeout"));
  EXPECT_LT(clock.now_ns() - begin_ns, 5'000 * kMs);
}

TEST_F(Load, InterruptOnTheRealClock) {
  for (const Scenario scenario : kScenarios) {
    RealClock clock;
    std::atomic<bool> interrupted{false};
    hooks.interrupted = &interrupted;
    settings.scenario = scenario;
    settings.min_duration_ns = 3'600'000 * kMs;
    settings.max_query_count = 100'000;
    std::thread user([&] {
      clock.sleep_until_ns(clock.now_ns() + 400 * kMs);
      interrupted = true;
    });
    const std::int64_t begin_ns = clock.now_ns();
    const Measurement m = measure(delay("constant:1ms"), clock);
    user.join();
    EXPECT_TRUE(m.interrupted);
    EXPECT_THAT(rules(m), ElementsAre("interrupted"));
    EXPECT_LT(clock.now_ns() - begin_ns, 20'000 * kMs);
  }
}

TEST_F(Load, StatusTellsHowItGetsOn) {
  RealClock clock;
  std::vector<LiveStatus> seen;
  hooks.progress = [&](const LiveStatus& status) { seen.push_back(status); };
  settings.min_duration_ns = 600 * kMs;
  const Measurement m = measure(delay("constant:2ms"), clock);
  ASSERT_GE(seen.size(), 2U);
  double share = 0.0;
  for (const LiveStatus& status : seen) {
    EXPECT_GE(status.share_done, share);
    EXPECT_LE(status.share_done, 1.0);
    share = status.share_done;
  }
  // A busy machine may ask once more when all is issued.
  const auto at = std::find_if(seen.rbegin(), seen.rend(), [](const LiveStatus& status) {
    return status.phase == LiveStatus::Phase::kRunning;
  });
  ASSERT_NE(at, seen.rend());
  const LiveStatus& last = *at;
  EXPECT_GT(last.queries_completed, 10U);
  EXPECT_LE(last.samples_completed, m.metrics.samples);
  EXPECT_GE(last.latency_p50_ns, 2 * kMs);
  EXPECT_GE(last.latency_p99_ns, last.latency_p50_ns);
  EXPECT_GT(last.samples_per_s, 1.0);
  EXPECT_GE(last.eta_ns, 0);
}

TEST_F(Load, TwoTestsSideBySideDoNotSeeEachOther) {
  RealClock clock;
  const auto run = [&](Measurement& m) {
    SutRequest request = delay("constant:1ms");
    auto sut = make_sut(request, library, clock);
    auto result = run_test(**sut, library, settings, clock, {});
    ASSERT_TRUE(result.ok());
    m = std::move(result).value();
  };
  Measurement a;
  Measurement b;
  std::thread other([&] { run(a); });
  run(b);
  other.join();
  EXPECT_TRUE(rules(a).empty());
  EXPECT_TRUE(rules(b).empty());
  const std::size_t both = std::min(a.raw.sample_index.size(), b.raw.sample_index.size());
  EXPECT_TRUE(std::equal(a.raw.sample_index.begin(),
                         a.raw.sample_index.begin() + static_cast<std::ptrdiff_t>(both),
                         b.raw.sample_index.begin()));
}

}  // namespace
}  // namespace lode::sut
