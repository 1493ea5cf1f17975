// The operands of MatMul and its kin: matrices, or stacks of them that broadcast.
#pragma once

#include "engine/graph/graph.h"

namespace lode::engine {

/// A stack of matrices: a vector counts as one row (left) or one column (right).
struct MatrixStack {
  Shape batch;  ///< the leading extents
  std::int64_t rows = 1;
  std::int64_t columns = 1;
};

/// `shape` has at least one dimension.
[[nodiscard]] MatrixStack as_stack(const Shape& shape, bool is_left);

/// The shape of a x b; both are of rank 1 or more. The error names the node and both shapes.
[[nodiscard]] Result<Shape> matmul_shape(const Node& node, const Shape& a, const Shape& b);

}  // namespace lode::engine
