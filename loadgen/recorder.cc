#include "loadgen/recorder.h"

#include <algorithm>

#include "loadgen/step_aside.h"

namespace lode::loadgen {

Recorder::Recorder(std::uint64_t memory_bytes, bool with_tokens)
    : memory_bytes_(memory_bytes),
      queries_(memory_bytes),
      samples_(memory_bytes),
      tokens_(with_tokens ? memory_bytes : 0),
      with_tokens_(with_tokens) {}

Recorder::~Recorder() {
  stop_helper();
}

bool Recorder::grow_to(std::uint64_t queries, std::uint64_t samples) {
  const auto grow_one = [&](auto& array, std::uint64_t wanted) {
    while (array.capacity() < wanted) {
      const std::uint64_t used = queries_.bytes() + samples_.bytes() + tokens_.bytes();
      if (!array.can_grow() || used + array.kChunkBytes > memory_bytes_) return false;
      array.grow();
    }
    return true;
  };
  if (!grow_one(queries_, queries)) return false;
  if (with_tokens_ && !grow_one(tokens_, samples)) return false;
  return grow_one(samples_, samples);
}

bool Recorder::reserve(std::uint64_t queries, std::uint64_t samples) {
  return grow_to(issued_queries() + queries, issued_samples() + samples);
}

std::uint64_t Recorder::samples_that_fit(std::uint64_t extra_bytes) const {
  constexpr std::uint64_t kOverhead = ChunkedArray<Query>::kChunkBytes;
  if (memory_bytes_ <= kOverhead) return 0;
  if (with_tokens_) extra_bytes += sizeof(Tokens);
  const std::uint64_t samples = (memory_bytes_ - kOverhead) / (sizeof(Sample) + extra_bytes);
  return samples & ~(ChunkedArray<Sample>::kChunk - 1);
}

void Recorder::start_helper(std::uint64_t samples_per_query_max) {
  LODE_ASSERT(!helper_.joinable());
  samples_ahead_ = samples_per_query_max + ChunkedArray<Sample>::kChunk;
  stopping_.store(false);
  helper_ = std::thread([this] { help(); });
}

void Recorder::stop_helper() {
  if (!helper_.joinable()) return;
  stopping_.store(true);
  requests_.fetch_add(1);
  requests_.notify_one();
  helper_.join();
}

void Recorder::help() {
  const StepAside step_aside;
  while (!stopping_.load()) {
    const std::uint32_t seen = requests_.load();
    const std::uint64_t queries = issued_queries() + ChunkedArray<Query>::kChunk;
    if (!grow_to(queries, issued_samples() + samples_ahead_)) full_.store(true);
    requests_.wait(seen);
  }
}

bool Recorder::await_room(std::uint64_t queries, std::uint64_t samples) {
  if (!helper_.joinable()) return grow_to(queries, samples);
  while (!has_room(queries, samples)) {
    // full_ is set after the last growth: looked at first, it makes the second look final.
    if (full_.load()) return has_room(queries, samples);
    std::this_thread::yield();
  }
  return true;
}

bool Recorder::prepare(std::span<const SampleIndex> indices, std::span<QuerySample> query,
                       std::uint64_t offset, OutputSampler* sampler) {
  LODE_ASSERT(indices.size() == query.size());
  const std::uint64_t first = issued_samples_.load(std::memory_order_relaxed) + offset;
  const std::uint64_t queries = issued_queries_.load(std::memory_order_relaxed) + 1;
  const std::uint64_t end = first + indices.size();
  if (!has_room(queries, end) && !await_room(queries, end)) return false;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    samples_[first + i].index = indices[i];
    query[i] = {first + i, indices[i]};
    if (sampler != nullptr && sampler->next()) samples_[first + i].index |= kKeepOutput;
  }
  return true;
}

std::uint64_t Recorder::count_completed() const {
  std::uint64_t completed = 0;
  for (std::uint64_t id = 0; id < issued_samples(); ++id) {
    completed += samples_[id].completed_ns.load(std::memory_order_relaxed) != kPending ? 1U : 0U;
  }
  return completed;
}

