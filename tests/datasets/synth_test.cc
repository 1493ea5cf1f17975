// The synthetic task is the same to the byte everywhere, balanced, and without hidden state.
#include "datasets/synth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

namespace lode::datasets {
namespace {

constexpr std::size_t kBytes = std::size_t{kSynthSize} * kSynthSize * kSynthChannels;

struct Sample {
  std::vector<std::uint8_t> pixels = std::vector<std::uint8_t>(kBytes);
  int label = 0;
  friend bool operator==(const Sample&, const Sample&) = default;
};

Sample draw(std::uint64_t seed, std::uint64_t index) {
  Sample sample;
  sample.label = synth_image(seed, index, sample.pixels);
  return sample;
}

/// FNV-1a, 64 bits, over label and pixels, continued from `hash`.
std::uint64_t hash_of(const Sample& sample, std::uint64_t hash = 0xCBF29CE484222325ULL) {
  const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001B3ULL; };
  add(static_cast<std::uint8_t>(sample.label));
  for (const std::uint8_t byte : sample.pixels) add(byte);
  return hash;
}

/// Over the first `count` samples of a stream.
std::uint64_t stream_hash(std::uint64_t seed, std::uint64_t count) {
  std::uint64_t hash = 0;
  for (std::uint64_t index = 0; index < count; ++index) hash = hash_of(draw(seed, index), hash);
  return hash;
}

TEST(Synth, NamesTheTenClassesOnce) {
  const auto names = synth_class_names();
  ASSERT_EQ(names.size(), std::size_t{kSynthClasses});
  EXPECT_EQ(std::set<std::string_view>(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(names.front(), "disc");
  EXPECT_EQ(names.back(), "checker");
}

// The embedded model was trained on exactly these bytes: a change here means training it anew.
TEST(Synth, StreamsAreTheOnesTheEmbeddedModelKnows) {
  EXPECT_EQ(stream_hash(1, 500), 0x7CC7FC5E6FA1F7DEULL);
  EXPECT_EQ(stream_hash(2, 500), 0xF7697A44746E70CDULL);
}

TEST(Synth, SampleDependsOnSeedAndIndexAlone) {
  const Sample first = draw(7, 123);
  for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{999}}) (void)draw(7, index);
  EXPECT_EQ(draw(7, 123), first);
}

TEST(Synth, SeedsAndIndicesGiveOtherSamples) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (std::uint64_t index = 0; index < 20; ++index) seen.insert(hash_of(draw(seed, index)));
  }
  EXPECT_EQ(seen.size(), 200U);
  // The high half of seed and index counts too.
  EXPECT_NE(draw(1, 0), draw(1 + (1ULL << 40), 0));
  EXPECT_NE(draw(1, 0), draw(1, 1ULL << 40));
}

TEST(Synth, LabelsOfTwoSeedsAreIndependent) {
  int equal = 0;
  for (std::uint64_t index = 0; index < 2000; ++index) {
    equal += draw(1, index).label == draw(2, index).label;
  }
  // Binomial(2000, 1/10): 200 expected, deviation 13.4; five of them.
  EXPECT_NEAR(equal, 200, 67);
}

TEST(Synth, LabelsAreBalanced) {
  constexpr int kCount = 5000;
  std::array<int, kSynthClasses> counts{};
  for (int index = 0; index < kCount; ++index) {
    const int label = draw(3, static_cast<std::uint64_t>(index)).label;
    ASSERT_GE(label, 0);
    ASSERT_LT(label, kSynthClasses);
    ++counts[static_cast<std::size_t>(label)];
  }
  // Binomial(5000, 1/10): 500 expected, deviation 21.2; five of them.
  for (const int count : counts) EXPECT_NEAR(count, 500, 106);
}

TEST(Synth, ImagesUseTheWholeRangeOfEveryChannel) {
  std::array<double, kSynthChannels> sum{};
  std::array<int, kSynthChannels> lowest = {255, 255, 255};
  std::array<int, kSynthChannels> highest{};
  constexpr std::uint64_t kCount = 500;
  constexpr auto kValues = static_cast<double>(kCount * kSynthSize * kSynthSize);
  for (std::uint64_t index = 0; index < kCount; ++index) {
    const Sample sample = draw(4, index);
    for (std::size_t i = 0; i < kBytes; ++i) {
      const std::size_t channel = i % kSynthChannels;
      sum[channel] += sample.pixels[i];
      lowest[channel] = std::min<int>(lowest[channel], sample.pixels[i]);
      highest[channel] = std::max<int>(highest[channel], sample.pixels[i]);
    }
  }
  for (std::size_t channel = 0; channel < kSynthChannels; ++channel) {
    EXPECT_EQ(lowest[channel], 0);
    EXPECT_EQ(highest[channel], 255);
    EXPECT_NEAR(sum[channel] / kValues, 127.5, 10.0);
  }
}

TEST(SynthDeathTest, RefusesABufferOfAnotherSize) {
  std::vector<std::uint8_t> pixels(kBytes - 1);
  EXPECT_DEATH((void)synth_image(1, 0, pixels), "pixels.size\\(\\)");
}

}  // namespace
}  // namespace lode::datasets
