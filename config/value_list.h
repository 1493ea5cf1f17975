// Lists and ranges of values, as an axis of a sweep is written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/keys.h"

namespace lode::config {

/// The values that `text` stands for, at least one: `1,2,4` is three values, and for whole numbers
/// and numbers `1-8*2` is 1,2,4,8, `1-32+1` is 1,2,3 and so on up to 32, `1-4` the same as `1-4+1`.
/// The values of keys that hold commas themselves (KeySpec::holds_commas) are separated by
/// semicolons. Usage errors: an empty or repeated value, a range that never ends or runs backwards,
/// more than kMostValues values. The values themselves are read by resolve().
[[nodiscard]] Result<std::vector<std::string>> expand_values(const KeySpec& key,
                                                             std::string_view text);

inline constexpr std::size_t kMostValues = 10'000;

}  // namespace lode::config
