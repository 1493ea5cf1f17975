// What a user can choose about quantization, and the named choices.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "quant/calibration_table.h"
#include "quant/encoding.h"

namespace lode::quant {

enum class Toggle : std::uint8_t { kAuto, kOn, kOff };

struct QuantizeOptions {
  // int8-static and int8-dynamic
  EncodingOptions encoding;
  std::set<std::string> float_nodes;  ///< layers to leave in float, by name
  int threads = 1;

  // int8-static
  std::string calibration = "mse";  ///< of all_observers()
  double percentile = 99.99;
  double momentum = 0.01;
  /// Automatic: as the table says; without one both are tried, and what diverges less from the
  /// float model on the calibration samples is kept.
  Toggle equalise = Toggle::kAuto;
  bool correct_biases = true;
  bool feedback_rounding = true;
  std::size_t correction_samples = 128;
  bool share_concat_scales = true;
  std::optional<CalibrationTable> table;  ///< ranges to take instead of calibrating
  /// Calibration samples that the report measures errors on; 0: it measures none.
  std::size_t report_samples = 8;
  bool rank_layers = false;              ///< the report has the sensitivity of each layer
  std::optional<double> target_sqnr_db;  ///< of the result, on the calibration samples
  /// Most share of the labelled samples that may be lost at top-1.
  std::optional<double> target_top1_drop;
};

/// A named set of choices.
struct Preset {
  std::string_view name;
  std::string_view precision;
  std::string_view doc;
  void (*apply)(QuantizeOptions&);
};

[[nodiscard]] std::span<const Preset> all_presets();

/// The one by that name; a usage error that lists them otherwise.
[[nodiscard]] Result<const Preset*> find_preset(std::string_view name);

}  // namespace lode::quant
