// Runs a Graph by the operators' references: what a rewrite must not change, and what kernels and
// plans are compared with.
#pragma once

#include <span>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/ops/shape_inference.h"

namespace lode::engine {

/// The graph's outputs, in its order, for `inputs` in the order of graph.inputs().
inline Result<std::vector<Tensor>> run_graph(const Graph& graph, std::span<const Tensor> inputs) {
  LODE_ASSERT(inputs.size() == graph.inputs().size());
  std::vector<std::optional<Tensor>> values(graph.value_capacity());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (const Tensor* constant = graph.constant(static_cast<ValueId>(i))) values[i] = *constant;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values[static_cast<std::size_t>(graph.inputs()[i])] = inputs[i];
  }
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    std::vector<const Tensor*> arguments;
    for (const ValueId input : node.inputs) {
      arguments.push_back(input == kNoValue ? nullptr : &*values[static_cast<std::size_t>(input)]);
    }
    LODE_TRY(std::vector<Tensor> results, run_reference(node, arguments));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      values[static_cast<std::size_t>(node.outputs[i])] = std::move(results[i]);
    }
  }
  std::vector<Tensor> outputs;
  for (const ValueId output : graph.outputs()) {
    outputs.push_back(*values[static_cast<std::size_t>(output)]);
  }
  return outputs;
}

}  // namespace lode::engine
