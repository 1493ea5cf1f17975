// The definition, as plain loops.
#include <algorithm>
#include <cmath>

#include "engine/kernels/qpool/qpool.h"

namespace lode::engine {

namespace {

std::uint8_t qpool_element(const PoolShape& shape, const QPoolArguments& arguments,
                           const std::uint8_t* image, std::int64_t pixel, std::int64_t c) {
  std::int32_t sum = 0;
  std::uint8_t maximum = 0;
  std::int64_t inside = 0;
  std::int64_t padded = 0;
  for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
    for (std::int64_t kx = 0; kx < shape.kernel_w; ++kx) {
      const std::int64_t y =
          pixel / shape.out_w * shape.stride_h - shape.pad_top + ky * shape.dilation_h;
      const std::int64_t x =
          pixel % shape.out_w * shape.stride_w - shape.pad_left + kx * shape.dilation_w;
      if (y >= shape.in_h + shape.pad_bottom || x >= shape.in_w + shape.pad_right) continue;
      ++padded;
      if (y < 0 || y >= shape.in_h || x < 0 || x >= shape.in_w) continue;
      ++inside;
      const std::uint8_t value = image[(y * shape.in_w + x) * shape.channels + c];
      sum += value - arguments.x_scale.zero;
      maximum = std::max(maximum, value);
    }
  }
  if (shape.kind == PoolKind::kMax) return maximum;
  const std::int64_t cells =
      std::max<std::int64_t>(1, shape.kind == PoolKind::kAverage ? inside : padded);
  const float factor =
      arguments.x_scale.scale / (arguments.y_scale.scale * static_cast<float>(cells));
  const auto zero = static_cast<float>(arguments.y_scale.zero);
  return static_cast<std::uint8_t>(
      std::clamp(std::nearbyint(static_cast<float>(sum) * factor) + zero, 0.0F, 255.0F));
}

}  // namespace

void qpool_reference(const PoolShape& shape, const QPoolArguments& arguments) {
  std::uint8_t* y = arguments.y;
  for (std::int64_t image = 0; image < shape.batch; ++image) {
    const std::uint8_t* from = arguments.x + image * shape.in_h * shape.in_w * shape.channels;
    for (std::int64_t pixel = 0; pixel < shape.out_h * shape.out_w; ++pixel) {
      for (std::int64_t c = 0; c < shape.channels; ++c) {
        *y++ = qpool_element(shape, arguments, from, pixel, c);
      }
    }
  }
}

}  // namespace lode::engine
