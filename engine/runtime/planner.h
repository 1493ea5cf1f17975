// The making of a plan; see plan.h for its parts.
#pragma once

#include "engine/runtime/plan.h"

namespace lode::engine {

/// Everything of a plan but its pointers. Of a graph whose shapes depend on the data, only
/// `inferred` and `input_shapes` are filled. Throws ConstantsReleased where an earlier
/// plan had one released that this one needs.
[[nodiscard]] Result<PlanParts> make_plan(const Graph& graph, std::span<const Shape> input_shapes,
                                          WeightCache& weights, const PlanOptions& options);

}  // namespace lode::engine
