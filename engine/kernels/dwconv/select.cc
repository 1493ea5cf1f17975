// The list of the family and the choice from it.
#include "engine/kernels/dwconv/dwconv.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::span<const DwConvKernel* const> dwconv_kernels() {
  static constexpr const DwConvKernel* kList[] = {
#define LODE_KERNEL(name) &name,
#include "engine/kernels/dwconv/kernels.inc"
#undef LODE_KERNEL
  };
  return kList;
}

Selection<DwConvKernel> select_dwconv(const ConvShape& shape, Isa cap) {
  return select_kernel(dwconv_kernels(), shape, cap);
}

}  // namespace lode::engine
