// Slots across chunks, the memory limit, and answers that must not be taken.
#include "loadgen/recorder.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

namespace lode::loadgen {
namespace {

constexpr std::uint64_t kMemory = 64U << 20;

/// Issues a query of `size` samples at `now_ns`.
bool issue(Recorder& recorder, std::uint64_t size, std::int64_t now_ns) {
  std::vector<SampleIndex> indices(size);
  std::iota(indices.begin(), indices.end(), SampleIndex{7});
  std::vector<QuerySample> query(size);
  if (!recorder.prepare(indices, query)) return false;
  recorder.commit(now_ns, now_ns + 1, size);
  return true;
}

TEST(Recorder, KeepsWhatItIsGivenAcrossChunks) {
  Recorder recorder(kMemory);
  constexpr std::uint64_t kQueries = Recorder::kChunkSlots / 3 + 100;
  for (std::uint64_t q = 0; q < kQueries; ++q) {
    ASSERT_TRUE(issue(recorder, 3, static_cast<std::int64_t>(10 * q)));
  }
  for (SampleId id = 0; id < 3 * kQueries; ++id) {
    EXPECT_EQ(recorder.complete(id, recorder.issued_samples(), static_cast<std::int64_t>(id + 5)),
              Recorder::Completion::kFirst);
  }
  const record::RawTimes raw = recorder.raw_times(-1000);
  ASSERT_EQ(raw.scheduled_ns.size(), kQueries);
  ASSERT_EQ(raw.sample_index.size(), 3 * kQueries);
  for (std::uint64_t q = 0; q < kQueries; ++q) {
    EXPECT_EQ(raw.scheduled_ns[q], static_cast<std::int64_t>(10 * q) + 1000);
    EXPECT_EQ(raw.issued_ns[q], raw.scheduled_ns[q] + 1);
    EXPECT_EQ(raw.completed_ns[q], static_cast<std::int64_t>(3 * q + 2 + 5) + 1000);
    EXPECT_EQ(raw.sample_query[3 * q + 1], static_cast<std::int64_t>(q));
    EXPECT_EQ(raw.sample_index[3 * q + 1], 8);
  }
}

TEST(Recorder, QueryIsCompleteWithItsLastSample) {
  Recorder recorder(kMemory);
  ASSERT_TRUE(issue(recorder, 2, 0));
  ASSERT_TRUE(issue(recorder, 1, 0));
  recorder.complete(1, recorder.issued_samples(), 50);
  EXPECT_EQ(recorder.query_completed_ns(0, 2), Recorder::kPending);
  recorder.complete(0, recorder.issued_samples(), 20);
  EXPECT_EQ(recorder.query_completed_ns(0, 2), 50);
  EXPECT_EQ(recorder.query_completed_ns(1, 2), Recorder::kPending);
}

TEST(Recorder, RefusesDuplicateAndUnknownIds) {
  Recorder recorder(kMemory);
  EXPECT_EQ(recorder.complete(0, recorder.issued_samples(), 1), Recorder::Completion::kUnknown);
  ASSERT_TRUE(issue(recorder, 1, 0));
  EXPECT_EQ(recorder.complete(0, recorder.issued_samples(), 1), Recorder::Completion::kFirst);
  EXPECT_EQ(recorder.complete(0, recorder.issued_samples(), 2), Recorder::Completion::kDuplicate);
  EXPECT_EQ(recorder.complete(1, recorder.issued_samples(), 2), Recorder::Completion::kUnknown);
  EXPECT_EQ(recorder.complete(UINT64_MAX, recorder.issued_samples(), 2),
            Recorder::Completion::kUnknown);
  EXPECT_EQ(recorder.raw_times(0).completed_ns.at(0), 1);
}

TEST(Recorder, PreparedAgainReplaces) {
  Recorder recorder(kMemory);
  std::vector<QuerySample> query(1);
  ASSERT_TRUE(recorder.prepare(std::vector<SampleIndex>{3}, query));
  ASSERT_TRUE(recorder.prepare(std::vector<SampleIndex>{4}, query));
  EXPECT_EQ(query[0].id, 0U);
  recorder.commit(0, 0, 1);
  EXPECT_EQ(recorder.raw_times(0).sample_index.at(0), 4);
  EXPECT_EQ(recorder.raw_times(0).sample_completed_ns.at(0), -1);
}

TEST(Recorder, StopsAtItsMemory) {
  Recorder recorder(8U << 20);
  std::uint64_t queries = 0;
  while (issue(recorder, 1, 0)) ++queries;
  EXPECT_EQ(queries, 3 * Recorder::kChunkSlots);
  EXPECT_FALSE(recorder.reserve(1, 1));
}

TEST(Recorder, SamplesThatFitDoFit) {
  for (const std::uint64_t memory : {4ULL << 20, 16ULL << 20, 100ULL << 20}) {
    Recorder recorder(memory);
    const std::uint64_t samples = recorder.samples_that_fit(0);
    EXPECT_GT(samples, 0U);
    EXPECT_TRUE(recorder.reserve(1, samples));
    EXPECT_FALSE(recorder.reserve(1, samples + 2 * Recorder::kChunkSlots));
  }
}

TEST(Recorder, HelperKeepsAheadAndReportsItsLimit) {
  Recorder recorder(16U << 20);
  (void)recorder.reserve(1, 1);
  recorder.start_helper(5);
  std::uint64_t samples = 0;
  while (issue(recorder, 5, 0)) samples += 5;
  recorder.stop_helper();
  EXPECT_GT(samples, 5 * Recorder::kChunkSlots);
  EXPECT_LE(samples, (16U << 20) / sizeof(Recorder::Sample));
  EXPECT_EQ(recorder.issued_samples(), samples);
}

TEST(Recorder, CompletionsOfTwoThreadsAreCountedOnceInTheEnd) {
  Recorder recorder(kMemory);
  constexpr std::uint64_t kSamples = 20'000;
  ASSERT_TRUE(issue(recorder, kSamples, 0));
  std::atomic<std::uint64_t> first{0};
  const auto answer_all = [&] {
    for (SampleId id = 0; id < kSamples; ++id) {
      if (recorder.complete(id, recorder.issued_samples(), 1) == Recorder::Completion::kFirst)
        ++first;
    }
  };
  std::thread other(answer_all);
  answer_all();
  other.join();
  EXPECT_GE(first, kSamples);
  EXPECT_EQ(recorder.count_completed(), kSamples);
}

}  // namespace
}  // namespace lode::loadgen
