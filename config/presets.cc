#include "config/presets.h"

namespace lode::config {

const Preset* find_preset(std::string_view name) {
  for (const Preset& preset : all_presets()) {
    if (preset.name == name) return &preset;
  }
  return nullptr;
}

}  // namespace lode::config