void Recorder::commit(std::int64_t scheduled_ns, std::int64_t issued_ns, std::uint64_t samples) {
  const std::uint64_t q = issued_queries_.load(std::memory_order_relaxed);
  const std::uint64_t first = issued_samples_.load(std::memory_order_relaxed);
  queries_[q] = {scheduled_ns, issued_ns, first};
  issued_samples_.store(first + samples, std::memory_order_release);
  issued_queries_.store(q + 1, std::memory_order_release);
  constexpr std::uint64_t kShift = ChunkedArray<Sample>::kShift;
  static_assert(kShift == ChunkedArray<Query>::kShift);
  const bool entered_chunk = ((q ^ (q + 1)) | (first ^ (first + samples))) >> kShift != 0;
  if (entered_chunk && helper_.joinable()) {
    requests_.fetch_add(1);
    requests_.notify_one();
  }
}

std::uint64_t Recorder::query_end(std::uint64_t q, std::uint64_t issued_queries) const {
  return q + 1 < issued_queries ? queries_[q + 1].first_sample : issued_samples();
}

std::int64_t Recorder::query_completed_ns(std::uint64_t q, std::uint64_t issued_queries) const {
  std::int64_t last_ns = kPending;
  const std::uint64_t end = query_end(q, issued_queries);
  for (std::uint64_t id = queries_[q].first_sample; id < end; ++id) {
    const std::int64_t completed_ns = samples_[id].completed_ns.load(std::memory_order_relaxed);
    if (completed_ns == kPending) return kPending;
    last_ns = std::max(last_ns, completed_ns);
  }
  return last_ns;
}

void Recorder::add_samples(std::uint64_t q, std::uint64_t queries, std::int64_t start_ns,
                           record::RawTimes& raw) const {
  const auto relative = [start_ns](const std::atomic<std::int64_t>& time) {
    const std::int64_t time_ns = time.load(std::memory_order_relaxed);
    return time_ns == kPending ? kPending : time_ns - start_ns;
  };
  const std::uint64_t end = query_end(q, queries);
  for (std::uint64_t id = queries_[q].first_sample; id < end; ++id) {
    raw.sample_index.push_back(static_cast<std::int64_t>(samples_[id].index & ~kKeepOutput));
    raw.sample_query.push_back(static_cast<std::int64_t>(q));
    raw.sample_completed_ns.push_back(relative(samples_[id].completed_ns));
    if (!with_tokens_) continue;
    raw.sample_first_token_ns.push_back(relative(tokens_[id].first_ns));
    raw.sample_tokens.push_back(tokens_[id].count.load(std::memory_order_relaxed));
  }
}

record::RawTimes Recorder::raw_times(std::int64_t start_ns) const {
  const std::uint64_t queries = issued_queries();
  const std::uint64_t samples = issued_samples();
  record::RawTimes raw;
  raw.scheduled_ns.reserve(queries);
  raw.issued_ns.reserve(queries);
  raw.completed_ns.reserve(queries);
  raw.sample_index.reserve(samples);
  raw.sample_query.reserve(samples);
  raw.sample_completed_ns.reserve(samples);
  if (with_tokens_) raw.sample_first_token_ns.reserve(samples);
  if (with_tokens_) raw.sample_tokens.reserve(samples);
  for (std::uint64_t q = 0; q < queries; ++q) {
    const std::int64_t completed_ns = query_completed_ns(q, queries);
    raw.scheduled_ns.push_back(queries_[q].scheduled_ns - start_ns);
    raw.issued_ns.push_back(queries_[q].issued_ns - start_ns);
    raw.completed_ns.push_back(completed_ns == kPending ? kPending : completed_ns - start_ns);
    add_samples(q, queries, start_ns, raw);
  }
  return raw;
}

}  // namespace lode::loadgen
