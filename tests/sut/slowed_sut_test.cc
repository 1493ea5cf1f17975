// The decorator that makes a SUT slower by a known share.
#include "sut/slowed_sut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sut/sut_list.h"
#include "tests/sut/collecting_sink.h"

namespace lode::sut {
namespace {

using testing::ElementsAre;

constexpr std::int64_t kMs = 1'000'000;

/// Computes for 10 ms on the calling thread, as the engine does in a closed loop.
class InlineSut final : public loadgen::SystemUnderTest {
 public:
  explicit InlineSut(ManualClock& clock) : clock_(clock) {}
  const std::string& name() const override { return name_; }
  Status start(const loadgen::TestPlan&, loadgen::CompletionSink& sink) override {
    sink_ = &sink;
    return {};
  }
  void issue(std::span<const loadgen::QuerySample> query) override {
    for (const loadgen::QuerySample& sample : query) {
      clock_.advance_ns(10 * kMs);
      const loadgen::QuerySampleResponse response{sample.id, {}};
      sink_->complete({&response, 1});
    }
  }
  void flush() override {}
  void stop() override {}

 private:
  ManualClock& clock_;
  std::string name_ = "inline";
  loadgen::CompletionSink* sink_ = nullptr;
};

TEST(SlowedSut, StretchesEachCallByItsShare) {
  ManualClock clock(kMs);
  CollectingSink sink(clock);
  SlowedSut sut(std::make_unique<InlineSut>(clock), 0.02, clock);
  EXPECT_EQ(sut.name(), "inline, slowed by 2%");
  ASSERT_TRUE(sut.start({}, sink).ok());
  sut.issue(make_query(0, 1));
  clock.advance_ns(50 * kMs);  // Nothing is in service: this is not stretched.
  sut.issue(make_query(1, 1));
  EXPECT_THAT(sink.times_ns(),
              ElementsAre(kMs + 102 * kMs / 10, kMs + 102 * kMs / 10 + 50 * kMs + 102 * kMs / 10));
}

TEST(SlowedSut, TheSecondOfAQueryCountsFromTheFirst) {
  ManualClock clock(kMs);
  CollectingSink sink(clock);
  SlowedSut sut(std::make_unique<InlineSut>(clock), 0.5, clock);
  ASSERT_TRUE(sut.start({}, sink).ok());
  sut.issue(make_query(0, 3));
  EXPECT_THAT(sink.times_ns(), ElementsAre(kMs + 15 * kMs, kMs + 30 * kMs, kMs + 45 * kMs));
}

TEST(SlowedSut, ComesFromTheList) {
  ManualClock clock;
  const CountingLibrary library({1});
  SutRequest request{.name = "delay", .delay = "constant:1ms"};
  request.slowdown = 0.1;
  const auto sut = make_sut(request, library, clock);
  ASSERT_TRUE(sut.ok());
  EXPECT_EQ((*sut)->name(), "delay constant:1ms, 1 worker, slowed by 10%");
}

}  // namespace
}  // namespace lode::sut
