// Logging for people who look for a cause: one line on stderr, level by LODE_LOG (base/knobs.h).
// Results never go through here, and nothing in the timed window may call it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace lode {

enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };

/// "trace", "debug", "info", "warn", "error", "off".
[[nodiscard]] std::optional<LogLevel> log_level_from_name(std::string_view name);

/// Lines below this level are dropped. Starts as LODE_LOG says, kWarn without it.
[[nodiscard]] LogLevel log_level();
void set_log_level(LogLevel level);

/// Writes one line, whatever the level is set to. Thread-safe; may allocate and block.
void write_log(LogLevel level, std::string_view message);

/// Formats only if the level is on; arguments as fmt::format.
template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (level < log_level()) return;
  write_log(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace lode
