// The range of a dynamic quantisation, as inference and lowering see it.
#pragma once

#include "engine/graph/graph.h"
#include "engine/kernels/quantize/quantize.h"

namespace lode::engine {

/// What lode.DynamicRange and lode.DynamicQuantize take the range of: each image of `input`, dense
/// in either layout, or with lode_per_tensor all of it.
[[nodiscard]] Result<RangeShape> range_shape(const Node& node, const Shape& input);

}  // namespace lode::engine
