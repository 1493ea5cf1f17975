// The activation that a pass fuses into the producing node. A fused node keeps its own operator
// and carries the attributes `lode_activation` ("Relu", ...), `lode_alpha` and `lode_beta`.
// The kinds and their formula (apply_activation) are the kernels': kernels/activation.h.
#pragma once

#include "engine/graph/graph.h"
#include "engine/kernels/activation.h"

namespace lode::engine {

/// The activation carried by a node; kNone if it carries none. Errors name a bad attribute.
[[nodiscard]] Result<Activation> fused_activation(const Node& node);

}  // namespace lode::engine
