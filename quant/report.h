// What quantization did and what it cost, for people (to_text) and for scripts (to_json).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/passes/pass.h"
#include "quant/calibration_table.h"
#include "quant/compare.h"
#include "quant/correct_bias.h"
#include "quant/equalise.h"
#include "quant/sensitivity.h"
#include "quant/stage_costs.h"

namespace lode::quant {

/// What rounding to half did to the weights.
struct RoundingReport {
  std::int64_t tensors = 0;         ///< rounded ones
  std::int64_t elements = 0;        ///< of them
  double largest_error = 0.0;       ///< |rounded - weight| / largest |weight| of its tensor
  std::string largest_error_node;   ///< who reads that tensor
  double signal_to_noise_db = 0.0;  ///< 10 log10(sum w^2 / sum error^2); infinite if exact
};

struct LayerReport {
  std::string node;
  std::string op_type;
  double sqnr_db = 0.0;         ///< of what the layer makes, all errors before it included
  double weight_sqnr_db = 0.0;  ///< of its weights alone
  bool is_widened = false;      ///< its weight scale is larger, for the bias' sake
};

/// Both ways beside the float model, on the calibration samples: the one of the lesser divergence
/// is kept.
struct EqualiseChoice {
  Score equalised;
  Score unchanged;
};

struct QuantizeReport {
  std::string precision;
  std::vector<std::pair<std::string, std::string>> settings;  ///< as flags name them
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::vector<StageCost> stages;
  std::vector<FloatNote> kept_float;
  std::int64_t layers_quantized = 0;

  std::optional<RoundingReport> rounding;  ///< fp16
  // int8-static
  std::optional<EqualiseReport> equalisation;
  std::optional<EqualiseChoice> equalise_choice;  ///< where it was open
  std::optional<CorrectionReport> correction;
  std::vector<LayerReport> layers;
  std::vector<CodeError> codes;
  std::vector<LayerSensitivity> sensitivity;  ///< worst first; empty: not asked for
  std::optional<Score> score;             ///< on the calibration samples that the report looked at
  std::optional<Score> target_score;      ///< on the labelled ones, if top-1 was a target
  std::optional<CalibrationTable> table;  ///< the ranges that were used
};

[[nodiscard]] std::string to_text(const QuantizeReport& report, const std::string& output);
[[nodiscard]] std::string to_json(const QuantizeReport& report, const std::string& model,
                                  const std::string& output);

}  // namespace lode::quant
