// y = activation(convolution(x, w) + bias), two spatial axes.
//
// x is NHWC [batch, in_h, in_w, in_c], y is NHWC [batch, out_h, out_w, out_c], weights come in
// ONNX's order OIHW [out_c, in_c / groups, kernel_h, kernel_w]. All float, dense. Each image's
// result depends on that image alone, bit for bit.
#pragma once

#include "engine/kernels/activation.h"
#include "engine/kernels/kernel.h"

namespace lode::engine {

/// Extents of a convolution; also those of a depthwise one (groups == in_c == out_c).
struct ConvShape {
  std::int64_t batch = 1;
  std::int64_t in_h = 0;
  std::int64_t in_w = 0;
  std::int64_t in_c = 0;
  std::int64_t out_h = 0;
  std::int64_t out_w = 0;
  std::int64_t out_c = 0;
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  std::int64_t stride_h = 1;
  std::int64_t stride_w = 1;
  std::int64_t dilation_h = 1;
  std::int64_t dilation_w = 1;
  std::int64_t pad_top = 0;
  std::int64_t pad_left = 0;
  /// Not read by the kernels, which know out_h and out_w, but part of the shape's identity.
  std::int64_t pad_bottom = 0;
  std::int64_t pad_right = 0;
  std::int64_t groups = 1;

  /// Products summed up in one output element.
  [[nodiscard]] std::int64_t depth() const { return in_c / groups * kernel_h * kernel_w; }
  [[nodiscard]] std::int64_t out_pixels() const { return out_h * out_w; }
};

struct ConvWeights {
  const float* oihw = nullptr;
  const float* bias = nullptr;  ///< [out_c], or null for zeros
};

struct ConvArguments {
  const float* x = nullptr;
  const float* packed = nullptr;  ///< weights and bias in the kernel's order
  float* y = nullptr;
  std::byte* scratch = nullptr;
  Activation activation;
};

using ConvKernel = PackingKernel<ConvShape, ConvWeights, ConvArguments>;

/// A multiplication and an addition count as two; padding counts like data.
[[nodiscard]] double conv_flops(const ConvShape& shape);

/// All variants, best first. Tolerance: gemm_tolerance(shape.depth()).
[[nodiscard]] std::span<const ConvKernel* const> conv_kernels();

[[nodiscard]] Selection<ConvKernel> select_conv(const ConvShape& shape, Isa cap);

/// Plain loops, sums in double.
void conv_reference(const ConvShape& shape, const ConvWeights& weights, const float* x,
                    const Activation& activation, float* y);

/// The taps along one axis that read inside the input: [begin, end) of `kernel` taps at positions
/// first + tap * dilation, for an input of `extent`.
struct TapRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
[[nodiscard, gnu::always_inline]] constexpr TapRange taps_inside(std::int64_t first,
                                                                 std::int64_t dilation,
                                                                 std::int64_t kernel,
                                                                 std::int64_t extent) {
  TapRange range;
  range.begin = first >= 0 ? 0 : ceil_divide(-first, dilation);
  range.end = first >= extent ? 0 : ceil_divide(extent - first, dilation);
  if (range.end > kernel) range.end = kernel;
  if (range.begin > range.end) range.begin = range.end;
  return range;
}

#define LODE_KERNEL(name) extern const ConvKernel name;
#include "engine/kernels/conv/kernels.inc"
#undef LODE_KERNEL

}  // namespace lode::engine
