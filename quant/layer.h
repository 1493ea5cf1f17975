// A layer: a node that multiplies its data by constant weights.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace lode::quant {

struct Layer {
  engine::NodeId node = engine::kNoNode;
  engine::ValueId input = engine::kNoValue;
  engine::ValueId output = engine::kNoValue;
  engine::Tensor weights;              ///< f32; shares its elements with the graph
  std::size_t channel_axis = 0;        ///< of the output channels in `weights`
  std::size_t channels = 0;            ///< of the output
  std::optional<engine::Tensor> bias;  ///< f32 [channels]
  std::int64_t groups = 1;

  [[nodiscard]] bool is_convolution() const { return weights.shape().rank() > 2; }
  /// Zeros where there is none.
  [[nodiscard]] std::vector<float> bias_values() const;
};

/// A node as a layer, or why it is none that can be quantized.
struct LayerMatch {
  Layer layer;
  bool is_layer_type = false;  ///< Conv, Gemm or MatMul
  std::string why_not;         ///< empty if `layer` is one
};

[[nodiscard]] LayerMatch match_layer(const engine::Graph& graph, const engine::Node& node);

}  // namespace lode::quant
