// The definition, as plain loops.
#include "base/assert.h"
#include "engine/kernels/qconv/qconv.h"
#include "engine/kernels/qconv/requantise.h"

namespace lode::engine {

namespace {

std::int32_t weight_at(const QConvWeights& weights, std::int64_t at) {
  const std::int8_t weight = weights.oihw[at];
  return weights.is_unsigned ? static_cast<std::uint8_t>(weight) : weight;
}

struct Place {
  std::int64_t image;
  std::int64_t pixel;
  std::int64_t c;
};

std::int32_t x_zero_of(const QConvShape& shape, const QConvWeights& weights,
                       const QConvArguments& arguments, std::int64_t image) {
  return shape.is_dynamic ? arguments.x_zeros[image] : weights.x_zero;
}

/// Wraps as the kernels do: sums are made of unsigned numbers.
std::int32_t sum_of_taps(const QConvShape& shape, const QConvWeights& weights,
                         const QConvArguments& arguments, const Place& place) {
  const std::int64_t depth = shape.in_c / shape.groups;
  const std::int64_t group = place.c / (shape.out_c / shape.groups);
  const std::int64_t first_y = place.pixel / shape.out_w * shape.stride_h - shape.pad_top;
  const std::int64_t first_x = place.pixel % shape.out_w * shape.stride_w - shape.pad_left;
  const std::int32_t x_zero = x_zero_of(shape, weights, arguments, place.image);
  const std::int32_t w_zero = weights.zeros != nullptr ? weights.zeros[place.c] : 0;
  std::uint32_t sum =
      static_cast<std::uint32_t>(weights.bias != nullptr ? weights.bias[place.c] : 0);
  for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
    for (std::int64_t kx = 0; kx < shape.kernel_w; ++kx) {
      const std::int64_t y = first_y + ky * shape.dilation_h;
      const std::int64_t x = first_x + kx * shape.dilation_w;
      if (y < 0 || y >= shape.in_h || x < 0 || x >= shape.in_w) continue;
      const std::uint8_t* pixel =
          arguments.x + ((place.image * shape.in_h + y) * shape.in_w + x) * shape.x_step() +
          group * depth;
      for (std::int64_t c = 0; c < depth; ++c) {
        const std::int64_t at = ((place.c * depth + c) * shape.kernel_h + ky) * shape.kernel_w + kx;
        sum += static_cast<std::uint32_t>((pixel[c] - x_zero) * (weight_at(weights, at) - w_zero));
      }
    }
  }
  return static_cast<std::int32_t>(sum);
}

void store_u8(const QConvShape& shape, const QConvWeights& weights, const QConvArguments& arguments,
              const Place& place, std::int32_t sum) {
  const std::int64_t pixel = place.image * shape.out_pixels() + place.pixel;
  float v =
      static_cast<float>(sum) * ((weights.x_scale * weights.scales[place.c]) / weights.y_scale);
  float scale = weights.y_scale;
  std::int32_t zero = weights.y_zero;
  if (shape.has_residual) {
    if (shape.adds_bytes) {
      const std::int32_t stored = requantised(requantisation({}, scale, zero), v);
      v = static_cast<float>(stored - zero) * (scale / weights.sum_scale);
      scale = weights.sum_scale;
      zero = weights.sum_zero;
    }
    const auto* residual = static_cast<const std::uint8_t*>(arguments.residual);
    const std::int32_t r = residual[pixel * shape.residual_step() + place.c];
    v = v + static_cast<float>(r - weights.residual_zero) * (weights.residual_scale / scale);
  }
  static_cast<std::uint8_t*>(arguments.y)[pixel * shape.y_step() + place.c] =
      requantised(requantisation(arguments.activation, scale, zero), v);
}

void store_float(const QConvShape& shape, const QConvWeights& weights,
                 const QConvArguments& arguments, const Place& place, std::int32_t sum) {
  const std::int64_t pixel = place.image * shape.out_pixels() + place.pixel;
  const float x_scale = shape.is_dynamic ? arguments.x_scales[place.image] : weights.x_scale;
  float v = static_cast<float>(sum) * (x_scale * weights.scales[place.c]);
  v = v + (weights.float_bias != nullptr ? weights.float_bias[place.c] : 0.0F);
  if (shape.has_residual) {
    v = v + static_cast<const float*>(arguments.residual)[pixel * shape.residual_step() + place.c];
  }
  static_cast<float*>(arguments.y)[pixel * shape.y_step() + place.c] =
      apply_activation(arguments.activation, v);
}

}  // namespace

void qconv_reference(const QConvShape& shape, const QConvWeights& weights,
                     const QConvArguments& arguments) {
  LODE_ASSERT(allows_activation(shape, arguments.activation.kind));
  Place place{};
  for (place.image = 0; place.image < shape.batch; ++place.image) {
    for (place.pixel = 0; place.pixel < shape.out_pixels(); ++place.pixel) {
      for (place.c = 0; place.c < shape.out_c; ++place.c) {
        const std::int32_t sum = sum_of_taps(shape, weights, arguments, place);
        if (shape.output == QOutput::kUint8) {
          store_u8(shape, weights, arguments, place, sum);
        } else {
          store_float(shape, weights, arguments, place, sum);
        }
      }
    }
  }
}

}  // namespace lode::engine
