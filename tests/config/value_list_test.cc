// Lists and ranges of values.
#include "config/value_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lode::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> values(std::string_view key, std::string_view text) {
  const auto expanded = expand_values(*find_key(key), text);
  EXPECT_TRUE(expanded.ok()) << text << ": " << (expanded.ok() ? "" : expanded.error().message);
  return expanded.ok() ? *expanded : std::vector<std::string>{};
}

std::string refusal(std::string_view key, std::string_view text) {
  const auto expanded = expand_values(*find_key(key), text);
  EXPECT_FALSE(expanded.ok()) << text;
  return expanded.ok() ? "" : expanded.error().message;
}

TEST(ValueList, ListsAndSingleValues) {
  EXPECT_THAT(values("batch", "4"), ElementsAre("4"));
  EXPECT_THAT(values("batch", "1,2,8"), ElementsAre("1", "2", "8"));
  EXPECT_THAT(values("precision", "fp32,int8-static"), ElementsAre("fp32", "int8-static"));
  EXPECT_THAT(values("model", "a-1.onnx,b-2.onnx"), ElementsAre("a-1.onnx", "b-2.onnx"));
  EXPECT_THAT(values("min_duration", "1s,10s"), ElementsAre("1s", "10s"));
}

TEST(ValueList, Ranges) {
  EXPECT_THAT(values("batch", "1-32*2"), ElementsAre("1", "2", "4", "8", "16", "32"));
  EXPECT_THAT(values("batch", "1-9*2"), ElementsAre("1", "2", "4", "8"));
  EXPECT_THAT(values("threads", "1-4"), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(values("threads", "2-8+3"), ElementsAre("2", "5", "8"));
  EXPECT_THAT(values("threads", "1-2,8"), ElementsAre("1", "2", "8"));
  EXPECT_THAT(values("threads", "4-4"), ElementsAre("4"));
  EXPECT_THAT(values("target_qps", "0.1-0.3+0.1").size(), 3U);
  EXPECT_THAT(values("target_qps", "100-800*2"), ElementsAre("100", "200", "400", "800"));
  EXPECT_THAT(values("target_qps", "1e-3"), ElementsAre("1e-3"));
}

TEST(ValueList, KeysThatHoldCommasAreSeparatedBySemicolons) {
  EXPECT_THAT(values("delay", "uniform:1ms,3ms"), ElementsAre("uniform:1ms,3ms"));
  EXPECT_THAT(values("delay", "uniform:1ms,3ms;constant:1ms"),
              ElementsAre("uniform:1ms,3ms", "constant:1ms"));
  EXPECT_THAT(values("cpus", "0,1;2-3"), ElementsAre("0,1", "2-3"));
}

TEST(ValueList, MistakesAreNamed) {
  EXPECT_THAT(refusal("batch", ""), HasSubstr("empty"));
  EXPECT_THAT(refusal("batch", "1,,2"), HasSubstr("empty"));
  EXPECT_THAT(refusal("batch", "8-1"), HasSubstr("ends below where it begins"));
  EXPECT_THAT(refusal("batch", "1-8*1"), HasSubstr("never ends"));
  EXPECT_THAT(refusal("batch", "0-8*2"), HasSubstr("never ends"));
  EXPECT_THAT(refusal("batch", "1-8+0"), HasSubstr("never ends"));
  EXPECT_THAT(refusal("batch", "1-1000000"), HasSubstr("more than 10000"));
}

}  // namespace
}  // namespace lode::config
