// The definition, as plain loops.
#include "base/dtype.h"
#include "engine/kernels/conv/conv.h"

namespace lode::engine {

namespace {

/// Element (image, y, x, c) of the input, after the prologue.
double input_at(const ConvShape& shape, const ConvArguments& arguments, std::int64_t image,
                std::int64_t y, std::int64_t x, std::int64_t c) {
  const std::int64_t at = shape.x_is_plain
                              ? ((image * shape.in_c + c) * shape.in_h + y) * shape.in_w + x
                              : ((image * shape.in_h + y) * shape.in_w + x) * shape.x_step() + c;
  const double value = arguments.x[at];
  if (shape.prologue == ConvPrologue::kScale) {
    return value * arguments.prologue_scale[image * shape.in_c + c];
  }
  if (shape.prologue == ConvPrologue::kAffineRelu) {
    const double moved = value * arguments.prologue_scale[c] + arguments.prologue_shift[c];
    return moved < 0 ? 0 : moved;
  }
  return value;
}

double weight_of(const ConvShape& shape, float weight) {
  return shape.half_weights ? f16_to_f32(f32_to_f16(weight)) : weight;
}

double sum_of_taps(const ConvShape& shape, const ConvArguments& arguments, const float* weights,
                   std::int64_t image, std::int64_t group, std::int64_t pixel) {
  const std::int64_t group_c = shape.in_c / shape.groups;
  const std::int64_t first_y = pixel / shape.out_w * shape.stride_h - shape.pad_top;
  const std::int64_t first_x = pixel % shape.out_w * shape.stride_w - shape.pad_left;
  double sum = 0.0;
  for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
    for (std::int64_t kx = 0; kx < shape.kernel_w; ++kx) {
      const std::int64_t y = first_y + ky * shape.dilation_h;
      const std::int64_t x = first_x + kx * shape.dilation_w;
      if (y < 0 || y >= shape.in_h || x < 0 || x >= shape.in_w) continue;
      for (std::int64_t c = 0; c < group_c; ++c) {
        sum += input_at(shape, arguments, image, y, x, group * group_c + c) *
               weight_of(shape, weights[(c * shape.kernel_h + ky) * shape.kernel_w + kx]);
      }
    }
  }
  return sum;
}

}  // namespace

void conv_reference(const ConvShape& shape, const ConvWeights& weights,
                    const ConvArguments& arguments) {
  const std::int64_t group_out = shape.out_c / shape.groups;
  for (std::int64_t image = 0; image < shape.batch; ++image) {
    for (std::int64_t pixel = 0; pixel < shape.out_pixels(); ++pixel) {
      const std::int64_t place = image * shape.out_pixels() + pixel;
      for (std::int64_t c = 0; c < shape.out_c; ++c) {
        double sum = sum_of_taps(shape, arguments, weights.oihw + c * shape.depth(), image,
                                 c / group_out, pixel);
        if (weights.bias != nullptr) sum += weights.bias[c];
        if (shape.has_residual) sum += arguments.residual[place * shape.residual_step() + c];
        arguments.y[place * shape.y_step() + c] =
            apply_activation(arguments.activation, static_cast<float>(sum));
      }
    }
  }
}

}  // namespace lode::engine
