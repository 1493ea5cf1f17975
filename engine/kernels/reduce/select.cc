// The lists of the family and the choices from them.
#include "engine/kernels/reduce/cut.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::int64_t reduce_task_count(const ReduceShape& shape) {
  return shape.outer * inner_pieces(shape);
}

std::span<const ReduceKernel* const> mean_kernels() {
  static constexpr const ReduceKernel* kList[] = {
#define LODE_MEAN_KERNEL(name) &name,
#include "engine/kernels/reduce/kernels.inc"
  };
  return kList;
}

std::span<const ReduceKernel* const> softmax_kernels() {
  static constexpr const ReduceKernel* kList[] = {
#define LODE_SOFTMAX_KERNEL(name) &name,
#include "engine/kernels/reduce/kernels.inc"
  };
  return kList;
}

std::span<const LrnKernel* const> lrn_kernels() {
  static constexpr const LrnKernel* kList[] = {
#define LODE_LRN_KERNEL(name) &name,
#include "engine/kernels/reduce/kernels.inc"
  };
  return kList;
}

Selection<ReduceKernel> select_mean(const ReduceShape& shape, Isa cap) {
  return select_kernel(mean_kernels(), shape, cap);
}

Selection<ReduceKernel> select_softmax(const ReduceShape& shape, Isa cap) {
  return select_kernel(softmax_kernels(), shape, cap);
}

Selection<LrnKernel> select_lrn(const LrnShape& shape, Isa cap) {
  return select_kernel(lrn_kernels(), shape, cap);
}

}  // namespace lode::engine
