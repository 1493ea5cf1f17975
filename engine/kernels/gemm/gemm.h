// y = activation(x * w + bias): fully connected layers with constant weights.
//
// x is [m,k] and y is [m,n], both dense row-major float. Every row of y is a function of its row of
// x alone, bit for bit: a sample's result does not depend on the batch it is in.
#pragma once

#include "engine/kernels/activation.h"
#include "engine/kernels/kernel.h"

namespace lode::engine {

struct GemmShape {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  /// Weights are rounded to IEEE half and stay so in memory where the kernel can; sums are float.
  bool half_weights = false;
  /// Who will share the tasks; 0: not known. Shapes the cut, never the result.
  std::int64_t workers = 0;
};

/// Weight (i, j) of w[k,n] is data[i * k_stride + j * n_stride].
struct GemmWeights {
  const float* data = nullptr;
  std::int64_t k_stride = 0;
  std::int64_t n_stride = 1;
  const float* bias = nullptr;  ///< [n], or null for zeros
};

struct GemmArguments {
  const float* x = nullptr;
  const float* packed = nullptr;  ///< weights and bias in the kernel's order
  float* y = nullptr;
  std::byte* scratch = nullptr;
  Activation activation;
};

using GemmKernel = PackingKernel<GemmShape, GemmWeights, GemmArguments>;

/// A multiplication and an addition count as two.
[[nodiscard]] double gemm_flops(const GemmShape& shape);

/// Bound on |y - exact| relative to sum |x||w| + |bias| for a sum of k products in float: rounding
/// errors of a sum in any order grow like a random walk.
[[nodiscard]] double gemm_tolerance(std::int64_t k);

/// All variants, best first.
[[nodiscard]] std::span<const GemmKernel* const> gemm_kernels();

[[nodiscard]] Selection<GemmKernel> select_gemm(const GemmShape& shape, Isa cap);

/// Plain loops, sums in double; the weights rounded to half where the shape says so.
void gemm_reference(const GemmShape& shape, const GemmWeights& weights, const float* x,
                    const Activation& activation, float* y);

#define LODE_KERNEL(name) extern const GemmKernel name;
#include "engine/kernels/gemm/kernels.inc"
#undef LODE_KERNEL

}  // namespace lode::engine
