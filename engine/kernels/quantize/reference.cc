// The definitions, as plain loops.
#include <algorithm>
#include <cmath>

#include "engine/kernels/quantize/quantize.h"

namespace lode::engine {

namespace {

struct Parameters {
  float scale;
  float zero;
};

Parameters parameters_of(const QuantizeShape& shape, const QuantizeArguments& arguments,
                         std::int64_t sample) {
  if (shape.ranges == 0) return {arguments.scale, static_cast<float>(arguments.zero)};
  const std::int64_t set = shape.ranges == 1 ? 0 : sample;
  float low = 0.0F;
  float high = 0.0F;
  for (std::int64_t i = 0; i < shape.pieces; ++i) {
    low = std::min(low, arguments.ranges[(set * shape.pieces + i) * 2]);
    high = std::max(high, arguments.ranges[(set * shape.pieces + i) * 2 + 1]);
  }
  const float scale = high == low ? 1.0F : (high - low) / 255.0F;
  const float zero = std::nearbyint(std::clamp(0.0F - low / scale, 0.0F, 255.0F));
  arguments.scales[set] = scale;
  arguments.zeros[set] = static_cast<std::uint8_t>(zero);
  return {scale, zero};
}

float quantised(const QuantizeShape& shape, const Parameters& parameters, float x) {
  const float lowest = shape.is_signed ? -128.0F : 0.0F;
  if (std::isnan(x)) return lowest;
  return std::clamp(std::nearbyint(x / parameters.scale) + parameters.zero, lowest,
                    lowest + 255.0F);
}

}  // namespace

void quantize_reference(const QuantizeShape& shape, const QuantizeArguments& arguments) {
  for (std::int64_t sample = 0; sample < shape.samples; ++sample) {
    const Parameters parameters = parameters_of(shape, arguments, sample);
    for (std::int64_t pixel = 0; pixel < shape.pixels; ++pixel) {
      for (std::int64_t c = 0; c < shape.channels; ++c) {
        const std::int64_t at = shape.x_is_plain
                                    ? (sample * shape.channels + c) * shape.pixels + pixel
                                    : (sample * shape.pixels + pixel) * shape.x_step() + c;
        const float value = quantised(shape, parameters, arguments.x[at]);
        const std::int64_t to = (sample * shape.pixels + pixel) * shape.y_step() + c;
        if (shape.is_signed) {
          static_cast<std::int8_t*>(arguments.y)[to] = static_cast<std::int8_t>(value);
        } else {
          static_cast<std::uint8_t*>(arguments.y)[to] = static_cast<std::uint8_t>(value);
        }
      }
    }
  }
}

void range_reference(const RangeShape& shape, const RangeArguments& arguments) {
  const std::int64_t stride = shape.stride != 0 ? shape.stride : shape.columns;
  const std::int64_t pieces = range_pieces(shape);
  for (std::int64_t sample = 0; sample < shape.samples; ++sample) {
    float low = 0.0F;
    float high = 0.0F;
    for (std::int64_t row = 0; row < shape.rows; ++row) {
      for (std::int64_t i = 0; i < shape.columns; ++i) {
        const float value = arguments.x[(sample * shape.rows + row) * stride + i];
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    for (std::int64_t i = 0; i < pieces; ++i) {
      arguments.ranges[(sample * pieces + i) * 2] = low;
      arguments.ranges[(sample * pieces + i) * 2 + 1] = high;
    }
  }
}

void dequantize_reference(const DequantizeShape& shape, const DequantizeArguments& arguments) {
  const std::int64_t x_stride = shape.x_stride != 0 ? shape.x_stride : shape.columns;
  const std::int64_t y_stride = shape.y_stride != 0 ? shape.y_stride : shape.columns;
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t i = 0; i < shape.columns; ++i) {
      const std::int64_t at = row * x_stride + i;
      const std::int32_t x = shape.is_signed ? static_cast<const std::int8_t*>(arguments.x)[at]
                                             : static_cast<const std::uint8_t*>(arguments.x)[at];
      arguments.y[row * y_stride + i] = static_cast<float>(x - arguments.zero) * arguments.scale;
    }
  }
}

}  // namespace lode::engine
