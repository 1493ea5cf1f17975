// Kernels that reduce along one axis, in float: mean, softmax, local response normalisation.
//
// x is [outer, count, inner], dense; the axis reduced is the middle one. Each outer slice's result
// depends on that slice alone, bit for bit.
#pragma once

#include "engine/kernels/kernel.h"

namespace lode::engine {

struct ReduceShape {
  std::int64_t outer = 1;
  std::int64_t count = 1;
  std::int64_t inner = 1;
};

struct ReduceArguments {
  const float* x = nullptr;
  float* y = nullptr;
};

using ReduceKernel = Kernel<ReduceShape, ReduceArguments>;

/// y[outer, inner]: the mean along the axis. Tolerance: gemm_tolerance(count) relative to the mean
/// of |x|.
[[nodiscard]] std::span<const ReduceKernel* const> mean_kernels();
[[nodiscard]] Selection<ReduceKernel> select_mean(const ReduceShape& shape, Isa cap);
void mean_reference(const ReduceShape& shape, const ReduceArguments& arguments);

/// y, shaped like x: exp(x - max) / sum of exp(x - max) along the axis. Tolerance, relative to each
/// element: gemm_tolerance(count) plus 4 units in the last place.
[[nodiscard]] std::span<const ReduceKernel* const> softmax_kernels();
[[nodiscard]] Selection<ReduceKernel> select_softmax(const ReduceShape& shape, Isa cap);
void softmax_reference(const ReduceShape& shape, const ReduceArguments& arguments);

/// Local response normalisation across channels; x and y are [pixels, channels].
struct LrnShape {
  std::int64_t pixels = 0;
  std::int64_t channels = 0;
  std::int64_t size = 1;  ///< channels of a window: floor((size-1)/2) before, the rest behind
  float alpha = 1e-4F;
  float beta = 0.75F;
  float bias = 1.0F;
};

using LrnKernel = Kernel<LrnShape, ReduceArguments>;

/// y = x / (bias + alpha / size * sum of x^2 over the window)^beta, as ONNX has it. Tolerance,
/// relative to each element: gemm_tolerance(size) plus 8 units in the last place.
[[nodiscard]] std::span<const LrnKernel* const> lrn_kernels();
[[nodiscard]] Selection<LrnKernel> select_lrn(const LrnShape& shape, Isa cap);
void lrn_reference(const LrnShape& shape, const ReduceArguments& arguments);

#define LODE_MEAN_KERNEL(name) extern const ReduceKernel name;
#define LODE_SOFTMAX_KERNEL(name) extern const ReduceKernel name;
#define LODE_LRN_KERNEL(name) extern const LrnKernel name;
#include "engine/kernels/reduce/kernels.inc"

}  // namespace lode::engine
