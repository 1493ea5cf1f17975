// The baseline softmax: three passes over a slice, exponentials by the C library. A task is one
// outer slice.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/kernels/reduce/reduce.h"

namespace lode::engine {

namespace {

std::int64_t task_count(const ReduceShape& shape) {
  return shape.outer;
}

void run(const ReduceShape& shape, const ReduceArguments& arguments, std::int64_t task) {
  const std::int64_t slice = task * shape.count * shape.inner;
  for (std::int64_t inner = 0; inner < shape.inner; ++inner) {
    const float* x = arguments.x + slice + inner;
    float* y = arguments.y + slice + inner;
    float maximum = -std::numeric_limits<float>::infinity();
    for (std::int64_t k = 0; k < shape.count; ++k) {
      maximum = std::max(maximum, x[k * shape.inner]);
    }
    float sum = 0.0F;
    for (std::int64_t k = 0; k < shape.count; ++k) {
      const float exponential = std::exp(x[k * shape.inner] - maximum);
      y[k * shape.inner] = exponential;
      sum += exponential;
    }
    for (std::int64_t k = 0; k < shape.count; ++k) y[k * shape.inner] /= sum;
  }
}

}  // namespace

const ReduceKernel generic_f32_softmax = {.name = "generic_f32_softmax",
                                          .isa = Isa::kGeneric,
                                          .strength = "three passes, any axis",
                                          .task_count = task_count,
                                          .run = run};

}  // namespace lode::engine
