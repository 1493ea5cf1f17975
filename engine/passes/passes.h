// The passes' entry points, one a file; their order and reasons are in pass_list.cc.
#pragma once

#include "engine/passes/pass.h"

namespace lode::engine {

/// Removes Identity, and Dropout where it does nothing: in inference, with its mask unread.
[[nodiscard]] Status eliminate_identity(Graph& graph, PassReport& report);

/// Replaces nodes whose inputs are all constant by their results.
[[nodiscard]] Status fold_constants(Graph& graph, PassReport& report);

/// Folds Mul and Add by per-channel constants into the Conv, Gemm or BatchNormalization before.
[[nodiscard]] Status fold_scale(Graph& graph, PassReport& report);

/// Folds BatchNormalization into the Conv or Gemm before.
[[nodiscard]] Status fold_batch_norm(Graph& graph, PassReport& report);

/// Puts one operator in the place of a Swish, HardSwish or HardSigmoid that is spelled out.
[[nodiscard]] Status match_activation(Graph& graph, PassReport& report);

/// Turns Sum into Adds, which have a kernel and can be fused.
[[nodiscard]] Status split_sum(Graph& graph, PassReport& report);

/// Makes an Add a further input of the Conv before it (engine/ops/conv_fusion.h).
[[nodiscard]] Status fuse_residual(Graph& graph, PassReport& report);

/// Takes a constant Pad with zeros into the padding of the Conv behind it.
[[nodiscard]] Status fuse_pad(Graph& graph, PassReport& report);

/// Makes an activation an attribute of the Conv, Gemm, Add or BatchNormalization before
/// (engine/ops/activation.h).
[[nodiscard]] Status fuse_activation(Graph& graph, PassReport& report);

/// Makes BatchNormalization and Relu a prologue of the 1x1 Conv behind (engine/ops/conv_fusion.h).
[[nodiscard]] Status fuse_prologue(Graph& graph, PassReport& report);

/// Makes a Mul by a factor for each image and channel a prologue of the 1x1 Conv behind.
[[nodiscard]] Status fuse_gate(Graph& graph, PassReport& report);

/// Puts lode.DynamicQuantize and lode.DynamicConv or DynamicGemm in the place of the chains that
/// ONNX spells a dynamically quantised layer with.
[[nodiscard]] Status match_dynamic(Graph& graph, PassReport& report);

/// Brings Conv and Gemm in f32 to dynamic INT8 where a cost model says that it is faster; the
/// others are refused with the figures. Changes results.
[[nodiscard]] Status quantize_dynamic(Graph& graph, PassReport& report);

/// Moves DequantizeLinear behind operators that only move elements.
[[nodiscard]] Status move_dequantize(Graph& graph, PassReport& report);

/// Makes QLinearConv and QGemm of Conv, Gemm and MatMul whose data and weights are dequantised.
[[nodiscard]] Status match_qdq_products(Graph& graph, PassReport& report);

/// Makes operators on bytes of Add, Mul, Concat, average pools and activations between
/// DequantizeLinear and QuantizeLinear.
[[nodiscard]] Status match_qdq_elementwise(Graph& graph, PassReport& report);

/// Drops DequantizeLinear in front of QuantizeLinear, or makes both one lode.QLinearUnary.
[[nodiscard]] Status merge_requantize(Graph& graph, PassReport& report);

/// Makes floats of constants behind a DequantizeLinear.
[[nodiscard]] Status fold_dequantize(Graph& graph, PassReport& report);

/// Makes u8 values of s8 ones, with zero points 128 greater.
[[nodiscard]] Status unsigned_activations(Graph& graph, PassReport& report);

/// Makes Concat of QLinearConcat, and QGemm of QLinearMatMul.
[[nodiscard]] Status spell_quantized(Graph& graph, PassReport& report);

/// Makes a QLinearAdd a further operand of the QLinearConv before it, which then adds what it would
/// have stored: results keep their bits.
[[nodiscard]] Status fuse_quantized_sum(Graph& graph, PassReport& report);

/// Rounds f32 weights of Conv, Gemm and MatMul to half: each becomes an f16 constant behind a Cast
/// to f32, which any engine reads. One beyond the range of halves stays and is named. Changes
/// results.
[[nodiscard]] Status narrow_weights(Graph& graph, PassReport& report);

/// Lets Conv, Gemm and MatMul read an f16 constant behind a Cast to f32 as it is
/// (engine/ops/half_weights.h).
[[nodiscard]] Status half_weights(Graph& graph, PassReport& report);

/// Removes nodes that no output needs and frees constants that no node reads.
[[nodiscard]] Status dead_code(Graph& graph, PassReport& report);

}  // namespace lode::engine
