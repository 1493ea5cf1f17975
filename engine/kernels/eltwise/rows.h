// How elementwise kernels walk a shape: rows along the innermost axis, long ones cut into pieces,
// and tasks of about kTaskElements elements.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "engine/kernels/kernel.h"

namespace lode::engine {

/// Elements of a task: large enough to hide the hand-out of tasks to workers.
inline constexpr std::int64_t kTaskElements = 1 << 14;

/// The cut of [rows, inner] elements into tasks.
struct RowCut {
  std::int64_t rows = 0;
  std::int64_t inner = 0;
  std::int64_t rows_per_task = 1;
  std::int64_t pieces = 1;  ///< of a row

  [[nodiscard]] std::int64_t task_count() const {
    return ceil_divide(rows, rows_per_task) * pieces;
  }
};

[[nodiscard]] inline RowCut cut_rows(std::int64_t rows, std::int64_t inner) {
  RowCut cut;
  cut.rows = rows;
  cut.inner = inner;
  cut.pieces = std::max<std::int64_t>(1, ceil_divide(inner, kTaskElements));
  cut.rows_per_task = std::max<std::int64_t>(1, kTaskElements / std::max<std::int64_t>(1, inner));
  return cut;
}

/// A task's share: rows [row_begin, row_end), of each the elements [begin, end).
struct RowTask {
  std::int64_t row_begin = 0;
  std::int64_t row_end = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

[[nodiscard]] inline RowTask row_task(const RowCut& cut, std::int64_t task) {
  RowTask share;
  share.row_begin = task / cut.pieces * cut.rows_per_task;
  share.row_end = std::min(cut.rows, share.row_begin + cut.rows_per_task);
  share.begin = task % cut.pieces * kTaskElements;
  share.end = cut.pieces == 1 ? cut.inner : std::min(cut.inner, share.begin + kTaskElements);
  return share;
}

/// Product of the extents of all axes but the last.
[[nodiscard]] inline std::int64_t outer_rows(std::span<const std::int64_t> extents) {
  std::int64_t rows = 1;
  for (std::size_t axis = 0; axis + 1 < extents.size(); ++axis) rows *= extents[axis];
  return rows;
}

/// Offset of row `row` (row-major over all axes but the last) in a tensor of these strides.
[[nodiscard]] inline std::int64_t row_offset(std::span<const std::int64_t> extents,
                                             std::span<const std::int64_t> strides,
                                             std::int64_t row) {
  std::int64_t offset = 0;
  for (std::size_t axis = extents.size() - 1; axis-- > 0;) {
    offset += row % extents[axis] * strides[axis];
    row /= extents[axis];
  }
  return offset;
}

}  // namespace lode::engine
