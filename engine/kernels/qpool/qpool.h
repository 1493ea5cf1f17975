// Maximum and average over a window on u8, NHWC in and out, dense. Exact: all variants give the
// same bits.
//
//   maximum:  of the elements inside the image; 0 if there are none. Scales are not looked at
//   average:  v = float(sum of (x - x_zero) inside) * (x_scale / (y_scale * float(cells)))
//             where cells are those inside, or, padded, the window's; 1 where there are none
//             y = v rounded half to even, + y_zero, clamped to [0, 255]
//
// A global average is one over the whole image.
#pragma once

#include "engine/kernels/pool/pool.h"
#include "engine/kernels/qeltwise/qeltwise.h"

namespace lode::engine {

struct QPoolArguments {
  const std::uint8_t* x = nullptr;
  std::uint8_t* y = nullptr;
  QScale x_scale;  ///< averages only
  QScale y_scale;
};

using QPoolKernel = Kernel<PoolShape, QPoolArguments>;

/// All variants, best first.
[[nodiscard]] std::span<const QPoolKernel* const> qpool_kernels();

[[nodiscard]] Selection<QPoolKernel> select_qpool(const PoolShape& shape, Isa cap);

/// Plain loops.
void qpool_reference(const PoolShape& shape, const QPoolArguments& arguments);

#define LODE_KERNEL(name) extern const QPoolKernel name;
#include "engine/kernels/qpool/kernels.inc"
#undef LODE_KERNEL

}  // namespace lode::engine
