#include "loadgen/guarded_sut.h"

#include <algorithm>
#include <exception>

namespace lode::loadgen {

GuardedSut::GuardedSut(SystemUnderTest& sut, TestSink& sink, Clock& clock, const Limits& limits,
                       std::size_t threads)
    : sut_(sut),
      sink_(sink),
      clock_(clock),
      limits_(limits),
      is_simulated_(clock.is_simulated()),
      slots_(threads) {}

template <typename Call>
void GuardedSut::guard(std::string_view name, std::int64_t limit_ns, Call call) {
  other_limit_ns_.store(limit_ns, std::memory_order_relaxed);
  other_call_.store(name.data(), std::memory_order_relaxed);
  other_since_ns_.store(clock_.now_ns(), std::memory_order_release);
  try {
    call();
  } catch (...) {
    report_exception(name);
  }
  other_since_ns_.store(kIdle, std::memory_order_relaxed);
  if (is_given_up()) throw GivenUp{};
}

Status GuardedSut::start(const TestPlan& plan) {
  Status started;
  guard("start()", limits_.start_ns, [&] { started = sut_.start(plan, sink_); });
  if (started.ok() && sink_.failed()) return *sink_.failure();
  return started;
}

Status GuardedSut::expect_query(std::uint64_t samples) {
  Status expected;
  guard("expect_query()", limits_.start_ns, [&] { expected = sut_.expect_query(samples); });
  if (expected.ok() && sink_.failed()) return *sink_.failure();
  return expected;
}

void GuardedSut::flush() {
  guard("flush()", limits_.issue_ns, [&] { sut_.flush(); });
}

void GuardedSut::stop() {
  guard("stop()", limits_.stop_ns, [&] { sut_.stop(); });
}

std::optional<GuardedSut::Blocked> GuardedSut::blocked(std::int64_t now_ns,
                                                       std::int64_t progress_ns) const {
  for (const Slot& slot : slots_) {
    const std::int64_t since_ns = slot.since_ns.load(std::memory_order_relaxed);
    if (since_ns == kIdle) continue;
    if (now_ns - std::max(since_ns, progress_ns) > limits_.issue_ns) {
      return Blocked{"issue()", since_ns, limits_.issue_ns};
    }
  }
  const std::int64_t since_ns = other_since_ns_.load(std::memory_order_acquire);
  if (since_ns == kIdle) return std::nullopt;
  const Blocked other{other_call_.load(std::memory_order_relaxed), since_ns,
                      other_limit_ns_.load(std::memory_order_relaxed)};
  const bool may_work_on = other.limit_ns == limits_.issue_ns;
  const std::int64_t from_ns = may_work_on ? std::max(since_ns, progress_ns) : since_ns;
  if (now_ns - from_ns > other.limit_ns) return other;
  return std::nullopt;
}

void GuardedSut::report_exception(std::string_view call) {
  try {
    throw;
  } catch (const std::exception& error) {
    sink_.fail(runtime_error("{} threw an exception: {}", call, error.what()));
  } catch (...) {
    sink_.fail(runtime_error("{} threw something that is no std::exception", call));
  }
}

void GuardedSut::check_simulated(std::int64_t began_ns) {
  if (simulated_ || clock_.now_ns() - began_ns <= limits_.issue_ns) return;
  simulated_ = Blocked{"issue()", began_ns, limits_.issue_ns};
  sink_.set_timed_out();
}

}  // namespace lode::loadgen
