// How elementwise kernels walk a shape: rows along the innermost axis, long ones cut into pieces,
// and tasks of about kTaskElements elements. What files with -m flags need of it is inlined by
// force or lies in rows.cc.
#pragma once

#include <cstdint>
#include <span>

#include "engine/kernels/eltwise/copy.h"
#include "engine/kernels/eltwise/eltwise.h"
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

  [[nodiscard, gnu::always_inline]] std::int64_t task_count() const {
    return ceil_divide(rows, rows_per_task) * pieces;
  }
};

[[nodiscard, gnu::always_inline]] inline RowCut cut_rows(std::int64_t rows, std::int64_t inner) {
  RowCut cut;
  cut.rows = rows;
  cut.inner = inner;
  cut.pieces = inner > kTaskElements ? ceil_divide(inner, kTaskElements) : 1;
  cut.rows_per_task = inner > 0 && inner < kTaskElements ? kTaskElements / inner : 1;
  return cut;
}

/// A task's share: rows [row_begin, row_end), of each the elements [begin, end).
struct RowTask {
  std::int64_t row_begin = 0;
  std::int64_t row_end = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;

  [[nodiscard, gnu::always_inline]] std::int64_t count() const { return end - begin; }
};

[[nodiscard, gnu::always_inline]] inline RowTask row_task(const RowCut& cut, std::int64_t task) {
  RowTask share;
  share.row_begin = task / cut.pieces * cut.rows_per_task;
  share.row_end = share.row_begin + cut.rows_per_task;
  if (share.row_end > cut.rows) share.row_end = cut.rows;
  share.begin = task % cut.pieces * kTaskElements;
  share.end = share.begin + kTaskElements;
  if (cut.pieces == 1 || share.end > cut.inner) share.end = cut.inner;
  return share;
}

/// Product of the extents of all axes but the last.
[[nodiscard, gnu::always_inline]] inline std::int64_t outer_rows(const std::int64_t* extents,
                                                                 std::size_t rank) {
  std::int64_t rows = 1;
  for (std::size_t axis = 0; axis + 1 < rank; ++axis) rows *= extents[axis];
  return rows;
}

/// Offset of row `row` (row-major over all axes but the last) in a tensor of these strides.
[[nodiscard, gnu::always_inline]] inline std::int64_t row_offset(const std::int64_t* extents,
                                                                 const std::int64_t* strides,
                                                                 std::size_t rank,
                                                                 std::int64_t row) {
  std::int64_t offset = 0;
  for (std::size_t axis = rank - 1; axis-- > 0;) {
    offset += row % extents[axis] * strides[axis];
    row /= extents[axis];
  }
  return offset;
}

/// The offsets of one row after the other in two tensors, without a division a row.
class RowWalker {
 public:
  [[gnu::always_inline]] RowWalker(const std::int64_t* extents, std::size_t rank,
                                   const std::int64_t* a_strides, const std::int64_t* b_strides,
                                   std::int64_t row)
      : extents_(extents), rank_(rank), a_strides_(a_strides), b_strides_(b_strides) {
    for (std::size_t axis = rank - 1; axis-- > 0;) {
      index_[axis] = row % extents[axis];
      row /= extents[axis];
      a_ += index_[axis] * a_strides[axis];
      b_ += index_[axis] * b_strides[axis];
    }
  }

  [[nodiscard, gnu::always_inline]] std::int64_t a() const { return a_; }
  [[nodiscard, gnu::always_inline]] std::int64_t b() const { return b_; }

  [[gnu::always_inline]] void next() {
    for (std::size_t axis = rank_ - 1; axis-- > 0;) {
      a_ += a_strides_[axis];
      b_ += b_strides_[axis];
      if (++index_[axis] < extents_[axis]) return;
      a_ -= a_strides_[axis] * extents_[axis];
      b_ -= b_strides_[axis] * extents_[axis];
      index_[axis] = 0;
    }
  }

 private:
  const std::int64_t* extents_;
  std::size_t rank_;
  const std::int64_t* a_strides_;
  const std::int64_t* b_strides_;
  std::int64_t a_ = 0;
  std::int64_t b_ = 0;
  std::int64_t index_[Shape::kMaxRank] = {};
};

[[nodiscard, gnu::always_inline]] inline RowCut cut_of(const UnaryShape& shape) {
  return cut_rows(1, shape.count);
}
[[nodiscard, gnu::always_inline]] inline RowCut cut_of(const BinaryShape& shape) {
  return cut_rows(outer_rows(shape.extent, shape.rank), shape.extent[shape.rank - 1]);
}
/// Rows: [outer, channels] of `inner` elements each, or [outer] of `channels` when inner is 1.
[[nodiscard, gnu::always_inline]] inline RowCut cut_of(const AffineShape& shape) {
  return shape.inner == 1 ? cut_rows(shape.outer, shape.channels)
                          : cut_rows(shape.outer * shape.channels, shape.inner);
}
[[nodiscard, gnu::always_inline]] inline RowCut cut_of(const CopyShape& shape) {
  return cut_rows(outer_rows(shape.extent, shape.rank), shape.extent[shape.rank - 1]);
}

/// task_count of the kernels that follow these cuts.
[[nodiscard]] std::int64_t unary_task_count(const UnaryShape& shape);
[[nodiscard]] std::int64_t binary_task_count(const BinaryShape& shape);
[[nodiscard]] std::int64_t affine_task_count(const AffineShape& shape);
[[nodiscard]] std::int64_t copy_task_count(const CopyShape& shape);

/// Refuses inputs whose innermost stride is neither 0 nor 1.
[[nodiscard]] std::string_view refuse_unless_rows(const BinaryShape& shape);

/// A copy as transpositions: of the two innermost axes, [from, to] elements, the one is dense in
/// the source and the other in the target. A task is `rows_per_task` of the first axis.
struct TransposeCut {
  std::int64_t planes = 1;
  std::int64_t rows = 0;     ///< dense in the source
  std::int64_t columns = 0;  ///< dense in the target
  std::int64_t rows_per_task = 1;

  [[nodiscard, gnu::always_inline]] std::int64_t tasks_of_a_plane() const {
    return ceil_divide(rows, rows_per_task);
  }
};

/// `rows_per_task` is a multiple of 16.
[[nodiscard]] TransposeCut cut_transpose(const CopyShape& shape);
[[nodiscard]] std::int64_t transpose_task_count(const CopyShape& shape);
[[nodiscard]] std::string_view refuse_unless_transpose(const CopyShape& shape);

}  // namespace lode::engine
