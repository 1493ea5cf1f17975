// The seeded sequences against those that MLPerf LoadGen was seen to issue.
#include "loadgen/streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace lode::loadgen {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

constexpr std::uint64_t kTotal = 50'000;
constexpr std::uint64_t kSet = 1024;

/// The first `count` samples that a stream asks for.
std::vector<SampleIndex> first_samples(QueryStream stream, std::size_t count) {
  std::vector<SampleIndex> samples;
  while (samples.size() < count) {
    const auto query = stream.next();
    if (query.empty()) break;
    samples.insert(samples.end(), query.begin(), query.end());
  }
  samples.resize(std::min(samples.size(), count));
  return samples;
}

std::vector<SampleIndex> reference_set() {
  return make_loaded_sets(kSet, kSet, Settings{}.qsl_seed).at(0);
}

TEST(LoadedSets, PerformanceSetIsTheReferences) {
  const auto sets = make_loaded_sets(kSet, kSet, Settings{}.qsl_seed);
  ASSERT_EQ(sets.size(), 1U);
  ASSERT_EQ(sets[0].size(), kSet);
  EXPECT_THAT(std::vector(sets[0].begin(), sets[0].begin() + 8),
              ElementsAre(216, 267, 822, 906, 663, 580, 710, 908));
}

TEST(LoadedSets, AccuracySetsHoldEverySampleOnce) {
  const auto sets = make_loaded_sets(kTotal, kSet, Settings{}.qsl_seed);
  ASSERT_EQ(sets.size(), 49U);
  EXPECT_EQ(sets.back().size(), kTotal - 48 * kSet);
  std::set<SampleIndex> seen;
  for (const auto& set : sets) seen.insert(set.begin(), set.end());
  EXPECT_EQ(seen.size(), kTotal);
  EXPECT_EQ(*seen.rbegin(), kTotal - 1);
}

TEST(QueryStream, SingleStreamOrderIsTheReferences) {
  const auto loaded = reference_set();
  EXPECT_THAT(first_samples(QueryStream(loaded, 1, Settings{}), 8),
              ElementsAre(784, 618, 960, 248, 513, 635, 155, 667));
}

TEST(QueryStream, MultiStreamOrderIsTheReferences) {
  const auto loaded = reference_set();
  Settings settings;
  settings.scenario = Scenario::kMultiStream;
  EXPECT_THAT(first_samples(QueryStream(loaded, 8, settings), 11),
              ElementsAre(678, 266, 573, 278, 241, 816, 958, 576, 935, 222, 123));
}

TEST(QueryStream, SeedsCountModuloTwoToThe32) {
  const auto loaded = reference_set();
  Settings folded;
  folded.sample_index_seed &= 0xFFFFFFFFULL;
  EXPECT_EQ(first_samples(QueryStream(loaded, 1, folded), 50),
            first_samples(QueryStream(loaded, 1, Settings{}), 50));
}

TEST(QueryStream, AnotherSeedGivesAnotherSequence) {
  const auto loaded = reference_set();
  Settings other;
  other.sample_index_seed = 1;
  EXPECT_NE(first_samples(QueryStream(loaded, 1, other), 50),
            first_samples(QueryStream(loaded, 1, Settings{}), 50));
}

TEST(QueryStream, MinQueryCountShiftsTheDraws) {
  const auto loaded = reference_set();
  Settings longer;
  longer.min_query_count = kSet + 1;
  EXPECT_NE(first_samples(QueryStream(loaded, 1, longer), 8),
            first_samples(QueryStream(loaded, 1, Settings{}), 8));
}

TEST(QueryStream, MultiStreamGoesOnAtTheBeginPastTheEnd) {
  const std::vector<SampleIndex> loaded = {10, 11, 12};
  QueryStream stream(loaded, 5, Settings{});
  for (int i = 0; i < 20; ++i) {
    const auto query = stream.next();
    ASSERT_EQ(query.size(), 5U);
    for (std::size_t k = 0; k < 5; ++k) EXPECT_EQ(query[k], 10 + (query[0] - 10 + k) % 3);
  }
}

TEST(QueryStream, AccuracyAsksForEverySampleOnce) {
  std::vector<SampleIndex> loaded(21);
  for (std::size_t i = 0; i < loaded.size(); ++i) loaded[i] = 100 + i;
  for (const std::uint64_t size : {1, 8, 21, 30}) {
    Settings settings;
    settings.mode = Mode::kAccuracy;
    QueryStream stream(loaded, size, settings);
    auto samples = first_samples(stream, 1000);
    EXPECT_FALSE(size == 1 && std::is_sorted(samples.begin(), samples.end()));
    std::sort(samples.begin(), samples.end());
    EXPECT_THAT(samples, ElementsAreArray(loaded)) << "queries of " << size;
  }
}

}  // namespace
}  // namespace lode::loadgen
