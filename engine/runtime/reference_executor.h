// Runs a graph node by node through the operators' references: for graphs whose shapes depend on
// the data, and as the truth that plans are tested against.
#pragma once

#include <span>
#include <vector>

#include "engine/graph/graph.h"

namespace lode::engine {

/// `inputs` parallel to graph.inputs(), of the declared types. Allocates every value, and drops it
/// after its last reader. Denormals count as zero, as in a session's run. Errors name the node.
[[nodiscard]] Result<std::vector<Tensor>> execute_by_reference(const Graph& graph,
                                                               std::span<const TensorView> inputs);

}  // namespace lode::engine
