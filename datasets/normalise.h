// Pixels to the numbers a model wants, in one place: what import stores as f32 and what loading
// makes of stored u8 are then the same to the bit.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace lode::datasets {

/// (pixel / 255 - mean) / std per channel, in float, each operation rounded, by table.
class Normaliser {
 public:
  /// mean and std: one value a channel; std positive.
  Normaliser(std::span<const float> mean, std::span<const float> std);

  [[nodiscard]] float operator()(std::size_t channel, std::uint8_t pixel) const {
    return tables_[channel][pixel];
  }

 private:
  std::vector<std::array<float, 256>> tables_;
};

/// mean or std of the options as one value a channel: empty becomes `fallback`, one value serves
/// all channels. `flag` names the option in errors: wrong count, not finite, not positive where
/// `positive` is asked for.
[[nodiscard]] Result<std::vector<float>> per_channel(std::span<const float> values,
                                                     std::int64_t channels, float fallback,
                                                     bool positive, std::string_view flag);

}  // namespace lode::datasets
