// Shapes of every value of a graph, once its inputs have extents.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "engine/ops/operator.h"

namespace lode::engine {

/// Types, shapes and known constants of all values, indexed by ValueId. Small integer results that
/// follow from shapes (Shape -> Gather -> Concat -> Reshape chains) are computed here and are
/// constants from then on.
struct InferredGraph {
  std::vector<ValueInfo> values;
  std::deque<Tensor> owned;  ///< constants that inference computed; `values` points into it
  /// Nodes whose output shapes depend on the data: the plan cannot be static if any.
  std::vector<NodeId> data_dependent;
};

/// `input_shapes` parallel to graph.inputs(), all static and consistent with the declared ones.
/// Errors name the node, the values and the extents.
[[nodiscard]] Result<InferredGraph> infer_shapes(const Graph& graph,
                                                 std::span<const Shape> input_shapes);

/// Runs one node by its reference with fresh outputs. For constant folding, for inference and for
/// the reference executor.
[[nodiscard]] Result<std::vector<Tensor>> run_reference(const Node& node,
                                                        std::span<const Tensor* const> inputs);

}  // namespace lode::engine
