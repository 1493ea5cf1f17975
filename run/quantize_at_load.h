// FP32 models at a lower precision, made while they are loaded.
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
  std::filesystem::path calibration;  ///< the dataset that was looked at; empty: none
  std::vector<SampleIndex> samples;   ///< of it
};

/// The model that `config` names, brought to its precision (int8-static or int8-dynamic) by the
/// default choices of `lode quantize`. Static quantization looks at the /calibration samples of the
/// dataset that `calibration` names, or else of the run's own. Errors name the key or the file.
[[nodiscard]] Result<QuantizedAtLoad> quantize_at_load(const config::ResolvedConfig& config,
                                                       const engine::ModelOptions& options);

}  // namespace lode::run
