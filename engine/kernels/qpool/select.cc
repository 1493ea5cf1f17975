// The list of the family and the choice from it.
#include "engine/kernels/qpool/qpool.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::span<const QPoolKernel* const> qpool_kernels() {
  static constexpr const QPoolKernel* kList[] = {
#define LODE_KERNEL(name) &name,
#include "engine/kernels/qpool/kernels.inc"
#undef LODE_KERNEL
  };
  return kList;
}

Selection<QPoolKernel> select_qpool(const PoolShape& shape, Isa cap) {
  return select_kernel(qpool_kernels(), shape, cap);
}

}  // namespace lode::engine
