// The null and the delay SUT, and the list that makes a SUT from its name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sut/delay_sut.h"
#include "sut/null_sut.h"
#include "sut/sut_list.h"
#include "tests/sut/collecting_sink.h"

namespace lode::sut {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kMs = 1'000'000;

std::unique_ptr<loadgen::SystemUnderTest> make_delay(std::string text, int workers, Clock& clock) {
  auto sut = DelaySut::create({.delay = std::move(text), .delay_workers = workers}, clock);
  EXPECT_TRUE(sut.ok());
  return std::move(sut).value();
}

TEST(NullSut, AnswersAtOnceInChunks) {
  ManualClock clock;
  CollectingSink sink(clock);
  NullSut sut;
  ASSERT_TRUE(sut.start({}, sink).ok());
  sut.issue(make_query(0, 2 * NullSut::kResponsesMax + 1));
  EXPECT_EQ(sink.ids().size(), 2 * NullSut::kResponsesMax + 1);
  EXPECT_EQ(sink.ids().back(), 2 * NullSut::kResponsesMax);
  EXPECT_EQ(sink.calls(), 3U);
  sut.stop();
}

TEST(DelaySut, OneWorkerServesOneAfterTheOther) {
  ManualClock clock(7);
  CollectingSink sink(clock);
  auto sut = make_delay("constant:1ms", 1, clock);
  ASSERT_TRUE(sut->start({}, sink).ok());
  sut->issue(make_query(0, 3));
  clock.sleep_until_ns(7 + 10 * kMs);
  sut->issue(make_query(3, 1));
  clock.sleep_until_ns(7 + 20 * kMs);
  EXPECT_THAT(sink.ids(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(sink.times_ns(), ElementsAre(7 + kMs, 7 + 2 * kMs, 7 + 3 * kMs, 7 + 11 * kMs));
  EXPECT_EQ(sut->name(), "delay constant:1ms, 1 worker");
}

TEST(DelaySut, WorkersServeSideBySide) {
  ManualClock clock;
  CollectingSink sink(clock);
  auto sut = make_delay("constant:1ms", 2, clock);
  EXPECT_EQ(sut->samples_in_flight(), 2U);
  ASSERT_TRUE(sut->start({}, sink).ok());
  sut->issue(make_query(0, 4));
  clock.sleep_until_ns(20 * kMs);
  EXPECT_THAT(sink.times_ns(), ElementsAre(kMs, kMs, 2 * kMs, 2 * kMs));
}

TEST(DelaySut, SameSeedSameTimesInEveryTest) {
  const auto times_ns = [](int workers) {
    ManualClock clock;
    CollectingSink sink(clock);
    auto sut = make_delay("exponential:2ms", workers, clock);
    EXPECT_TRUE(sut->start({}, sink).ok());
    sut->issue(make_query(0, 50));
    clock.sleep_until_ns(10'000 * kMs);
    return sink.times_ns();
  };
  EXPECT_EQ(times_ns(1), times_ns(1));
  EXPECT_EQ(times_ns(1).size(), 50U);
  EXPECT_LT(times_ns(4).back(), times_ns(1).back());
}

TEST(DelaySut, NothingComesAfterStop) {
  ManualClock clock;
  CollectingSink sink(clock);
  auto sut = make_delay("constant:1ms", 1, clock);
  ASSERT_TRUE(sut->start({}, sink).ok());
  sut->issue(make_query(0, 3));
  clock.sleep_until_ns(kMs);
  sut->stop();
  clock.sleep_until_ns(20 * kMs);
  EXPECT_EQ(sink.ids().size(), 1U);
  ASSERT_TRUE(sut->start({}, sink).ok());
  sut->issue(make_query(9, 1));
  clock.sleep_until_ns(40 * kMs);
  EXPECT_THAT(sink.ids(), ElementsAre(0, 9));
}

TEST(DelaySut, RealClockAnswersNoSoonerThanStated) {
  RealClock clock;
  CollectingSink sink(clock);
  auto sut = make_delay("constant:3ms", 1, clock);
  ASSERT_TRUE(sut->start({}, sink).ok());
  const std::int64_t begin_ns = clock.now_ns();
  sut->issue(make_query(0, 4));
  ASSERT_TRUE(sink.wait(4));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GE(sink.times_ns()[i] - begin_ns, static_cast<std::int64_t>(i + 1) * 3 * kMs);
  }
  sut->stop();
}

TEST(DelaySut, StopDoesNotWaitForALongDelay) {
  RealClock clock;
  CollectingSink sink(clock);
  auto sut = make_delay("constant:1h", 2, clock);
  ASSERT_TRUE(sut->start({}, sink).ok());
  sut->issue(make_query(0, 10));
  const std::int64_t begin_ns = clock.now_ns();
  sut->stop();
  EXPECT_LT(clock.now_ns() - begin_ns, 5'000 * kMs);
  EXPECT_TRUE(sink.ids().empty());
}

TEST(SutList, MakesByNameAndRefusesTheRest) {
  RealClock clock;
  const CountingLibrary library({1, 2, 2});
  for (const SutKind& kind : sut_kinds()) {
    if (kind.needs_model || kind.name == "process") continue;  // which have tests of their own
    const auto sut = make_sut({.name = std::string(kind.name)}, library, clock);
    ASSERT_TRUE(sut.ok()) << kind.name;
    EXPECT_THAT((*sut)->name(), HasSubstr(kind.name));
  }
  const auto unknown = make_sut({.name = "nul"}, library, clock);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().message,
            "sut: 'nul' is not known; use one of engine, null, delay, process");
  EXPECT_FALSE(make_sut({.name = "delay", .delay = "1ms"}, library, clock).ok());
  EXPECT_FALSE(make_sut({.name = "delay", .delay_workers = 0}, library, clock).ok());
}

}  // namespace
}  // namespace lode::sut
