// The schemes that studies of quantized inference name, to their usual meaning. Publications leave
// the last option open; what is written here is what the names stand for in this project.
#include <array>

#include "quant/options.h"

namespace lode::quant {

namespace {

/// As frameworks' own post-training tools do it without further choices: ranges by min-max, one
/// scale a tensor, asymmetric on both sides, nothing corrected.
void static_plain(QuantizeOptions& options) {
  options.calibration = "min-max";
  options.encoding.weights.granularity = Granularity::kPerTensor;
  options.encoding.weights.symmetry = Symmetry::kAsymmetric;
  options.encoding.activations = Symmetry::kAsymmetric;
  options.equalise = Toggle::kOff;
  options.correct_biases = false;
  options.feedback_rounding = false;
}

/// Weights asymmetric with one scale a tensor; activations measured as they come.
void dynamic_plain(QuantizeOptions& options) {
  options.encoding.weights.granularity = Granularity::kPerTensor;
  options.encoding.weights.symmetry = Symmetry::kAsymmetric;
}

/// As optimising deployment tools do it: symmetric weights with one scale a channel, ranges by
/// entropy, biases corrected.
void static_optimised(QuantizeOptions& options) {
  options.calibration = "entropy";
  options.encoding.weights.granularity = Granularity::kPerChannel;
  options.encoding.weights.symmetry = Symmetry::kSymmetricRestricted;
  options.encoding.activations = Symmetry::kAsymmetric;
  options.equalise = Toggle::kOff;
  options.correct_biases = true;
}

constexpr std::array kPresets = {
    Preset{"INT8-SQ", "int8-static",
           "static, plain: min-max, one scale a tensor, weights and activations asymmetric",
           static_plain},
    Preset{"INT8-DQ", "int8-dynamic", "dynamic, plain: one scale a tensor, weights asymmetric",
           dynamic_plain},
    Preset{"INT8-OM", "int8-static",
           "static, optimised: entropy, one symmetric scale a channel, biases corrected",
           static_optimised},
};

}  // namespace

std::span<const Preset> all_presets() {
  return kPresets;
}

Result<const Preset*> find_preset(std::string_view name) {
  std::string names;
  for (const Preset& preset : kPresets) {
    if (preset.name == name) return &preset;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", preset.name);
  }
  return usage_error("there is no scheme '{}', the schemes are {}", name, names);
}

}  // namespace lode::quant
