// Where the times of a test go: slots in prefaulted chunks, found by the number of the query or of
// the sample, written without allocation or lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/assert.h"
#include "loadgen/streams.h"
#include "loadgen/system_under_test.h"
#include "results/record/measurement.h"

namespace lode::loadgen {

/// A growing array whose elements never move: a fixed directory of chunks. One thread grows it;
/// any thread may use the elements below capacity().
template <typename T>
class ChunkedArray {
 public:
  static constexpr std::uint64_t kShift = 16;
  static constexpr std::uint64_t kChunk = std::uint64_t{1} << kShift;  ///< elements of a chunk
  static constexpr std::uint64_t kChunkBytes = kChunk * sizeof(T);

  /// Room in the directory for `memory_bytes` of chunks, and for one at least.
  explicit ChunkedArray(std::uint64_t memory_bytes)
      : chunks_(memory_bytes / kChunkBytes + 1), owners_(chunks_.size()) {}

  [[nodiscard]] std::uint64_t capacity() const { return capacity_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t bytes() const { return capacity() * sizeof(T); }
  [[nodiscard]] bool can_grow() const { return capacity() >> kShift < chunks_.size(); }

  /// Adds a chunk; filling it is what makes the kernel give the memory.
  void grow() {
    const std::uint64_t next = capacity() >> kShift;
    LODE_ASSERT(can_grow());
    owners_[next] = std::make_unique<T[]>(kChunk);
    chunks_[next].store(owners_[next].get(), std::memory_order_relaxed);
    capacity_.store((next + 1) << kShift, std::memory_order_release);
  }

  /// `i` < capacity().
  [[nodiscard]] T& operator[](std::uint64_t i) {
    return chunks_[i >> kShift].load(std::memory_order_relaxed)[i & (kChunk - 1)];
  }
  [[nodiscard]] const T& operator[](std::uint64_t i) const {
    return chunks_[i >> kShift].load(std::memory_order_relaxed)[i & (kChunk - 1)];
  }

 private:
  std::vector<std::atomic<T*>> chunks_;
  std::vector<std::unique_ptr<T[]>> owners_;
  std::atomic<std::uint64_t> capacity_{0};
};

/// Times of one test. Three parties: the issuing thread (prepare, commit), whoever answers
/// (complete), and readers, who see what is committed.
class Recorder {
 public:
  static constexpr std::int64_t kPending = -1;
  /// Queries, and samples, of a chunk.
  static constexpr std::uint64_t kChunkSlots = ChunkedArray<std::int64_t>::kChunk;

  struct Query {
    std::int64_t scheduled_ns = 0;
    std::int64_t issued_ns = 0;
    std::uint64_t first_sample = 0;  ///< its samples go up to the next query's first
  };
  struct Sample {
    std::atomic<std::int64_t> completed_ns{kPending};
    SampleIndex index = 0;  ///< with kKeepOutput, if that is so
  };
  /// Set in a sample's index: its output is to be kept.
  static constexpr SampleIndex kKeepOutput = SampleIndex{1} << 63;
  /// Beside each sample, if tokens are told of.
  struct Tokens {
    std::atomic<std::int64_t> first_ns{kPending};
    std::atomic<std::int64_t> count{0};
  };
  enum class Completion : std::uint8_t { kFirst, kDuplicate, kUnknown };

  /// Memory of the chunks, at most. `with_tokens`: first tokens and their number are kept, too.
  explicit Recorder(std::uint64_t memory_bytes, bool with_tokens = false);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();

  /// Makes room for so many more, beyond what is committed. False if memory_bytes forbids it: what
  /// fits is there then.
  bool reserve(std::uint64_t queries, std::uint64_t samples);

  /// Samples of a single query that memory_bytes has room for, if each takes `extra_bytes` more.
  [[nodiscard]] std::uint64_t samples_that_fit(std::uint64_t extra_bytes) const;

  /// From here on a helper thread keeps a chunk ahead of the issuing thread, which grows nothing
  /// itself. Queries have at most `samples_per_query_max` samples.
  void start_helper(std::uint64_t samples_per_query_max);
  void stop_helper();

