// Convolution in eight bits: u8 activations times s8 or u8 weights, summed up in int32, then
// requantised to u8 or scaled to float. A fully connected layer is one of 1x1 on images of 1x1.
//
//   sum   = bias[c] + sum over taps and channels of (x - x_zero) * (w - w_zero[c])      exact
//   u8:     v = float(sum) * ((x_scale * w_scale[c]) / y_scale)
//           v = v + float(residual - residual_zero) * (residual_scale / y_scale)
//           y = the activation on v, rounded half to even, + y_zero, clamped to [0, 255]
//   u8, adds_bytes: b = v rounded half to even, + y_zero, clamped to [0, 255]: what is stored
//           without a residual, which is then added as qeltwise.h adds bytes:
//           v = float(b - y_zero) * (y_scale / sum_scale)
//             + float(residual - residual_zero) * (residual_scale / sum_scale)
//           y = the activation on v, rounded half to even, + sum_zero, clamped to [0, 255]
//   float:  y = activation(float(sum) * (x_scale * w_scale[c]) + float_bias[c] + residual)
//
// x is NHWC u8 [batch, in_h, in_w, in_c], y and the residual NHWC of the output's type; pixels may
// stand further apart than their channels need, as in conv.h. Padding counts as x_zero, that is
// zero. Sums are exact unless they leave int32; they wrap then. Every step in float is one IEEE
// operation, never fused: all variants agree to the last bit on every instruction set, whatever the
// cut and the batch. Only Sigmoid and SiLU, which float output alone has, agree within conv.h's
// tolerance. requantise.h is the formula of the step from v to y.
#pragma once

#include "engine/kernels/conv/conv.h"

namespace lode::engine {

enum class QOutput : std::uint8_t { kUint8, kFloat };

/// Extents, strides (in elements of x, y and the residual), padding, groups and workers are
/// ConvShape's; its prologue, half_weights, x_is_plain and Winograd members are not read.
struct QConvShape : ConvShape {
  QOutput output = QOutput::kUint8;  ///< also the residual's type
  /// The residual is added to the byte that the convolution alone would store; u8 output with a
  /// residual. Otherwise it is added in front of the one rounding.
  bool adds_bytes = false;
  /// x_scales and x_zeros of the arguments hold for each image; needs float output. Otherwise
  /// the weights' constants hold for all.
  bool is_dynamic = false;
  bool has_weight_zeros = false;  ///< some zero point of the weights (as s8) may not be 0
  /// 8, or 7 where every weight (as s8) is in [-64, 63]: pairs of products then fit 16 bits.
  int weight_bits = 8;
};

/// What is packed at load. Arrays may be null: zeros.
struct QConvWeights {
  const std::int8_t* oihw = nullptr;    ///< [out_c, in_c / groups, kernel_h, kernel_w]
  bool is_unsigned = false;             ///< the weights, and their zero points, are u8
  const std::int32_t* zeros = nullptr;  ///< [out_c], where has_weight_zeros
  const float* scales = nullptr;        ///< [out_c], never null
  const std::int32_t* bias = nullptr;   ///< [out_c], in units of x_scale * scales[c]
  const float* float_bias = nullptr;    ///< [out_c], real; float output only
  float x_scale = 1.0F;                 ///< unless is_dynamic
  std::int32_t x_zero = 0;              ///< likewise
  float y_scale = 1.0F;                 ///< u8 output
  std::int32_t y_zero = 0;
  float residual_scale = 1.0F;  ///< u8 output with a residual
  std::int32_t residual_zero = 0;
  float sum_scale = 1.0F;  ///< of the output where adds_bytes; y_scale is then the convolution's
  std::int32_t sum_zero = 0;
};

struct QConvArguments {
  const std::uint8_t* x = nullptr;
  const float* packed = nullptr;  ///< weights and constants in the kernel's order
  void* y = nullptr;              ///< std::uint8_t or float
  std::byte* scratch = nullptr;
  Activation activation;            ///< one that allows_activation()
  const void* residual = nullptr;   ///< where has_residual, of y's type
  const float* x_scales = nullptr;  ///< [batch], where is_dynamic
  const std::uint8_t* x_zeros = nullptr;
  /// Float output: null, or [batch, task_count, 2], where each task leaves the least and the
  /// greatest, of 0 and all that is not NaN, of what it makes of each image.
  float* ranges = nullptr;
};

/// Output pixels of an image from which on rows of one image fill tiles as well as rows of several.
inline constexpr std::int64_t kImageRows = 16;

using QConvKernel = PackingKernel<QConvShape, QConvWeights, QConvArguments>;

/// Whether a kernel can apply the activation. Sigmoid and SiLU on u8 are a table's work
/// (qeltwise.h).
[[nodiscard, gnu::always_inline]] constexpr bool allows_activation(const QConvShape& shape,
                                                                   ActivationKind kind) {
  return shape.output == QOutput::kFloat ||
         (kind != ActivationKind::kSigmoid && kind != ActivationKind::kSilu);
}

/// All variants, best first. The operations are conv_flops(shape).
[[nodiscard]] std::span<const QConvKernel* const> qconv_kernels();

[[nodiscard]] Selection<QConvKernel> select_qconv(const QConvShape& shape, Isa cap);

/// Plain loops. Reads x, y, activation, residual and the scales of `arguments`.
void qconv_reference(const QConvShape& shape, const QConvWeights& weights,
                     const QConvArguments& arguments);

#define LODE_KERNEL(name) extern const QConvKernel name;
#include "engine/kernels/qconv/kernels.inc"
#undef LODE_KERNEL

}  // namespace lode::engine
