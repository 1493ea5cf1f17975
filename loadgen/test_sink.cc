#include "loadgen/test_sink.h"

namespace lode::loadgen {

void TestSink::complete(std::span<const QuerySampleResponse> responses) {
  const std::int64_t now_ns = clock_.now_ns();
  if (closed_.load(std::memory_order_acquire)) {
    late_.fetch_add(responses.size(), std::memory_order_relaxed);
    return;
  }
  std::uint64_t answered = 0;
  std::uint64_t warmed = 0;
  for (const QuerySampleResponse& response : responses) {
    if ((response.id & kWarmupBit) != 0) {
      ++warmed;
      continue;
    }
    switch (recorder_.complete(response.id, now_ns)) {
      case Recorder::Completion::kFirst:
        ++answered;
        if (outputs_) deliver(response);
        break;
      case Recorder::Completion::kDuplicate:
        duplicates_.fetch_add(1, std::memory_order_relaxed);
        break;
      case Recorder::Completion::kUnknown:
        unknown_.fetch_add(1, std::memory_order_relaxed);
        break;
    }
  }
  if (answered > 0) timed_.add(answered, clock_);
  if (warmed > 0) warmup_.add(warmed, clock_);
}

void TestSink::deliver(const QuerySampleResponse& response) {
  const std::lock_guard lock(output_mutex_);
  const Status taken = outputs_(recorder_.sample(response.id).index, response.data);
  if (!taken.ok()) fail(taken.error());
}

void TestSink::fail(const Error& error) {
  const std::lock_guard lock(failure_mutex_);
  if (!failure_) failure_ = error;
  failed_.store(true, std::memory_order_release);
}

std::optional<Error> TestSink::failure() const {
  const std::lock_guard lock(failure_mutex_);
  return failure_;
}

}  // namespace lode::loadgen
