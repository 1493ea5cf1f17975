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
  /// No waiter wants to know of anything.
  static constexpr std::uint64_t kNobody = UINT64_MAX;

  /// What wait_for() of a clock watches.
  [[nodiscard]] const std::atomic<std::uint64_t>& count() const { return count_; }
  [[nodiscard]] std::uint64_t get() const { return count_.load(std::memory_order_acquire); }

  /// A waiter wants to know of nothing before `target`. Set before the query is issued, so that
  /// whoever answers its last sample sees it.
  void wake_at(std::uint64_t target) { wake_at_.store(target, std::memory_order_relaxed); }

  void add(std::uint64_t answers, Clock& clock) {
    const std::uint64_t count = count_.fetch_add(answers) + answers;
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

  /// `outputs` and `first_tokens` (may be empty) get the bytes of each answer and of each first
  /// token, or of those alone whose output is to be kept; one call at a time.
  TestSink(Recorder& recorder, Clock& clock, const OutputSink& outputs,
           const OutputSink& first_tokens, bool keeps_all)
      : recorder_(recorder),
        clock_(clock),
        outputs_(outputs),
        first_tokens_(first_tokens),
        keeps_all_(keeps_all),
        reads_answers_(static_cast<bool>(outputs) || recorder.has_tokens()) {}

  void complete(std::span<const QuerySampleResponse> responses) override;
  void first_token(std::span<const QuerySampleResponse> responses) override;
  void fail(const Error& error) override;

  /// The test is over: what comes from now on is late, and is not recorded. No output is being
  /// taken any more when it returns.
  void close();

  /// A query was not answered within its time.
  void set_timed_out() { trouble_.fetch_or(kTimedOut, std::memory_order_release); }
  /// Too many queries were over the limit for the test to be VALID.
  void set_hopeless() { trouble_.fetch_or(kHopeless, std::memory_order_release); }

  [[nodiscard]] AnswerCounter& timed() { return timed_; }
  [[nodiscard]] AnswerCounter& warmup() { return warmup_; }
  /// Any of the three below: what every query looks at.
  [[nodiscard]] bool in_trouble() const { return trouble_.load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] bool failed() const { return has(kFailed); }
  [[nodiscard]] bool timed_out() const { return has(kTimedOut); }
  [[nodiscard]] bool hopeless() const { return has(kHopeless); }
  /// The first failure.
  [[nodiscard]] std::optional<Error> failure() const;

  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_.load(); }
  [[nodiscard]] std::uint64_t unknown() const { return unknown_.load(); }
  [[nodiscard]] std::uint64_t late() const { return late_.load(); }
  [[nodiscard]] std::uint64_t errors() const { return errors_.load(); }

 private:
  static constexpr unsigned kFailed = 1;
  static constexpr unsigned kTimedOut = 2;
  static constexpr unsigned kHopeless = 4;

  [[nodiscard]] bool has(unsigned flag) const {
    return (trouble_.load(std::memory_order_acquire) & flag) != 0;
  }
  void accept(const QuerySampleResponse& response);
  void hand_on(const OutputSink& taker, const QuerySampleResponse& response);

  Recorder& recorder_;
  Clock& clock_;
  const OutputSink& outputs_;
  const OutputSink& first_tokens_;
  bool keeps_all_;
  bool reads_answers_;  ///< more than their ids
  AnswerCounter timed_;
  AnswerCounter warmup_;
  alignas(64) std::atomic<bool> closed_{false};
  std::atomic<unsigned> trouble_{0};
  std::atomic<std::uint64_t> duplicates_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<std::uint64_t> late_{0};
  std::atomic<std::uint64_t> errors_{0};
  mutable std::mutex failure_mutex_;
  std::optional<Error> failure_;
  std::mutex output_mutex_;
};

}  // namespace lode::loadgen
