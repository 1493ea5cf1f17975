// The baseline local response normalisation. A task is a run of pixels.
#include <algorithm>
#include <cmath>

#include "engine/kernels/reduce/reduce.h"

namespace lode::engine {

namespace {

constexpr std::int64_t kPixelsPerTask = 32;

std::int64_t task_count(const LrnShape& shape) {
  return ceil_divide(shape.pixels, kPixelsPerTask);
}

/// base ^ -beta. AlexNet's and GoogLeNet's 0.75 by square roots, which are exactly rounded and an
/// order of magnitude faster than pow.
float inverse_power(float base, float beta) {
  if (beta == 0.75F) {
    const float root = std::sqrt(base);
    return 1.0F / (root * std::sqrt(root));
  }
  return std::pow(base, -beta);
}

void normalise_pixel(const LrnShape& shape, const float* x, float* y) {
  const std::int64_t before = (shape.size - 1) / 2;
  const float scale = shape.alpha / static_cast<float>(shape.size);
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    const std::int64_t begin = std::max<std::int64_t>(0, c - before);
    const std::int64_t end = std::min(shape.channels, c - before + shape.size);
    float squares = 0.0F;
    for (std::int64_t k = begin; k < end; ++k) squares += x[k] * x[k];
    y[c] = x[c] * inverse_power(shape.bias + scale * squares, shape.beta);
  }
}

void run(const LrnShape& shape, const ReduceArguments& arguments, std::int64_t task) {
  const std::int64_t first = task * kPixelsPerTask;
  const std::int64_t end = std::min(shape.pixels, first + kPixelsPerTask);
  for (std::int64_t pixel = first; pixel < end; ++pixel) {
    normalise_pixel(shape, arguments.x + pixel * shape.channels,
                    arguments.y + pixel * shape.channels);
  }
}

}  // namespace

const LrnKernel generic_f32_lrn = {.name = "generic_f32_lrn",
                                   .isa = Isa::kGeneric,
                                   .strength = "window by window",
                                   .task_count = task_count,
                                   .run = run};

}  // namespace lode::engine
