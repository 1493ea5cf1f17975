#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>

namespace lode {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

// Largest first: format_duration_exact takes the first that divides.
constexpr std::array kUnits = {
    Unit{"h", 3'600'000'000'000}, Unit{"min", 60'000'000'000}, Unit{"s", 1'000'000'000},
    Unit{"ms", 1'000'000},        Unit{"us", 1'000},           Unit{"ns", 1},
};

constexpr double kDurationLimitNs = 9.2e18;

}  // namespace

Result<std::int64_t> parse_duration_ns(std::string_view text) {
  if (text == "0") return std::int64_t{0};
  double value = 0.0;
  const auto [rest, code] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (code != std::errc{} || value < 0.0) {
    return usage_error("'{}' is not a duration; write a number and a unit, such as 10s or 15ms",
                       text);
  }
  const std::string_view suffix(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  if (suffix.empty()) {
    return usage_error("'{}' has no unit; write {}s, {}ms or {}us", text, text, text, text);
  }
  for (const Unit& unit : kUnits) {
    if (unit.name != suffix) continue;
    const double ns = value * static_cast<double>(unit.ns);
    if (ns >= kDurationLimitNs) return usage_error("'{}' is too long a duration", text);
    return static_cast<std::int64_t>(std::llround(ns));
  }
  return usage_error("'{}' has the unknown unit '{}'; use h, min, s, ms, us or ns", text, suffix);
}

std::string format_duration_exact(std::int64_t ns) {
  if (ns == 0) return "0s";
  for (const Unit& unit : kUnits) {
    if (ns % unit.ns == 0) return fmt::format("{}{}", ns / unit.ns, unit.name);
  }
  return fmt::format("{}ns", ns);
}

std::string format_duration(std::int64_t ns) {
  const double magnitude = std::abs(static_cast<double>(ns));
  if (magnitude < 1e3) return fmt::format("{} ns", ns);
  if (magnitude < 1e6) return fmt::format("{:.4g} us", static_cast<double>(ns) / 1e3);
  if (magnitude < 1e9) return fmt::format("{:.4g} ms", static_cast<double>(ns) / 1e6);
  if (magnitude < 1e13) return fmt::format("{:.4g} s", static_cast<double>(ns) / 1e9);
  return fmt::format("{:.0f} s", static_cast<double>(ns) / 1e9);
}

std::string format_bytes(std::uint64_t bytes) {
  const double value = static_cast<double>(bytes);
  if (value < 1e3) return fmt::format("{} B", bytes);
  if (value < 1e6) return fmt::format("{:.1f} kB", value / 1e3);
  if (value < 1e9) return fmt::format("{:.1f} MB", value / 1e6);
  return fmt::format("{:.2f} GB", value / 1e9);
}

std::string format_rate(double per_second) {
  if (per_second < 1e4) return fmt::format("{:.4g}", per_second);
  if (per_second < 1e6) return fmt::format("{:.4g} k", per_second / 1e3);
  if (per_second < 1e9) return fmt::format("{:.4g} M", per_second / 1e6);
  return fmt::format("{:.4g} G", per_second / 1e9);
}

Result<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc{} || rest != end) return usage_error("'{}' is not a whole number", text);
  if (value < low || value > high) {
    return usage_error("{} is out of range; use {} to {}", value, low, high);
  }
  return value;
}

Result<double> parse_number(std::string_view text) {
  double value = 0.0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc{} || rest != end || !std::isfinite(value)) {
    return usage_error("'{}' is not a number", text);
  }
  return value;
}

}  // namespace lode
