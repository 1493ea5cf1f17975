// y = activation(convolution(prologue(x), w) + bias + residual), two spatial axes.
//
// x is NHWC [batch, in_h, in_w, in_c] (or NCHW where the shape says so), y and the residual are
// NHWC [batch, out_h, out_w, out_c], weights come in ONNX's order OIHW [out_c, in_c / groups,
// kernel_h, kernel_w]. All float. Pixels may stand further apart than their channels need: the
// values are then a slice of a wider buffer, such as a concatenation written in place. Each image's
// result depends on that image alone, bit for bit.
#pragma once

#include "engine/kernels/activation.h"
#include "engine/kernels/kernel.h"

namespace lode::engine {

/// What is done to an element of x before it is multiplied. Padding is not touched by it.
enum class ConvPrologue : std::uint8_t {
  kNone,
  kAffineRelu,  ///< max(0, x * scale[c] + shift[c]): BatchNormalization and Relu in front
  kScale,       ///< x * scale[image][c]: squeeze-and-excite
};

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
  /// Floats from one pixel to the next; 0: the channels of one pixel.
  std::int64_t x_stride = 0;
  std::int64_t y_stride = 0;
  std::int64_t residual_stride = 0;
  bool x_is_plain = false;   ///< x is NCHW; x_stride means nothing then
  std::int64_t x_plane = 0;  ///< NCHW: floats from one channel to the next; 0: in_h * in_w
  ConvPrologue prologue = ConvPrologue::kNone;
  bool has_residual = false;
  /// Weights are rounded to IEEE half and stay so in memory where the kernel can; sums are float.
  bool half_weights = false;
  /// Kernels that transform input and weights (Winograd) may be chosen; their error is larger.
  bool allow_winograd = true;
  /// Kernels that multiply floats as pairs of bfloat16 may be chosen; their error is larger.
  bool allow_bf16x3 = true;
  /// Winograd's F(m x m, 3 x 3) with this m whatever it costs; 0: with the best m, where it pays.
  std::int64_t winograd_outputs = 0;
  /// Who will share the tasks; 0: not known. Shapes the cut, never the result.
  std::int64_t workers = 0;
  TaskGrid grid;  ///< of that cut, by the kernel's prepare()

  /// Products summed up in one output element.
  [[nodiscard, gnu::always_inline]] std::int64_t depth() const {
    return in_c / groups * kernel_h * kernel_w;
  }
  [[nodiscard, gnu::always_inline]] std::int64_t out_pixels() const { return out_h * out_w; }
  [[nodiscard, gnu::always_inline]] std::int64_t x_step() const {
    return x_stride != 0 ? x_stride : in_c;
  }
  [[nodiscard, gnu::always_inline]] std::int64_t x_plane_step() const {
    return x_plane != 0 ? x_plane : in_h * in_w;
  }
  [[nodiscard, gnu::always_inline]] std::int64_t y_step() const {
    return y_stride != 0 ? y_stride : out_c;
  }
  [[nodiscard, gnu::always_inline]] std::int64_t residual_step() const {
    return residual_stride != 0 ? residual_stride : out_c;
  }
  /// 1x1, and every tap inside the image.
  [[nodiscard, gnu::always_inline]] constexpr bool is_pointwise() const {
    return kernel_h == 1 && kernel_w == 1 && pad_top == 0 && pad_left == 0 && pad_bottom == 0 &&
           pad_right == 0;
  }
};

/// A prologue is for pointwise convolutions in one group on NHWC; a kernel may count on that.
[[nodiscard, gnu::always_inline]] constexpr bool allows_prologue(const ConvShape& shape) {
  return shape.is_pointwise() && shape.groups == 1 && !shape.x_is_plain;
}

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
  const float* residual = nullptr;        ///< where has_residual
  const float* prologue_scale = nullptr;  ///< [in_c], or [batch, in_c] for kScale
  const float* prologue_shift = nullptr;  ///< [in_c] for kAffineRelu
};

using ConvKernel = PackingKernel<ConvShape, ConvWeights, ConvArguments>;

/// A multiplication and an addition count as two; padding counts like data.
[[nodiscard]] double conv_flops(const ConvShape& shape);

/// All variants, best first. Tolerance: gemm_tolerance(shape.depth()).
[[nodiscard]] std::span<const ConvKernel* const> conv_kernels();

/// `shape.x_is_plain` only where takes_plain_input().
[[nodiscard]] Selection<ConvKernel> select_conv(const ConvShape& shape, Isa cap);

/// True if a kernel reads this convolution's input as NCHW; all others are for channels-last.
[[nodiscard]] bool takes_plain_input(ConvShape shape, Isa cap);

/// Plain loops, sums in double. Reads x, y, activation, residual and prologue of `arguments`.
void conv_reference(const ConvShape& shape, const ConvWeights& weights,
                    const ConvArguments& arguments);

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
