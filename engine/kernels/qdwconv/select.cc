// The list of the family and the choice from it.
#include "engine/kernels/qdwconv/qdwconv.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::span<const QDwConvKernel* const> qdwconv_kernels() {
  static constexpr const QDwConvKernel* kList[] = {
#define LODE_KERNEL(name) &name,
#include "engine/kernels/qdwconv/kernels.inc"
#undef LODE_KERNEL
  };
  return kList;
}

Selection<QDwConvKernel> select_qdwconv(const QConvShape& shape, Isa cap) {
  return select_kernel(qdwconv_kernels(), shape, cap);
}

}  // namespace lode::engine
