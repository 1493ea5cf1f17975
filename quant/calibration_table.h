// Calibration as a file: the range of each value by name, to be looked at, changed and fed back.
//
//   {"schema": "lodestone.calibration/2", "method": "mse", "samples": 128, "equalised": false,
//    "ranges": {"relu0": [0.0, 5.25], ...}}
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "quant/range.h"

namespace lode::quant {

struct CalibrationTable {
  std::string method;         ///< how the ranges were found; for people
  std::uint64_t samples = 0;  ///< that were seen; for people
  bool equalised = false;     ///< the ranges are those of a graph that equalise() rescaled
  std::map<std::string, Range, std::less<>> ranges;  ///< by value
};

/// Equal tables give equal text; parse_calibration_table() reads it back to the bit.
[[nodiscard]] std::string to_json(const CalibrationTable& table);

/// Errors name what is wrong where: an unknown or missing key, a bound that is not finite, a range
/// without 0 in it.
[[nodiscard]] Result<CalibrationTable> parse_calibration_table(std::string_view text);

[[nodiscard]] Result<CalibrationTable> read_calibration_table(const std::filesystem::path& path);

}  // namespace lode::quant
