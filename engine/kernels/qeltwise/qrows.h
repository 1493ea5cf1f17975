// What the kernels of every instruction set share: the constants of an operation and the cut of a
// copy. What files with -m flags need is inlined by force.
#pragma once

#include "engine/kernels/eltwise/rows.h"
#include "engine/kernels/qconv/requantise.h"
#include "engine/kernels/qeltwise/qeltwise.h"

namespace lode::engine {

[[nodiscard, gnu::always_inline]] inline std::int64_t x_step(const QCopyShape& shape) {
  return shape.x_stride != 0 ? shape.x_stride : shape.columns;
}
[[nodiscard, gnu::always_inline]] inline std::int64_t y_step(const QCopyShape& shape) {
  return shape.y_stride != 0 ? shape.y_stride : shape.columns;
}

/// One long row where rows follow one another on both sides.
[[nodiscard, gnu::always_inline]] inline RowCut cut_of(const QCopyShape& shape) {
  const bool is_dense = x_step(shape) == shape.columns && y_step(shape) == shape.columns;
  return is_dense ? cut_rows(1, shape.rows * shape.columns) : cut_rows(shape.rows, shape.columns);
}

[[nodiscard]] std::int64_t qcopy_task_count(const QCopyShape& shape);
[[nodiscard]] std::string_view refuse_unless_sum_or_product(const BinaryShape& shape);
/// Also inputs whose innermost stride is neither 0 nor 1.
[[nodiscard]] std::string_view refuse_unless_qrows(const BinaryShape& shape);

/// Factors of the formulas in qeltwise.h; a product has one alone.
struct QFactors {
  float a = 1.0F;
  float b = 0.0F;
};

[[nodiscard, gnu::always_inline]] inline QFactors factors_of(const BinaryShape& shape,
                                                             const QBinaryArguments& arguments) {
  const float y = arguments.y_scale.scale;
  if (shape.op == BinaryOp::kMultiply) {
    return {(arguments.a_scale.scale * arguments.b_scale.scale) / y, 0.0F};
  }
  return {arguments.a_scale.scale / y, arguments.b_scale.scale / y};
}

}  // namespace lode::engine
