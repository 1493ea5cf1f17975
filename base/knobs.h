// Every environment variable that the product reads, in one list.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lode {

struct Knob {
  std::string_view name;  ///< the variable
  std::string_view doc;   ///< one line
};

/// All of them, for `lode --help` and the docs. Configuration keys (LODE_SET_<KEY>) are one entry.
[[nodiscard]] std::span<const Knob> all_knobs();

/// The value of a variable that all_knobs() lists; none if unset. Asserts that it is listed.
[[nodiscard]] std::optional<std::string> read_knob(std::string_view name);

/// The value of configuration key `key` from the environment: LODE_SET_<KEY IN CAPITALS>.
[[nodiscard]] std::optional<std::string> read_setting_from_environment(std::string_view key);

/// Names of the variables of the form LODE_SET_* that are set, for the check that each is a key.
[[nodiscard]] std::span<const std::string> settings_in_environment();

}  // namespace lode
