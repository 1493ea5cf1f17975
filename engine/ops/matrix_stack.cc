#include "engine/ops/matrix_stack.h"

#include "engine/ops/broadcast.h"
#include "engine/ops/checks.h"

namespace lode::engine {

MatrixStack as_stack(const Shape& shape, bool is_left) {
  MatrixStack stack;
  const std::size_t rank = shape.rank();
  if (rank == 1) {
    (is_left ? stack.columns : stack.rows) = shape[0];
    return stack;
  }
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) stack.batch.push_back(shape[axis]);
  stack.rows = shape[rank - 2];
  stack.columns = shape[rank - 1];
  return stack;
}

Result<Shape> matmul_shape(const Node& node, const Shape& a, const Shape& b) {
  const MatrixStack left = as_stack(a, true);
  const MatrixStack right = as_stack(b, false);
  if (left.columns != right.rows) {
    return node_error(node, "A {} and B {} do not fit each other", a.to_string(), b.to_string());
  }
  LODE_TRY(Shape result, broadcast_shapes(node, left.batch, right.batch));
  if (a.rank() > 1) result.push_back(left.rows);
  if (b.rank() > 1) result.push_back(right.columns);
  return result;
}

}  // namespace lode::engine
