// The lists of the family, the choices from them, and the cuts.
#include "engine/kernels/qeltwise/qeltwise.h"
#include "engine/kernels/qeltwise/qrows.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::span<const QBinaryKernel* const> qbinary_kernels() {
  static constexpr const QBinaryKernel* kList[] = {
#define LODE_QBINARY_KERNEL(name) &name,
#include "engine/kernels/qeltwise/kernels.inc"
  };
  return kList;
}

std::span<const RequantiseKernel* const> requantise_kernels() {
  static constexpr const RequantiseKernel* kList[] = {
#define LODE_REQUANTISE_KERNEL(name) &name,
#include "engine/kernels/qeltwise/kernels.inc"
  };
  return kList;
}

std::span<const QTableKernel* const> qtable_kernels() {
  static constexpr const QTableKernel* kList[] = {
#define LODE_QTABLE_KERNEL(name) &name,
#include "engine/kernels/qeltwise/kernels.inc"
  };
  return kList;
}

Selection<QBinaryKernel> select_qbinary(const BinaryShape& shape, Isa cap) {
  return select_kernel(qbinary_kernels(), shape, cap);
}

Selection<RequantiseKernel> select_requantise(const QCopyShape& shape, Isa cap) {
  return select_kernel(requantise_kernels(), shape, cap);
}

Selection<QTableKernel> select_qtable(const QCopyShape& shape, Isa cap) {
  return select_kernel(qtable_kernels(), shape, cap);
}

std::int64_t qcopy_task_count(const QCopyShape& shape) {
  return cut_of(shape).task_count();
}

std::string_view refuse_unless_sum_or_product(const BinaryShape& shape) {
  const bool is_taken = shape.op == BinaryOp::kAdd || shape.op == BinaryOp::kMultiply;
  return is_taken ? "" : "neither a sum nor a product";
}

std::string_view refuse_unless_qrows(const BinaryShape& shape) {
  const std::string_view why = refuse_unless_sum_or_product(shape);
  return why.empty() ? refuse_unless_rows(shape) : why;
}

}  // namespace lode::engine
