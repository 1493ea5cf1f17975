// Tables read back to the bit, and what is wrong with one is named.
#include "quant/calibration_table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lode::quant {
namespace {

using testing::HasSubstr;

TEST(CalibrationTable, ReadsBackToTheBit) {
  CalibrationTable table{.method = "mse", .samples = 128, .equalised = true, .ranges = {}};
  table.ranges["a\"b"] = {-0.1F, 1.0F / 3.0F};
  table.ranges["zero"] = {};
  table.ranges["tiny"] = {-1e-41F, 3.4e38F};
  const auto copy = parse_calibration_table(to_json(table));
  ASSERT_TRUE(copy.ok()) << copy.error().message;
  EXPECT_EQ(copy->method, "mse");
  EXPECT_EQ(copy->samples, 128U);
  EXPECT_TRUE(copy->equalised);
  EXPECT_EQ(copy->ranges, table.ranges);
  EXPECT_EQ(to_json(*copy), to_json(table));
}

std::string table_with(std::string_view ranges, std::string_view more = "") {
  return fmt::format(R"({{"schema": "lodestone.calibration/2", "method": "m", "samples": 1, )"
                     R"("equalised": false, "ranges": {}{}}})",
                     ranges, more);
}

TEST(CalibrationTable, NamesWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "is not JSON"},
      {"[]", "expected an object"},
      {"{}", "key 'equalised' is missing"},
      {table_with("{}", R"(, "scale": 1)"), "key 'scale' is unknown"},
      {table_with("[]"), "ranges: expected an object"},
      {table_with(R"({"x": 1})"), "ranges['x']: expected [low, high]"},
      {table_with(R"({"x": [0, 1, 2]})"), "ranges['x']: expected [low, high]"},
      {table_with(R"({"x": [0, "1"]})"), "a bound is string"},
      {table_with(R"({"x": [0, 1e39]})"), "no finite f32"},
      {table_with(R"({"x": [1, 2]})"), "does not hold 0"},
      {table_with(R"({"x": [0, 1], "x": [0, 2]})"), "key 'x' stands twice"},
      {R"({"schema": "other", "method": "m", "samples": 1, "ranges": {}})", "this version reads"},
      {R"({"schema": "lodestone.calibration/2", "method": "m", "samples": -1, )"
       R"("equalised": false, "ranges": {}})",
       "samples: expected"},
      {R"({"schema": "lodestone.calibration/2", "method": "m", "samples": 1, )"
       R"("equalised": "no", "ranges": {}})",
       "equalised: expected"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto table = parse_calibration_table(text);
    ASSERT_FALSE(table.ok()) << text;
    EXPECT_THAT(table.error().message, HasSubstr(wanted)) << text;
  }
}

}  // namespace
}  // namespace lode::quant
