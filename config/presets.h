// The presets: YAML files of scenarios/presets, held in the binary so that it needs nothing else.
#pragma once

#include <span>
#include <string_view>

namespace lode::config {

struct Preset {
  std::string_view name;  ///< the file's, without .yaml
  std::string_view yaml;
};

/// In order of name.
[[nodiscard]] std::span<const Preset> all_presets();

/// The preset called `name`, or none.
[[nodiscard]] const Preset* find_preset(std::string_view name);

}  // namespace lode::config
