// Shapes and strides of broadcasting.
#include "engine/ops/broadcast.h"

#include <algorithm>

#include "engine/ops/checks.h"

namespace lode::engine {
namespace {

// Extent of `shape` at `axis` of a shape of `rank`, to which it is aligned at the last axis.
std::int64_t aligned_extent(const Shape& shape, std::size_t axis, std::size_t rank) {
  const std::size_t missing = rank - shape.rank();
  return axis < missing ? 1 : shape[axis - missing];
}

}  // namespace

Result<Shape> broadcast_shapes(const Node& node, const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.rank(), b.rank());
  std::array<std::int64_t, Shape::kMaxRank> extents{};
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t left = aligned_extent(a, axis, rank);
    const std::int64_t right = aligned_extent(b, axis, rank);
    if (left != right && left != 1 && right != 1) {
      return node_error(node, "shapes {} and {} do not broadcast", a.to_string(), b.to_string());
    }
    extents[axis] = left == 1 ? right : left;
  }
  return make_shape(node, std::span(extents.data(), rank));
}

bool broadcasts_to(const Shape& operand, const Shape& target) {
  if (operand.rank() > target.rank()) return false;
  for (std::size_t axis = 0; axis < target.rank(); ++axis) {
    const std::int64_t extent = aligned_extent(operand, axis, target.rank());
    if (extent != 1 && extent != target[axis]) return false;
  }
  return true;
}

Shape broadcast_strides(const Shape& operand, const Shape& target) {
  LODE_ASSERT(broadcasts_to(operand, target));
  const Shape dense = operand.strides();
  Shape strides = target;
  for (std::size_t axis = 0; axis < target.rank(); ++axis) {
    const bool repeated = aligned_extent(operand, axis, target.rank()) == 1;
    strides[axis] = repeated ? 0 : dense[axis - (target.rank() - operand.rank())];
  }
  return strides;
}

}  // namespace lode::engine
