// The sink of one test: stamps answers, gives them to the recorder, counts what should not have
// come, and keeps the SUT's failure.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "loadgen/load_generator.h"
#include "loadgen/recorder.h"

namespace lode::loadgen {

/// How many samples were answered, and when that is news to the thread that waits for them.
class AnswerCounter {
 public:
  /// What wait_for() of a clock watches.
  [[nodiscard]] const std::atomic<std::uint64_t>& count() const { return count_; }
  [[nodiscard]] std::uint64_t get() const { return count_.load(std::memory_order_acquire); }

  /// A waiter wants to know of nothing before `target`. Set before the query is issued, so that
  /// whoever answers its last sample sees it.
  void wake_at(std::uint64_t target) { wake_at_.store(target, std::memory_order_relaxed); }

  void add(std::uint64_t answers, Clock& clock) {
    const std::uint64_t count = count_.fetch_add(answers, std::memory_order_acq_rel) + answers;
    if (count >= wake_at_.load(std::memory_order_relaxed)) clock.notify(count_);
  }

 private:
  alignas(64) std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint64_t> wake_at_{0};
};

class TestSink final : public CompletionSink {
 public:
  /// Set in the ids of warm-up samples: their answers are counted and go nowhere else.
  static constexpr SampleId kWarmupBit = SampleId{1} << 63;

  /// `outputs` (may be empty) gets each answer's bytes, one call at a time.
  TestSink(Recorder& recorder, Clock& clock, const OutputSink& outputs)
      : recorder_(recorder), clock_(clock), outputs_(outputs) {}

  void complete(std::span<const QuerySampleResponse> responses) override;
  void fail(const Error& error) override;

  /// The test is over: what comes from now on is late, and is not recorded.
  void close() { closed_.store(true, std::memory_order_release); }

  [[nodiscard]] AnswerCounter& timed() { return timed_; }
  [[nodiscard]] AnswerCounter& warmup() { return warmup_; }
  [[nodiscard]] bool failed() const { return failed_.load(std::memory_order_acquire); }
  /// The first failure.
  [[nodiscard]] std::optional<Error> failure() const;

  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_.load(); }
  [[nodiscard]] std::uint64_t unknown() const { return unknown_.load(); }
  [[nodiscard]] std::uint64_t late() const { return late_.load(); }

 private:
  void deliver(const QuerySampleResponse& response);

  Recorder& recorder_;
  Clock& clock_;
  const OutputSink& outputs_;
  AnswerCounter timed_;
  AnswerCounter warmup_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> failed_{false};
  std::atomic<std::uint64_t> duplicates_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<std::uint64_t> late_{0};
  mutable std::mutex failure_mutex_;
  std::optional<Error> failure_;
  std::mutex output_mutex_;
};

}  // namespace lode::loadgen
