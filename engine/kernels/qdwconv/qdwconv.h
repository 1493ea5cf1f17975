// Depthwise convolution in eight bits: each channel by itself.
//
// QConvShape with groups == in_c == out_c; arithmetic, layouts, weights and reference are
// qconv.h's. All variants agree to the last bit. A task is of one image, those of an image follow
// each other: `ranges` are [task_count, 2], a pair a task.
#pragma once

#include "engine/kernels/dwconv/dwconv.h"
#include "engine/kernels/qconv/qconv.h"

namespace lode::engine {

using QDwConvKernel = QConvKernel;

/// All variants, best first. Operations are conv_flops(shape).
[[nodiscard]] std::span<const QDwConvKernel* const> qdwconv_kernels();

/// `shape` is_depthwise().
[[nodiscard]] Selection<QDwConvKernel> select_qdwconv(const QConvShape& shape, Isa cap);

#define LODE_KERNEL(name) extern const QDwConvKernel name;
#include "engine/kernels/qdwconv/kernels.inc"
#undef LODE_KERNEL

}  // namespace lode::engine
