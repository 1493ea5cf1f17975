// The table of keys: complete, consistent, and each key touches its own field only.
#include "config/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "config/values.h"

namespace lode::config {
namespace {

TEST(Keys, EachIsCompleteAndUnique) {
  std::set<std::string_view> names;
  for (const KeySpec& key : all_keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_EQ(key.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos);
    EXPECT_FALSE(key.doc.empty()) << key.name;
    EXPECT_NE(key.doc.back(), '.') << key.name;
    ASSERT_NE(key.set, nullptr) << key.name;
    ASSERT_NE(key.text, nullptr) << key.name;
    EXPECT_EQ(key.type == ValueType::kChoice, !key.choices.empty()) << key.name;
    for (const std::string_view derived : key.also_sets) {
      ASSERT_NE(find_key(derived), nullptr) << derived;
      EXPECT_LT(&key, find_key(derived)) << "a key comes before those that it sets";
    }
  }
}

TEST(Keys, EveryDefaultReadsBackToItself) {
  for (const KeySpec& key : all_keys()) {
    const std::string text = default_text(key);
    if (text.empty()) continue;
    RunConfig config;
    const Status read = key.set(config, text);
    ASSERT_TRUE(read.ok()) << key.name << ": " << read.error().message;
    EXPECT_EQ(key.text(config), text) << key.name;
  }
}

TEST(Keys, SetChangesWhatTextShows) {
  // A key that writes one field and shows another would pass the test above.
  const std::pair<std::string_view, std::string_view> kOther[] = {{"scenario", "offline"},
                                                                  {"mode", "accuracy"},
                                                                  {"sut", "null"},
                                                                  {"preset", "quick"},
                                                                  {"precision", "fp32"},
                                                                  {"isa", "generic"},
                                                                  {"delay", "constant:7ms"},
                                                                  {"cpus", "3"},
                                                                  {"accuracy_target", "0.5"},
                                                                  {"expected_qps", "12.5"},
                                                                  {"early_stopping", "on"},
                                                                  {"round_activations", "on"},
                                                                  {"sut_slowdown", "2%"},
                                                                  {"recorder_memory", "3MiB"},
                                                                  {"coalesce", "on"},
                                                                  {"find_peak", "on"},
                                                                  {"trace", "on"},
                                                                  {"arrivals", "burst:4"},
                                                                  {"target_qps", "3"}};
  for (const KeySpec& key : all_keys()) {
    std::string text = "17";
    if (key.type == ValueType::kDuration) text = "17ms";
    if (key.type == ValueType::kPath) text = "/x/y";
    for (const auto& [name, other] : kOther) {
      if (key.name == name) text = other;
    }
    RunConfig config;
    const Status read = key.set(config, text);
    ASSERT_TRUE(read.ok()) << key.name << ": " << read.error().message;
    EXPECT_EQ(key.text(config), text) << key.name;
    EXPECT_NE(default_text(key), text) << key.name;
    for (const KeySpec& other : all_keys()) {
      const bool derived =
          std::find(key.also_sets.begin(), key.also_sets.end(), other.name) != key.also_sets.end();
      if (&other == &key || derived) continue;
      EXPECT_EQ(other.text(config), default_text(other)) << key.name << " changed " << other.name;
    }
  }
}

TEST(Keys, NamesOfFlagsAndVariables) {
  EXPECT_EQ(flag_name("min_duration"), "--min-duration");
  EXPECT_EQ(environment_name("min_duration"), "LODE_SET_MIN_DURATION");
}

TEST(Keys, NearestIsNearAndOnlyThen) {
  EXPECT_EQ(nearest_key("min_durration"), "min_duration");
  EXPECT_EQ(nearest_key("thread"), "threads");
  EXPECT_EQ(nearest_key("zzzzzz"), "");
  // One swap is nearer than two replacements.
  EXPECT_EQ(nearest_key("modle"), "model");
  EXPECT_EQ(nearest_key("moed"), "mode");
  EXPECT_EQ(nearest_key(std::string(100'000, 'a')), "");
}

TEST(Keys, ReferenceNamesEveryKey) {
  const std::string text = key_reference_markdown();
  for (const KeySpec& key : all_keys()) {
    EXPECT_NE(text.find("| `" + std::string(key.name) + "` |"), std::string::npos) << key.name;
  }
}

TEST(Values, SizesWantUnitsAndReadBack) {
  std::uint64_t bytes = 0;
  EXPECT_TRUE(read_bytes("512MiB", bytes).ok());
  EXPECT_EQ(bytes, 512ULL << 20);
  EXPECT_EQ(bytes_text(bytes), "512MiB");
  EXPECT_TRUE(read_bytes("1GB", bytes).ok());
  EXPECT_EQ(bytes_text(bytes), "1GB");
  EXPECT_EQ(bytes_text(1001), "1001B");
  for (const char* bad : {"", "5", "MiB", "-1MiB", "1.5GB", "1TB", "99999999999GiB", "0B"}) {
    EXPECT_FALSE(read_bytes(bad, bytes).ok()) << bad;
  }
}

TEST(Values, CountsAreUnsigned64AndExact) {
  std::uint64_t value = 0;
  EXPECT_TRUE(read_count("18446744073709551615", 0, UINT64_MAX, value).ok());
  EXPECT_EQ(value, UINT64_MAX);
  for (const char* bad : {"", "18446744073709551616", "-1", "+1", "1e3", " 1", "1 ", "0x10"}) {
    EXPECT_FALSE(read_count(bad, 0, UINT64_MAX, value).ok()) << bad;
  }
}

}  // namespace
}  // namespace lode::config
