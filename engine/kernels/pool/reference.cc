// The definition, as plain loops.
#include <algorithm>
#include <limits>

#include "engine/kernels/pool/pool.h"

namespace lode::engine {

namespace {

float pool_element(const PoolShape& shape, const float* image, std::int64_t out_y,
                   std::int64_t out_x, std::int64_t c) {
  double sum = 0.0;
  float maximum = -std::numeric_limits<float>::infinity();
  std::int64_t inside = 0;
  std::int64_t padded = 0;
  for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
    for (std::int64_t kx = 0; kx < shape.kernel_w; ++kx) {
      const std::int64_t y = out_y * shape.stride_h - shape.pad_top + ky * shape.dilation_h;
      const std::int64_t x = out_x * shape.stride_w - shape.pad_left + kx * shape.dilation_w;
      if (y >= shape.in_h + shape.pad_bottom || x >= shape.in_w + shape.pad_right) continue;
      ++padded;
      if (y < 0 || y >= shape.in_h || x < 0 || x >= shape.in_w) continue;
      ++inside;
      const float value = image[(y * shape.in_w + x) * shape.channels + c];
      sum += value;
      maximum = greater_or_nan(maximum, value);
    }
  }
  if (shape.kind == PoolKind::kMax) return maximum;
  const std::int64_t count = shape.kind == PoolKind::kAverage ? inside : padded;
  return static_cast<float>(sum / static_cast<double>(std::max<std::int64_t>(count, 1)));
}

}  // namespace

void pool_reference(const PoolShape& shape, const float* x, float* y) {
  for (std::int64_t image = 0; image < shape.batch; ++image) {
    const float* from = x + image * shape.in_h * shape.in_w * shape.channels;
    for (std::int64_t pixel = 0; pixel < shape.out_h * shape.out_w; ++pixel) {
      for (std::int64_t c = 0; c < shape.channels; ++c) {
        *y++ = pool_element(shape, from, pixel / shape.out_w, pixel % shape.out_w, c);
      }
    }
  }
}

}  // namespace lode::engine
