#include "loadgen/mlperf/sessions.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace mlperf {
namespace {

constexpr std::size_t kBatch = 256;
constexpr ResponseId kSampleMask = (ResponseId{1} << Sessions::kSampleBits) - 1;
constexpr std::uint64_t kGenerationMask = (std::uint64_t{1} << Sessions::kGenerationBits) - 1;

thread_local const ResponseCallback* t_callback = nullptr;

std::size_t slot_of(ResponseId id) {
  return id >> (Sessions::kSampleBits + Sessions::kGenerationBits);
}

std::uint64_t generation_of(ResponseId id) {
  return id >> Sessions::kSampleBits & kGenerationMask;
}

void hand_on(lode::loadgen::CompletionSink& sink, Sessions::Part part,
             QuerySampleResponse* responses, std::size_t count) {
  static thread_local std::array<lode::loadgen::QuerySampleResponse, kBatch> t_batch;
  while (count > 0) {
    const std::size_t size = std::min(count, kBatch);
    for (std::size_t i = 0; i < size; ++i) {
      // The response itself goes along: its data is read when, and if, it is wanted.
      t_batch[i].id = (responses[i].id & kSampleMask) - 1;
      t_batch[i].data = std::as_bytes(std::span(&responses[i], 1));
      t_batch[i].tokens = responses[i].n_tokens;
    }
    const std::span<const lode::loadgen::QuerySampleResponse> batch(t_batch.data(), size);
    part == Sessions::Part::kAnswer ? sink.complete(batch) : sink.first_token(batch);
    responses += size;
    count -= size;
  }
}

}  // namespace

Sessions& Sessions::instance() {
  // Never destroyed: threads of a SUT may answer until the process ends.
  static auto* const kSessions = new Sessions;
  return *kSessions;
}

Sessions::Open Sessions::open(lode::loadgen::CompletionSink& sink) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    Slot& slot = slots_[i];
    if (slot.is_taken.exchange(true)) continue;
    const std::uint64_t generation = slot.generation.fetch_add(1) + 1;
    slot.sink.store(&sink);
    const ResponseId base = ResponseId{i} << (kSampleBits + kGenerationBits) |
                            (generation & kGenerationMask) << kSampleBits;
    return {i, base};
  }
  return {};
}

bool Sessions::close(const Open& session, std::int64_t limit_ns) {
  Slot& slot = slots_[session.slot];
  slot.sink.store(nullptr);
  const auto begin = std::chrono::steady_clock::now();
  while (slot.users.load() != 0) {
    // The slot stays taken then, so that its generation cannot come again.
    if (std::chrono::steady_clock::now() - begin > std::chrono::nanoseconds(limit_ns)) return false;
    std::this_thread::yield();
  }
  slot.is_taken.store(false);
  return true;
}

void Sessions::deliver(Part part, QuerySampleResponse* responses, std::size_t count,
                       const ResponseCallback& callback) {
  const ResponseCallback* outer = t_callback;
  t_callback = callback ? &callback : nullptr;
  while (count > 0) {
    const ResponseId test = responses[0].id & ~kSampleMask;
    std::size_t same = 1;
    while (same < count && (responses[same].id & ~kSampleMask) == test) ++same;
    Slot& slot = slots_[slot_of(test)];
    // First a user, then the sink: close() clears the sink, then looks for users.
    slot.users.fetch_add(1);
    const bool is_current = (slot.generation.load() & kGenerationMask) == generation_of(test);
    lode::loadgen::CompletionSink* const sink = slot.sink.load();
    if (is_current && sink != nullptr) hand_on(*sink, part, responses, same);
    slot.users.fetch_sub(1);
    responses += same;
    count -= same;
  }
  t_callback = outer;
}

const ResponseCallback* current_callback() {
  return t_callback;
}

}  // namespace mlperf
