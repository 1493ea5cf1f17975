// The list of the family and the choice from it.
#include "engine/kernels/qconv/qconv.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::span<const QConvKernel* const> qconv_kernels() {
  static constexpr const QConvKernel* kList[] = {
#define LODE_KERNEL(name) &name,
#include "engine/kernels/qconv/kernels.inc"
#undef LODE_KERNEL
  };
  return kList;
}

Selection<QConvKernel> select_qconv(const QConvShape& shape, Isa cap) {
  return select_kernel(qconv_kernels(), shape, cap);
}

}  // namespace lode::engine
