#include "engine/kernels/eltwise/rows.h"

#include <algorithm>

namespace lode::engine {

std::int64_t unary_task_count(const UnaryShape& shape) {
  return cut_of(shape).task_count();
}

std::int64_t binary_task_count(const BinaryShape& shape) {
  return cut_of(shape).task_count();
}

std::int64_t affine_task_count(const AffineShape& shape) {
  return cut_of(shape).task_count();
}

std::int64_t copy_task_count(const CopyShape& shape) {
  return cut_of(shape).task_count();
}

std::string_view refuse_unless_rows(const BinaryShape& shape) {
  const std::size_t last = shape.rank - 1;
  if (shape.a_stride[last] > 1 || shape.b_stride[last] > 1) return "an input's rows are strided";
  return "";
}

TransposeCut cut_transpose(const CopyShape& shape) {
  TransposeCut cut;
  cut.planes = outer_rows(shape.extent, shape.rank - 1);
  cut.rows = shape.extent[shape.rank - 2];
  cut.columns = shape.extent[shape.rank - 1];
  cut.rows_per_task = round_up(
      std::max<std::int64_t>(1, kTaskElements / std::max<std::int64_t>(1, cut.columns)), 16);
  return cut;
}

std::int64_t transpose_task_count(const CopyShape& shape) {
  const TransposeCut cut = cut_transpose(shape);
  return cut.planes * cut.tasks_of_a_plane();
}

std::string_view refuse_unless_transpose(const CopyShape& shape) {
  if (shape.element_bytes != 4) return "the elements are not of 4 bytes";
  if (shape.rank < 2) return "one axis";
  const std::size_t last = shape.rank - 1;
  if (shape.to_stride[last] != 1 || shape.from_stride[last - 1] != 1) {
    return "no transposition of the inner axes";
  }
  return "";
}

}  // namespace lode::engine
