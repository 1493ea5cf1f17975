#include "base/knobs.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <vector>

#include <unistd.h>

#include "base/assert.h"

namespace lode {
namespace {

constexpr std::string_view kSettingPrefix = "LODE_SET_";

constexpr std::array kKnobs = {
    Knob{"LODE_LOG", "log level on stderr: trace, debug, info, warn (default), error, off"},
    Knob{"LODE_PYTHON", "Python that runs adapters and other SUTs in Python; python3 without it"},
    Knob{"LODE_PYTHON_PATH",
         "folder of the adapters; found beside or above the program without it"},
    Knob{"LODE_SET_<KEY>", "a configuration key, as --set KEY=VALUE would set it"},
    Knob{"LODE_TEST_DATA", "folder of outside models and images for tests; they skip without it"},
};

}  // namespace

std::span<const Knob> all_knobs() {
  return kKnobs;
}

std::optional<std::string> read_knob(std::string_view name) {
  LODE_ASSERT(std::any_of(kKnobs.begin(), kKnobs.end(),
                          [&](const Knob& knob) { return knob.name == name; }));
  const char* value = std::getenv(std::string(name).c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

std::optional<std::string> read_setting_from_environment(std::string_view key) {
  std::string name(kSettingPrefix);
  for (const char c : key) name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

std::span<const std::string> settings_in_environment() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text(*entry);
      if (!text.starts_with(kSettingPrefix)) continue;
      names.emplace_back(text.substr(0, text.find('=')));
    }
    return names;
  }();
  return kNames;
}

}  // namespace lode
