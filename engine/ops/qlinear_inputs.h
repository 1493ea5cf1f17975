// Positions among the inputs of operators on quantised values: what inference, lowering and passes
// must agree on.
#pragma once

#include "engine/ops/quantization.h"

namespace lode::engine {

// ---- QLinearConv. What passes fuse into it is said by attributes, as with Conv's
// (conv_fusion.h):
//
//   lode_residual = 1      the operand at 9 to 11 is added in front of the activation. With the
//                          scale and zero point of a sum, at 12 and 13, it is added to the
//                          quantised result, of scale and zero point 6 and 7, as QLinearAdd does
//                          it; without, in front of the one rounding
//   lode_float_output = 1  the result is f32: inputs 6 and 7 are omitted, and the residual, at 9
//                          alone, is f32
//   lode_activation        on the real value; on that of the sum where there is one
inline constexpr OperandInputs kQConvInput{.data = 0, .scale = 1, .zero_point = 2};
inline constexpr OperandInputs kQConvWeight{.data = 3, .scale = 4, .zero_point = 5};
inline constexpr std::size_t kQConvScale = 6;
inline constexpr std::size_t kQConvZeroPoint = 7;
inline constexpr std::size_t kQConvBias = 8;
inline constexpr OperandInputs kQConvResidual{.data = 9, .scale = 10, .zero_point = 11};
inline constexpr std::size_t kQConvSumScale = 12;
inline constexpr std::size_t kQConvSumZeroPoint = 13;
inline constexpr std::string_view kFloatOutputAttribute = "lode_float_output";

// ---- QGemm; `lode_activation` may be fused. Without an output scale the result is f32.
inline constexpr OperandInputs kQGemmA{.data = 0, .scale = 1, .zero_point = 2};
inline constexpr OperandInputs kQGemmB{.data = 3, .scale = 4, .zero_point = 5};
inline constexpr std::size_t kQGemmBias = 6;
inline constexpr std::size_t kQGemmScale = 7;
inline constexpr std::size_t kQGemmZeroPoint = 8;

// ---- QLinearMatMul
inline constexpr OperandInputs kQMatMulA{.data = 0, .scale = 1, .zero_point = 2};
inline constexpr OperandInputs kQMatMulB{.data = 3, .scale = 4, .zero_point = 5};
inline constexpr std::size_t kQMatMulScale = 6;
inline constexpr std::size_t kQMatMulZeroPoint = 7;

// ---- QLinearAdd, QLinearMul; `lode_activation` may be fused
inline constexpr OperandInputs kQBinaryA{.data = 0, .scale = 1, .zero_point = 2};
inline constexpr OperandInputs kQBinaryB{.data = 3, .scale = 4, .zero_point = 5};
inline constexpr std::size_t kQBinaryScale = 6;
inline constexpr std::size_t kQBinaryZeroPoint = 7;

// ---- QLinearSigmoid, QLinearLeakyRelu, QLinearSoftmax, QLinearGlobalAveragePool,
// QLinearAveragePool and lode.QLinearUnary
inline constexpr OperandInputs kQUnaryInput{.data = 0, .scale = 1, .zero_point = 2};
inline constexpr std::size_t kQUnaryScale = 3;
inline constexpr std::size_t kQUnaryZeroPoint = 4;

// ---- QLinearConcat: scale and zero point of the output, then operands of three inputs each
inline constexpr std::size_t kQConcatScale = 0;
inline constexpr std::size_t kQConcatZeroPoint = 1;
[[nodiscard]] constexpr OperandInputs qconcat_operand(std::size_t index) {
  return {.data = 2 + 3 * index, .scale = 3 + 3 * index, .zero_point = 4 + 3 * index};
}

// ---- lode.DynamicConv and lode.DynamicGemm: u8 x with scale and zero point of each image (row),
// constant weights, f32 bias; `lode_residual` = 1 adds the f32 input 7, `lode_activation` follows
inline constexpr OperandInputs kDynamicInput{.data = 0, .scale = 1, .zero_point = 2};
inline constexpr OperandInputs kDynamicWeight{.data = 3, .scale = 4, .zero_point = 5};
inline constexpr std::size_t kDynamicBias = 6;
inline constexpr std::size_t kDynamicResidual = 7;

// ---- lode.DynamicRange and lode.DynamicQuantize
/// All images share one scale, as in ONNX's DynamicQuantizeLinear; else each has its own.
inline constexpr std::string_view kPerTensorAttribute = "lode_per_tensor";

}  // namespace lode::engine
