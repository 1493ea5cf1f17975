// Maximum and average over a window, two spatial axes, float, NHWC in and out, dense.
#pragma once

#include "engine/kernels/kernel.h"

namespace lode::engine {

enum class PoolKind : std::uint8_t {
  /// Of the elements inside the image; -infinity if there are none, NaN if any is.
  kMax,
  kAverage,        ///< of the elements inside the image
  kAveragePadded,  ///< over the window's cells inside image and padding, padding counting as 0
};

struct PoolShape {
  PoolKind kind = PoolKind::kMax;
  std::int64_t batch = 1;
  std::int64_t in_h = 0;
  std::int64_t in_w = 0;
  std::int64_t channels = 0;
  std::int64_t out_h = 0;
  std::int64_t out_w = 0;
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  std::int64_t stride_h = 1;
  std::int64_t stride_w = 1;
  std::int64_t dilation_h = 1;
  std::int64_t dilation_w = 1;
  std::int64_t pad_top = 0;
  std::int64_t pad_left = 0;
  /// Bound the cells that kAveragePadded counts: a window that ceil_mode lets reach behind them
  /// counts fewer.
  std::int64_t pad_bottom = 0;
  std::int64_t pad_right = 0;
};

struct PoolArguments {
  const float* x = nullptr;
  float* y = nullptr;
};

using PoolKernel = Kernel<PoolShape, PoolArguments>;

/// The greater one of a maximum so far and a value; once NaN it stays NaN.
[[nodiscard]] inline float greater_or_nan(float maximum, float value) {
  return value > maximum || value != value ? value : maximum;
}

/// All variants, best first. A maximum is exact; an average has gemm_tolerance(cells).
[[nodiscard]] std::span<const PoolKernel* const> pool_kernels();

[[nodiscard]] Selection<PoolKernel> select_pool(const PoolShape& shape, Isa cap);

/// Plain loops, sums in double.
void pool_reference(const PoolShape& shape, const float* x, float* y);

#define LODE_KERNEL(name) extern const PoolKernel name;
#include "engine/kernels/pool/kernels.inc"
#undef LODE_KERNEL

}  // namespace lode::engine
