// The definitions, as plain loops in double.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/kernels/reduce/reduce.h"

namespace lode::engine {

void mean_reference(const ReduceShape& shape, const ReduceArguments& arguments) {
  for (std::int64_t i = 0; i < shape.outer * shape.inner; ++i) {
    const float* x = arguments.x + i / shape.inner * shape.count * shape.inner + i % shape.inner;
    double sum = 0.0;
    for (std::int64_t k = 0; k < shape.count; ++k) sum += x[k * shape.inner];
    arguments.y[i] = static_cast<float>(sum / static_cast<double>(shape.count));
  }
}

void softmax_reference(const ReduceShape& shape, const ReduceArguments& arguments) {
  for (std::int64_t i = 0; i < shape.outer * shape.inner; ++i) {
    const std::int64_t first = i / shape.inner * shape.count * shape.inner + i % shape.inner;
    const float* x = arguments.x + first;
    float* y = arguments.y + first;
    double maximum = -std::numeric_limits<double>::infinity();
    for (std::int64_t k = 0; k < shape.count; ++k) {
      maximum = std::max(maximum, static_cast<double>(x[k * shape.inner]));
    }
    double sum = 0.0;
    for (std::int64_t k = 0; k < shape.count; ++k) sum += std::exp(x[k * shape.inner] - maximum);
    for (std::int64_t k = 0; k < shape.count; ++k) {
      y[k * shape.inner] = static_cast<float>(std::exp(x[k * shape.inner] - maximum) / sum);
    }
  }
}

void lrn_reference(const LrnShape& shape, const ReduceArguments& arguments) {
  const std::int64_t before = (shape.size - 1) / 2;
  for (std::int64_t i = 0; i < shape.pixels * shape.channels; ++i) {
    const std::int64_t c = i % shape.channels;
    const std::int64_t begin = std::max<std::int64_t>(0, c - before);
    const std::int64_t end = std::min(shape.channels, c - before + shape.size);
    double squares = 0.0;
    for (std::int64_t k = begin; k < end; ++k) {
      const double value = arguments.x[i - c + k];
      squares += value * value;
    }
    const double base = shape.bias + shape.alpha / static_cast<double>(shape.size) * squares;
    arguments.y[i] = static_cast<float>(arguments.x[i] / std::pow(base, shape.beta));
  }
}

}  // namespace lode::engine
