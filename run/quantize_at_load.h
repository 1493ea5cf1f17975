// FP32 models in int8-static, made while they are loaded.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "config/resolve.h"
#include "datasets/sample_library.h"
#include "engine/runtime/session.h"

namespace lode::run {

struct QuantizedAtLoad {
  std::shared_ptr<const engine::Model> model;
  std::filesystem::path calibration;  ///< the dataset that was looked at
  std::vector<SampleIndex> samples;   ///< of it
};

/// The model that `config` names in int8-static, by the default choices of `lode quantize`. They
/// look at the /calibration samples of the dataset that `calibration` names, or else of the run's
/// own. Errors name the key or the file.
[[nodiscard]] Result<QuantizedAtLoad> quantize_at_load(const config::ResolvedConfig& config,
                                                       const engine::ModelOptions& options);

}  // namespace lode::run
