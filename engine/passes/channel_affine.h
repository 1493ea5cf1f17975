// Folding y = x * scale[c] + shift[c] into the constants of the node that makes x.
#pragma once

#include <string>
#include <vector>

#include "engine/graph/editor.h"

namespace lode::engine {

/// A map of each channel (axis 1) onto itself. In double: it is rounded to float once, when it has
/// been multiplied into the weights.
struct ChannelAffine {
  std::vector<double> scale;
  std::vector<double> shift;
};

/// A BatchNormalization as a map of channels, or a reason why it is none that holds in inference.
struct Normalisation {
  ChannelAffine affine;
  std::string why_not;
};

/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, as ONNX's BatchNormalization has it, for
/// parameters of `channels` elements. Errors are bad attributes.
[[nodiscard]] Result<Normalisation> read_normalisation(const Graph& graph, const Node& node,
                                                       std::int64_t channels);

/// Whether a node can take up a ChannelAffine behind it.
struct AffineTarget {
  std::int64_t channels = 0;
  std::string why_not;  ///< empty if it can
};

/// Conv and Gemm can if their weights and bias are f32 constants, BatchNormalization if its scale
/// and bias are, unless an activation is fused already. Errors are bad attributes.
[[nodiscard]] Result<AffineTarget> find_affine_target(const Graph& graph, const Node& node);

/// Multiplies the map into the constants of `node`, for which find_affine_target gave no reason
/// against it; both vectors of `affine` have its `channels` elements.
[[nodiscard]] Status fold_affine(GraphEditor& editor, const Graph& graph, NodeId node,
                                 const ChannelAffine& affine);

/// The f32 constant of `channels` elements and rank 1 behind a value, or null.
[[nodiscard]] const Tensor* channel_vector(const Graph& graph, ValueId id, std::int64_t channels);

}  // namespace lode::engine
