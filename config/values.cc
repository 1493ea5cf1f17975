#include "config/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/system_info.h"
#include "base/units.h"
#include "config/keys.h"

namespace lode::config {
namespace {

struct SizeUnit {
  std::string_view name;
  std::uint64_t bytes;
};

// Largest binary unit first: bytes_text takes the first that divides.
constexpr std::array kSizeUnits = {
    SizeUnit{"GiB", 1ULL << 30},
    SizeUnit{"MiB", 1ULL << 20},
    SizeUnit{"KiB", 1ULL << 10},
    SizeUnit{"GB", 1000000000},
    SizeUnit{"MB", 1000000},
    SizeUnit{"kB", 1000},
    SizeUnit{"B", 1},
};

}  // namespace

Status read_count(std::string_view text, std::uint64_t low, std::uint64_t high,
                  std::uint64_t& out) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  const bool whole = rest == end && !text.empty();
  if (code == std::errc::result_out_of_range || (whole && (value < low || value > high))) {
    return usage_error("{} is out of range; use {} to {}", text, low, high);
  }
  if (code != std::errc{} || !whole) {
    return usage_error("'{}' is not a whole number from {} to {}", text, low, high);
  }
  out = value;
  return {};
}

Status read_fraction(std::string_view text, double& out) {
  LODE_TRY(const double value, parse_number(text));
  if (value < 0.0 || value > 1.0) {
    return usage_error("{} is not a fraction from 0 to 1; write 0.75 for 75%", text);
  }
  out = value;
  return {};
}

Status read_positive(std::string_view text, double& out) {
  LODE_TRY(const double value, parse_number(text));
  if (value <= 0.0) return usage_error("{} is not above 0", text);
  out = value;
  return {};
}

Status read_duration(std::string_view text, std::int64_t& out_ns) {
  LODE_TRY(out_ns, parse_duration_ns(text));
  return {};
}

Status read_bytes(std::string_view text, std::uint64_t& out) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view suffix = text.substr(digits);
  if (digits == 0) return usage_error("'{}' is not a size; write 512MiB or 1GB", text);
  if (suffix.empty()) {
    return usage_error("'{}' has no unit; write {}MiB, {}MB or {}B", text, text, text, text);
  }
  const auto unit = std::find_if(kSizeUnits.begin(), kSizeUnits.end(),
                                 [&](const SizeUnit& each) { return each.name == suffix; });
  if (unit == kSizeUnits.end()) {
    return usage_error("'{}' has the unknown unit '{}'; use B, kB, MB, GB, KiB, MiB or GiB", text,
                       suffix);
  }
  std::uint64_t count = 0;
  LODE_CHECK_OK(read_count(text.substr(0, digits), 1, INT64_MAX / unit->bytes, count));
  out = count * unit->bytes;
  return {};
}

std::string bytes_text(std::uint64_t bytes) {
  for (const SizeUnit& unit : kSizeUnits) {
    if (bytes % unit.bytes == 0) return fmt::format("{}{}", bytes / unit.bytes, unit.name);
  }
  return fmt::format("{}B", bytes);
}

std::string number_text(double value) {
  return fmt::format("{}", value);
}

Status read_path(std::string_view text, std::filesystem::path& out) {
  std::error_code error;
  auto path = std::filesystem::absolute(std::filesystem::path(text), error).lexically_normal();
  if (error) return usage_error("'{}' is not a path: {}", text, error.message());
  // "runs/a/" and "runs/a" name the same directory.
  if (path.filename().empty() && path.has_relative_path()) path = path.parent_path();
  out = std::move(path);
  return {};
}

Status read_cpu_list(std::string_view text, std::vector<int>& out) {
  auto cpus = parse_cpu_list(text);
  if (!cpus.has_value()) {
    return usage_error("'{}' is not a list of processors; write 0,1 or 0-3", text);
  }
  out = *std::move(cpus);
  return {};
}

std::string join_choices(std::span<const std::string_view> choices) {
  std::string text;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) text += i + 1 == choices.size() ? " or " : ", ";
    text += choices[i];
  }
  return text;
}

Status read_choice(std::string_view text, std::span<const std::string_view> choices,
                   std::string& out) {
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) {
    out = text;
    return {};
  }
  const std::string_view near = nearest(text, choices);
  return usage_error("'{}' is not {}{}", text, join_choices(choices),
                     near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

}  // namespace lode::config
