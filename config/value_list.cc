#include "config/value_list.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/units.h"
#include "config/values.h"

namespace lode::config {
namespace {

struct Range {
  double first = 0.0;
  double last = 0.0;
  bool multiplies = false;
  double step = 1.0;
};

std::optional<double> as_number(std::string_view text) {
  const Result<double> number = parse_number(text);
  return number.ok() ? std::optional(*number) : std::nullopt;
}

/// What "1-8*2" says, if `item` has the form of a range: a number, a dash and more.
std::optional<Range> as_range(std::string_view item) {
  if (as_number(item).has_value()) return std::nullopt;
  for (std::size_t dash = item.find('-', 1); dash != std::string_view::npos;
       dash = item.find('-', dash + 1)) {
    const std::optional<double> first = as_number(item.substr(0, dash));
    if (!first.has_value()) continue;
    const std::string_view rest = item.substr(dash + 1);
    Range range{.first = *first};
    const std::size_t sign = rest.find_first_of("*+", 1);
    const std::optional<double> last = as_number(rest.substr(0, sign));
    if (!last.has_value()) continue;
    range.last = *last;
    if (sign == std::string_view::npos) return range;
    const std::optional<double> step = as_number(rest.substr(sign + 1));
    if (!step.has_value()) continue;
    range.multiplies = rest[sign] == '*';
    range.step = *step;
    return range;
  }
  return std::nullopt;
}

Status add_range(std::string_view item, const Range& range, std::vector<std::string>& values) {
  const bool grows = range.multiplies ? range.step > 1.0 && range.first > 0.0 : range.step > 0.0;
  if (!grows) {
    return usage_error("'{}' never ends; write a step above {}, as in 1-8*2 or 1-32+1", item,
                       range.multiplies ? "1, from a number above 0" : "0");
  }
  if (range.last < range.first) {
    return usage_error("'{}' ends below where it begins; write the smaller number first", item);
  }
  // Sums of steps such as 0.1 miss the end by their rounding.
  const double end = range.last * (1.0 + 1e-12);
  for (std::size_t i = 0; values.size() <= kMostValues; ++i) {
    const auto steps = static_cast<double>(i);
    const double value = range.multiplies ? range.first * std::pow(range.step, steps)
                                          : range.first + range.step * steps;
    if (value > end) return {};
    values.push_back(number_text(value));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> expand_values(const KeySpec& key, std::string_view text) {
  const bool has_ranges = key.type == ValueType::kCount || key.type == ValueType::kNumber;
  const char separator = key.holds_commas ? ';' : ',';
  std::vector<std::string> values;
  while (true) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view item = text.substr(0, end);
    if (item.empty()) {
      return usage_error("a value is empty; separate values by one '{}', without blanks",
                         separator);
    }
    const std::optional<Range> range = has_ranges ? as_range(item) : std::nullopt;
    if (range.has_value()) {
      LODE_CHECK_OK(add_range(item, *range, values));
    } else {
      values.emplace_back(item);
    }
    if (values.size() > kMostValues) {
      return usage_error("these are more than {} values; use a larger step", kMostValues);
    }
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  return values;
}

}  // namespace lode::config
