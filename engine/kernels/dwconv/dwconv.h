// Depthwise convolution: y = activation(x * w + bias), each channel by itself.
//
// ConvShape with groups == in_c == out_c and without prologue; x and y NHWC, slices and residuals
// as conv.h has them, weights in ONNX's order [c, 1, kernel_h, kernel_w]. All float. Each image's
// result depends on that image alone, bit for bit.
#pragma once

#include "engine/kernels/conv/conv.h"

namespace lode::engine {

/// The same descriptor as a convolution's: shape, weights and arguments are alike.
using DwConvKernel = ConvKernel;

[[nodiscard, gnu::always_inline]] constexpr bool is_depthwise(const ConvShape& shape) {
  return shape.groups == shape.in_c && shape.in_c == shape.out_c;
}

/// All variants, best first. Reference, FLOPs and tolerance are conv.h's.
[[nodiscard]] std::span<const DwConvKernel* const> dwconv_kernels();

[[nodiscard]] Selection<DwConvKernel> select_dwconv(const ConvShape& shape, Isa cap);

#define LODE_KERNEL(name) extern const DwConvKernel name;
#include "engine/kernels/dwconv/kernels.inc"
#undef LODE_KERNEL

}  // namespace lode::engine
