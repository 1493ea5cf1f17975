// Times to the first token and for each further one, on the manual clock: what is measured, the
// limits, early stopping, and answers whose tokens were not told of properly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/load_generator.h"
#include "tests/loadgen/fakes.h"

namespace lode::loadgen {
namespace {

using record::Measurement;
using testing::ElementsAre;

constexpr std::int64_t kUs = 1'000;

/// One worker: 1 ms a query, of which the first token takes 200 us; 5 tokens an answer.
class TokensTest : public testing::Test {
 protected:
  TokensTest() {
    settings.token_latencies = true;
    settings.early_stopping = true;
    settings.min_duration_ns = kSecond;
    settings.min_query_count = 1000;
    settings.warmup_queries = 0;
    sut.on_query = [this](std::uint64_t) {
      const SampleId id = sut.issued.back().id;
      clock.call_at(clock.now_ns() + 200 * kUs, [this, id] {
        if (tells_first) sut.first_token(id);
      });
    };
    sut.on_answer = [this](const QuerySample& sample) { sut.complete(sample.id, tokens); };
  }
  Measurement measure() {
    auto result = run_test(sut, library, settings, clock, hooks);
    EXPECT_TRUE(result.ok());
    return std::move(result).value();
  }
  static std::vector<std::string> rules(const Measurement& m) {
    std::vector<std::string> names;
    for (const auto& reason : m.verdict.reasons) names.push_back(reason.rule);
    return names;
  }

  ManualClock clock;
  SimulatedSut sut{clock};
  FakeLibrary library{64};
  Settings settings;
  TestHooks hooks;
  bool tells_first = true;
  std::int64_t tokens = 5;
};

TEST_F(TokensTest, SingleStreamMeasuresBoth) {
  const Measurement m = measure();
  EXPECT_TRUE(m.verdict.valid);
  ASSERT_TRUE(m.metrics.tokens);
  EXPECT_EQ(m.metrics.tokens->tokens, 5'000);
  EXPECT_EQ(m.metrics.tokens->ttft_ns->p90, 200 * kUs);
  EXPECT_EQ(m.metrics.tokens->tpot_ns->max, 200 * kUs) << "800 us for four further tokens";
  EXPECT_EQ(m.metrics.tokens->judged_ttft_ns, 200 * kUs);
  EXPECT_TRUE(m.metrics.early_stopping.met);
  EXPECT_EQ(m.metrics.tokens->ttft_early_stopping.estimate_ns, 200 * kUs);
  EXPECT_EQ(m.metrics.latency_ns->p50, kMs);
}

TEST_F(TokensTest, ServerIsLimitedByThem) {
  settings.scenario = Scenario::kServer;
  settings.target_qps = 100.0;
  settings.arrivals.kind = Arrivals::Kind::kConstant;
  settings.min_duration_ns = 10 * kSecond;
  settings.ttft_limit_ns = 200 * kUs;
  settings.tpot_limit_ns = 200 * kUs;
  EXPECT_TRUE(measure().verdict.valid);
  settings.ttft_limit_ns = 199 * kUs;
  EXPECT_THAT(rules(measure()), ElementsAre("early_stopping", "ttft_latency"));
  settings.ttft_limit_ns = 0;
  settings.tpot_limit_ns = 199 * kUs;
  const Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("early_stopping", "tpot_latency"));
  EXPECT_EQ(m.metrics.tokens->tpot_early_stopping.discarded, m.metrics.queries);
}

TEST_F(TokensTest, AnswersWithoutFirstTokenOrWithFewTokensAreTold) {
  tells_first = false;
  Measurement m = measure();
  EXPECT_THAT(rules(m), ElementsAre("early_stopping", "token_counts"));
  EXPECT_EQ(m.metrics.tokens->untimely, 1'000U);
  EXPECT_FALSE(m.metrics.tokens->ttft_ns);
  tells_first = true;
  tokens = 1;
  m = measure();
  EXPECT_THAT(rules(m), ElementsAre("early_stopping", "token_counts"));
  EXPECT_EQ(m.verdict.reasons[1].value,
            "0 answers without a first token before them, 1000 with fewer than 2 tokens");
}

TEST_F(TokensTest, OfflineCountsThemOnly) {
  settings.scenario = Scenario::kOffline;
  settings.offline_expected_qps = 1000.0;
  tells_first = false;
  tokens = 1;
  const Measurement m = measure();
  EXPECT_TRUE(m.verdict.valid);
  EXPECT_EQ(m.metrics.tokens->tokens, static_cast<std::int64_t>(m.metrics.samples));
}

TEST_F(TokensTest, AFirstTokenOfNothingIsAnUnknownId) {
  sut.on_query = [this](std::uint64_t query) {
    sut.first_token(sut.issued.back().id);
    if (query == 3) sut.first_token(1'000'000);
  };
  EXPECT_THAT(rules(measure()), ElementsAre("unknown_ids"));
}

TEST_F(TokensTest, WithoutTheSettingTheyMeanNothing) {
  settings.token_latencies = false;
  const Measurement m = measure();
  EXPECT_TRUE(m.verdict.valid);
  EXPECT_FALSE(m.metrics.tokens);
  EXPECT_TRUE(m.raw.sample_tokens.empty());
}

TEST_F(TokensTest, FirstTokensAreHandedOnInAccuracyMode) {
  settings.mode = Mode::kAccuracy;
  std::size_t outputs = 0;
  std::size_t first_tokens = 0;
  hooks.outputs = [&](SampleId, SampleIndex, std::span<const std::byte>) {
    ++outputs;
    return Status{};
  };
  hooks.first_tokens = [&](SampleId, SampleIndex, std::span<const std::byte>) {
    ++first_tokens;
    return Status{};
  };
  EXPECT_TRUE(measure().verdict.valid);
  EXPECT_EQ(outputs, 64U);
  EXPECT_EQ(first_tokens, 64U);
}

TEST_F(TokensTest, ALimitOnTheLatencyIsRefused) {
  settings.target_latency_ns = kMs;
  EXPECT_FALSE(run_test(sut, library, settings, clock, hooks).ok());
}

}  // namespace
}  // namespace lode::loadgen
