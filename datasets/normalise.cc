#include "datasets/normalise.h"

#include <cmath>

namespace lode::datasets {

Normaliser::Normaliser(std::span<const float> mean, std::span<const float> std)
    : tables_(mean.size()) {
  LODE_ASSERT(mean.size() == std.size());
  for (std::size_t channel = 0; channel < tables_.size(); ++channel) {
    for (std::size_t pixel = 0; pixel < 256; ++pixel) {
      const float unit = static_cast<float>(pixel) / 255.0F;
      tables_[channel][pixel] = (unit - mean[channel]) / std[channel];
    }
  }
}

Result<std::vector<float>> per_channel(std::span<const float> values, std::int64_t channels,
                                       float fallback, bool positive, std::string_view flag) {
  const auto count = static_cast<std::size_t>(channels);
  if (values.empty()) return std::vector<float>(count, fallback);
  if (values.size() != 1 && values.size() != count) {
    return usage_error("{} has {} values; the images have {} channel{}", flag, values.size(), count,
                       count == 1 ? "" : "s");
  }
  for (const float value : values) {
    if (std::isfinite(value) && (!positive || value > 0)) continue;
    return usage_error("{} holds {}; {} numbers are needed", flag, value,
                       positive ? "positive" : "finite");
  }
  if (values.size() == count) return std::vector<float>(values.begin(), values.end());
  return std::vector<float>(count, values[0]);
}

}  // namespace lode::datasets
