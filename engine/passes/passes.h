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

/// Rounds f32 weights of Conv, Gemm and MatMul to half: each becomes an f16 constant behind a Cast
/// to f32, which any engine reads. One beyond the range of halves stays and is named. The only pass
/// that changes results.
[[nodiscard]] Status narrow_weights(Graph& graph, PassReport& report);

/// Lets Conv, Gemm and MatMul read an f16 constant behind a Cast to f32 as it is
/// (engine/ops/half_weights.h).
[[nodiscard]] Status half_weights(Graph& graph, PassReport& report);

/// Removes nodes that no output needs and frees constants that no node reads.
[[nodiscard]] Status dead_code(Graph& graph, PassReport& report);

}  // namespace lode::engine
