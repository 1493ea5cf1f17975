#include "loadgen/test_sink.h"

namespace lode::loadgen {

void TestSink::complete(std::span<const QuerySampleResponse> responses) {
  const std::int64_t now_ns = clock_.now_ns();
  if (closed_.load(std::memory_order_acquire)) {
    late_.fetch_add(responses.size(), std::memory_order_relaxed);
    return;
  }
  const std::uint64_t issued = recorder_.issued_samples();
  std::uint64_t answered = 0;
  std::uint64_t warmed = 0;
  std::uint64_t unknown = 0;
  std::uint64_t duplicates = 0;
  for (const QuerySampleResponse& response : responses) {
    switch (recorder_.complete(response.id, issued, now_ns)) {
      case Recorder::Completion::kFirst:
        ++answered;
        if (reads_answers_ || response.is_error) accept(response);
        break;
      case Recorder::Completion::kDuplicate:
        ++duplicates;
        break;
      case Recorder::Completion::kUnknown:
        ++((response.id & kWarmupBit) != 0 ? warmed : unknown);
        break;
    }
  }
  if (unknown > 0) unknown_.fetch_add(unknown, std::memory_order_relaxed);
  if (duplicates > 0) duplicates_.fetch_add(duplicates, std::memory_order_relaxed);
  if (answered > 0) timed_.add(answered, clock_);
  if (warmed > 0) warmup_.add(warmed, clock_);
}

void TestSink::accept(const QuerySampleResponse& response) {
  if (response.is_error) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (recorder_.has_tokens()) recorder_.count_tokens(response.id, response.tokens);
  if (outputs_) hand_on(outputs_, response);
}

void TestSink::first_token(std::span<const QuerySampleResponse> responses) {
  if (!recorder_.has_tokens()) return;
  const std::int64_t now_ns = clock_.now_ns();
  if (closed_.load(std::memory_order_acquire)) return;
  const std::uint64_t issued = recorder_.issued_samples();
  for (const QuerySampleResponse& response : responses) {
    if (recorder_.first_token(response.id, issued, now_ns)) {
      if (first_tokens_) hand_on(first_tokens_, response);
    } else if ((response.id & kWarmupBit) == 0) {
      unknown_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void TestSink::hand_on(const OutputSink& taker, const QuerySampleResponse& response) {
  const SampleIndex index = recorder_.sample(response.id).index;
  if (!keeps_all_ && (index & Recorder::kKeepOutput) == 0) return;
  const std::lock_guard lock(output_mutex_);
  if (closed_.load(std::memory_order_acquire)) return;
  const Status taken = taker(response.id, index & ~Recorder::kKeepOutput, response.data);
  if (!taken.ok()) fail(taken.error());
}

void TestSink::close() {
  closed_.store(true, std::memory_order_release);
  const std::lock_guard lock(output_mutex_);
}

void TestSink::fail(const Error& error) {
  const std::lock_guard lock(failure_mutex_);
  if (!failure_) failure_ = error;
  trouble_.fetch_or(kFailed, std::memory_order_release);
}

std::optional<Error> TestSink::failure() const {
  const std::lock_guard lock(failure_mutex_);
  return failure_;
}

}  // namespace lode::loadgen
