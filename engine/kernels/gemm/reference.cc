// The definition, as plain loops.
#include "base/dtype.h"
#include "engine/kernels/gemm/gemm.h"

namespace lode::engine {

void gemm_reference(const GemmShape& shape, const GemmWeights& weights, const float* x,
                    const Activation& activation, float* y) {
  for (std::int64_t row = 0; row < shape.m; ++row) {
    for (std::int64_t column = 0; column < shape.n; ++column) {
      double sum = weights.bias != nullptr ? weights.bias[column] : 0.0;
      for (std::int64_t i = 0; i < shape.k; ++i) {
        const float weight = weights.data[i * weights.k_stride + column * weights.n_stride];
        sum += static_cast<double>(x[row * shape.k + i]) *
               (shape.half_weights ? f16_to_f32(f32_to_f16(weight)) : weight);
      }
      y[row * shape.n + column] = apply_activation(activation, static_cast<float>(sum));
    }
  }
}

}  // namespace lode::engine
