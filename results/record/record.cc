#include "results/record/record.h"

#include <chrono>
#include <ctime>

#include "base/file_io.h"

namespace lode::record {
namespace {

std::string format_time(std::int64_t unix_ms, const char* format) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[32] = {};
  std::strftime(text, sizeof(text), format, &parts);
  return fmt::format("{}.{:03}Z", text, unix_ms % 1000);
}

}  // namespace

std::string format_utc(std::int64_t unix_ms) {
  return format_time(unix_ms, "%Y-%m-%dT%H:%M:%S");
}

std::string make_run_id(std::int64_t unix_ms, std::string_view salt) {
  const std::string hash = sha256_hex(fmt::format("{} {}", unix_ms, salt));
  return fmt::format("{}-{}", format_time(unix_ms, "%Y%m%dT%H%M%S"), hash.substr(0, 8));
}

}  // namespace lode::record
