// The list of the family and the choice from it.
#include "engine/kernels/pool/pool.h"
#include "engine/kernels/pool/window.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::int64_t pool_task_count(const PoolShape& shape) {
  return shape.batch * shape.out_h;
}

std::span<const PoolKernel* const> pool_kernels() {
  static constexpr const PoolKernel* kList[] = {
#define LODE_KERNEL(name) &name,
#include "engine/kernels/pool/kernels.inc"
#undef LODE_KERNEL
  };
  return kList;
}

Selection<PoolKernel> select_pool(const PoolShape& shape, Isa cap) {
  return select_kernel(pool_kernels(), shape, cap);
}

}  // namespace lode::engine
