#include "sut/slowed_sut.h"

#include <algorithm>

namespace lode::sut {
namespace {

/// When this thread last brought an answer, and in which test.
struct LastAnswer {
  std::uint64_t test = 0;
  std::int64_t ns = 0;
};
thread_local LastAnswer t_last;

std::atomic<std::uint64_t> g_tests{0};

}  // namespace

SlowedSut::SlowedSut(std::unique_ptr<loadgen::SystemUnderTest> inner, double share, Clock& clock)
    : inner_(std::move(inner)),
      share_(share),
      clock_(clock),
      name_(fmt::format("{}, slowed by {:g}%", inner_->name(), share * 100.0)),
      brake_(*this),
      issued_ns_(kSlots) {
  LODE_ASSERT(share > 0.0);
}

Status SlowedSut::start(const loadgen::TestPlan& plan, loadgen::CompletionSink& sink) {
  sink_ = &sink;
  test_ = ++g_tests;
  return inner_->start(plan, brake_);
}

void SlowedSut::issue(std::span<const loadgen::QuerySample> query) {
  const std::int64_t now_ns = clock_.now_ns();
  for (const loadgen::QuerySample& sample : query) {
    issued_ns_[sample.id % kSlots].store(now_ns, std::memory_order_relaxed);
  }
  inner_->issue(query);
}

void SlowedSut::hold_back(std::span<const loadgen::QuerySampleResponse> responses) {
  if (responses.empty()) return sink_->complete(responses);
  const std::int64_t now_ns = clock_.now_ns();
  std::int64_t since_ns = now_ns;
  for (const loadgen::QuerySampleResponse& response : responses) {
    since_ns = std::min(since_ns, issued_ns_[response.id % kSlots].load(std::memory_order_relaxed));
  }
  if (t_last.test == test_) since_ns = std::max(since_ns, t_last.ns);
  const auto busy_ns = static_cast<double>(now_ns - since_ns);
  const std::int64_t until_ns = now_ns + static_cast<std::int64_t>(busy_ns * share_);
  if (clock_.is_simulated()) {
    clock_.sleep_until_ns(until_ns);
  } else {
    // Computing is what it stands for: a sleep would end late and leave the processor to others.
    while (clock_.now_ns() < until_ns) {
    }
  }
  sink_->complete(responses);
  t_last = {test_, clock_.now_ns()};
}

}  // namespace lode::sut
