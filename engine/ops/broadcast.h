// NumPy's broadcasting, and the walk over several operands at once that element-wise references,
// transposition and reduction share.
#pragma once

#include <array>
#include <cstdint>

#include "engine/graph/graph.h"

namespace lode::engine {

/// The common shape of `a` and `b`: aligned at the last axis, where extents are equal or one is 1.
/// The error names the node and both shapes.
[[nodiscard]] Result<Shape> broadcast_shapes(const Node& node, const Shape& a, const Shape& b);

/// True if `operand` broadcasts to exactly `target`.
[[nodiscard]] bool broadcasts_to(const Shape& operand, const Shape& target);

/// Strides, in elements and parallel to `target`, that read `operand` as if it had that shape: 0
/// along repeated axes. `operand` must broadcast to `target`.
[[nodiscard]] Shape broadcast_strides(const Shape& operand, const Shape& target);

/// Where each of N operands stands at the start of a row (a run along the last axis).
template <std::size_t N>
struct Row {
  std::int64_t start = 0;                 ///< row-major position in the walked shape
  std::int64_t count = 1;                 ///< elements of the row
  std::array<std::int64_t, N> offsets{};  ///< each operand's element at the row's start
  std::array<std::int64_t, N> steps{};    ///< each operand's stride along the row
};

/// Calls body(const Row<N>&) for every row of `shape`, in row-major order; `strides` are each
/// operand's, parallel to `shape`. A scalar is one row of one element.
template <std::size_t N, typename Body>
void for_each_row(const Shape& shape, const std::array<Shape, N>& strides, Body body) {
  const std::size_t rank = shape.rank();
  Row<N> row;
  if (rank > 0) {
    if (shape.element_count() == 0) return;
    row.count = shape[rank - 1];
    for (std::size_t i = 0; i < N; ++i) row.steps[i] = strides[i][rank - 1];
  }
  std::array<std::int64_t, Shape::kMaxRank> index{};
  while (true) {
    body(row);
    row.start += row.count;
    std::size_t axis = rank > 0 ? rank - 1 : 0;
    for (; axis > 0; --axis) {
      const std::size_t outer = axis - 1;
      for (std::size_t i = 0; i < N; ++i) row.offsets[i] += strides[i][outer];
      if (++index[outer] < shape[outer]) break;
      for (std::size_t i = 0; i < N; ++i) row.offsets[i] -= strides[i][outer] * shape[outer];
      index[outer] = 0;
    }
    if (axis == 0) return;
  }
}

}  // namespace lode::engine
