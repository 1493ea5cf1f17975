// The activation that a pass fuses into the producing node. A fused node keeps its own operator
// and carries the attributes `lode_activation` ("Relu", ...), `lode_alpha` and `lode_beta`.
// The kinds and their formula (apply_activation) are the kernels': kernels/activation.h.
#pragma once

#include "engine/graph/graph.h"
#include "engine/kernels/activation.h"

namespace lode::engine {

/// The activation that a node of its own stands for, from its attributes; kNone for the operators
/// that are none. A bound that Clip does not have is infinite; bounds that are inputs (since
/// operator set 11) are the caller's to fill in. Errors name a bad attribute.
[[nodiscard]] Result<Activation> own_activation(const Node& node);

/// The activation carried by a node; kNone if it carries none. Errors name a bad attribute.
[[nodiscard]] Result<Activation> fused_activation(const Node& node);

}  // namespace lode::engine
