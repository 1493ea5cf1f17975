#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "base/knobs.h"

namespace lode {
namespace {

constexpr std::array<std::pair<std::string_view, LogLevel>, 6> kLevels = {{
    {"trace", LogLevel::kTrace},
    {"debug", LogLevel::kDebug},
    {"info", LogLevel::kInfo},
    {"warn", LogLevel::kWarn},
    {"error", LogLevel::kError},
    {"off", LogLevel::kOff},
}};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

/// Our own logger: spdlog's registry and default logger are left alone.
spdlog::logger& logger() {
  static const auto kLogger = [] {
    auto made =
        std::make_shared<spdlog::logger>("lode", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%H:%M:%S.%e %l %v");
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return *kLogger;
}

LogLevel level_from_environment() {
  const auto name = read_knob("LODE_LOG");
  if (!name.has_value() || name->empty()) return LogLevel::kWarn;
  const auto level = log_level_from_name(*name);
  if (level.has_value()) return *level;
  write_log(LogLevel::kWarn,
            fmt::format("LODE_LOG='{}' is not a level; use trace, debug, info, warn, error or off",
                        *name));
  return LogLevel::kWarn;
}

std::atomic<LogLevel>& current_level() {
  static std::atomic<LogLevel> level{level_from_environment()};
  return level;
}

}  // namespace

std::optional<LogLevel> log_level_from_name(std::string_view name) {
  for (const auto& [known, level] : kLevels) {
    if (known == name) return level;
  }
  return std::nullopt;
}

LogLevel log_level() {
  return current_level().load(std::memory_order_relaxed);
}

void set_log_level(LogLevel level) {
  current_level().store(level, std::memory_order_relaxed);
}

void write_log(LogLevel level, std::string_view message) {
  logger().log(spdlog_level(level), "{}", message);
}

}  // namespace lode