  /// Writes samples [offset, offset + size) of the next query, and into `query` (of the same size)
  /// what the SUT is given. False if memory_bytes is used up. Nothing is issued until commit();
  /// preparing again replaces.
  /// `sampler`, if there is one, says whose output is kept.
  bool prepare(std::span<const SampleIndex> indices, std::span<QuerySample> query,
               std::uint64_t offset = 0, OutputSampler* sampler = nullptr);
  /// The prepared query, of `samples` samples, is issued.
  void commit(std::int64_t scheduled_ns, std::int64_t issued_ns, std::uint64_t samples);

  /// Takes the answer to a sample; `issued` is issued_samples(), read after the answer came.
  /// Thread-safe. Two answers in the very same moment may both count as the first (telling them
  /// apart would cost every answer a locked instruction): count_completed() says how many there
  /// really were.
  Completion complete(SampleId id, std::uint64_t issued, std::int64_t now_ns) {
    if (id >= issued) return Completion::kUnknown;
    std::atomic<std::int64_t>& completed_ns = samples_[id].completed_ns;
    if (completed_ns.load(std::memory_order_relaxed) != kPending) return Completion::kDuplicate;
    completed_ns.store(now_ns, std::memory_order_relaxed);
    return Completion::kFirst;
  }
  /// The first token of a sample; false if it was never issued. Of several, the first counts.
  bool first_token(SampleId id, std::uint64_t issued, std::int64_t now_ns) {
    if (id >= issued) return false;
    std::int64_t none = kPending;
    tokens_[id].first_ns.compare_exchange_strong(none, now_ns, std::memory_order_relaxed);
    return true;
  }
  /// How many tokens the answer to an issued sample has.
  void count_tokens(SampleId id, std::int64_t count) {
    tokens_[id].count.store(count, std::memory_order_relaxed);
  }
  [[nodiscard]] bool has_tokens() const { return with_tokens_; }

  /// Samples that have a time. After the SUT has stopped.
  [[nodiscard]] std::uint64_t count_completed() const;

  [[nodiscard]] std::uint64_t issued_queries() const {
    return issued_queries_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t issued_samples() const {
    return issued_samples_.load(std::memory_order_acquire);
  }
  [[nodiscard]] const Query& query(std::uint64_t q) const { return queries_[q]; }
  [[nodiscard]] const Sample& sample(SampleId id) const { return samples_[id]; }
  /// Samples of a committed query: [first, end).
  [[nodiscard]] std::uint64_t query_end(std::uint64_t q, std::uint64_t issued_queries) const;
  /// Its last sample's completion, or kPending while one is missing.
  [[nodiscard]] std::int64_t query_completed_ns(std::uint64_t q,
                                                std::uint64_t issued_queries) const;

  /// All of it, relative to `start_ns`. After the SUT has stopped.
  [[nodiscard]] record::RawTimes raw_times(std::int64_t start_ns) const;

 private:
  [[nodiscard]] bool has_room(std::uint64_t queries, std::uint64_t samples) const {
    // Tokens have grown before their samples.
    return queries <= queries_.capacity() && samples <= samples_.capacity();
  }
  bool grow_to(std::uint64_t queries, std::uint64_t samples);
  void add_samples(std::uint64_t q, std::uint64_t queries, std::int64_t start_ns,
                   record::RawTimes& raw) const;
  bool await_room(std::uint64_t queries, std::uint64_t samples);
  void help();

  std::uint64_t memory_bytes_;
  ChunkedArray<Query> queries_;
  ChunkedArray<Sample> samples_;
  ChunkedArray<Tokens> tokens_;
  bool with_tokens_;
  // Written by the issuing thread for each query, read by those who answer.
  alignas(64) std::atomic<std::uint64_t> issued_queries_{0};
  std::atomic<std::uint64_t> issued_samples_{0};

  alignas(64) std::atomic<std::uint32_t> requests_{0};  ///< rises when the helper has work
  std::atomic<bool> stopping_{false};
  std::atomic<bool> full_{false};
  std::uint64_t samples_ahead_ = 0;  ///< what the helper keeps ready beyond the issued
  std::thread helper_;
};

}  // namespace lode::loadgen
