// The definition, as plain loops.
#include "engine/kernels/conv/conv.h"

namespace lode::engine {

namespace {

double sum_of_taps(const ConvShape& shape, const float* image, const float* weights,
                   std::int64_t group, std::int64_t out_y, std::int64_t out_x) {
  const std::int64_t group_c = shape.in_c / shape.groups;
  double sum = 0.0;
  for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
    for (std::int64_t kx = 0; kx < shape.kernel_w; ++kx) {
      const std::int64_t y = out_y * shape.stride_h - shape.pad_top + ky * shape.dilation_h;
      const std::int64_t x = out_x * shape.stride_w - shape.pad_left + kx * shape.dilation_w;
      if (y < 0 || y >= shape.in_h || x < 0 || x >= shape.in_w) continue;
      for (std::int64_t c = 0; c < group_c; ++c) {
        sum += static_cast<double>(image[(y * shape.in_w + x) * shape.in_c + group * group_c + c]) *
               weights[(c * shape.kernel_h + ky) * shape.kernel_w + kx];
      }
    }
  }
  return sum;
}

}  // namespace

void conv_reference(const ConvShape& shape, const ConvWeights& weights, const float* x,
                    const Activation& activation, float* y) {
  const std::int64_t group_out = shape.out_c / shape.groups;
  for (std::int64_t image = 0; image < shape.batch; ++image) {
    const float* from = x + image * shape.in_h * shape.in_w * shape.in_c;
    for (std::int64_t pixel = 0; pixel < shape.out_pixels(); ++pixel) {
      for (std::int64_t c = 0; c < shape.out_c; ++c) {
        const double sum = sum_of_taps(shape, from, weights.oihw + c * shape.depth(), c / group_out,
                                       pixel / shape.out_w, pixel % shape.out_w) +
                           (weights.bias != nullptr ? weights.bias[c] : 0.0F);
        *y++ = apply_activation(activation, static_cast<float>(sum));
      }
    }
  }
}

}  // namespace lode::engine
