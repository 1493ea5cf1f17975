// Log levels, and what reaches stderr.
#include "base/log.h"

#include <gtest/gtest.h>

namespace lode {
namespace {

class LogTest : public ::testing::Test {
 protected:
  void TearDown() override { set_log_level(LogLevel::kWarn); }
};

TEST_F(LogTest, KnowsTheLevelsByName) {
  EXPECT_EQ(log_level_from_name("debug"), LogLevel::kDebug);
  EXPECT_EQ(log_level_from_name("off"), LogLevel::kOff);
  EXPECT_FALSE(log_level_from_name("loud").has_value());
  EXPECT_FALSE(log_level_from_name("").has_value());
}

TEST_F(LogTest, DropsLinesBelowTheLevel) {
  set_log_level(LogLevel::kWarn);
  ::testing::internal::CaptureStderr();
  log(LogLevel::kInfo, "quiet {}", 1);
  log(LogLevel::kError, "loud {}", 2);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("quiet"), std::string::npos);
  EXPECT_NE(text.find("error loud 2\n"), std::string::npos) << text;
}

TEST_F(LogTest, OffSilencesErrorsToo) {
  set_log_level(LogLevel::kOff);
  ::testing::internal::CaptureStderr();
  log(LogLevel::kError, "nobody hears");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(LogTest, BracesInAMessageAreTextOnly) {
  ::testing::internal::CaptureStderr();
  write_log(LogLevel::kError, "node '{}' of {missing}");
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("node '{}' of {missing}"),
            std::string::npos);
}

}  // namespace
}  // namespace lode
