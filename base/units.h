// Durations and sizes as people write them, and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace lode {

/// "10s", "15ms", "500us", "100ns", "2min", "1h", "1.5s" -> ns. A bare number is an error that
/// shows the unit to add, but for "0". Result is at least 0 and below 2^63.
[[nodiscard]] Result<std::int64_t> parse_duration_ns(std::string_view text);

/// The shortest exact spelling that parse_duration_ns reads back: 10000000000 -> "10s".
[[nodiscard]] std::string format_duration_exact(std::int64_t ns);

/// For people, four digits: 1234567 -> "1.235 ms".
[[nodiscard]] std::string format_duration(std::int64_t ns);

/// For people: 14222339 -> "14.2 MB" (decimal multiples).
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// For people: 1234567.0 -> "1.235 M", 812.3 -> "812.3".
[[nodiscard]] std::string format_rate(double per_second);

/// A plain decimal integer in [low, high].
[[nodiscard]] Result<std::int64_t> parse_integer(std::string_view text, std::int64_t low,
                                                 std::int64_t high);

/// A finite decimal number.
[[nodiscard]] Result<double> parse_number(std::string_view text);

}  // namespace lode
