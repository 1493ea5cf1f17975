// The list of the family and the choice from it.
#include "base/assert.h"
#include "engine/kernels/peak/peak.h"

namespace lode::engine {

std::span<const PeakKernel* const> peak_kernels() {
  static constexpr const PeakKernel* kList[] = {
#define LODE_KERNEL(name) &name,
#include "engine/kernels/peak/kernels.inc"
#undef LODE_KERNEL
  };
  return kList;
}

const PeakKernel& select_peak(Isa cap) {
  for (const PeakKernel* kernel : peak_kernels()) {
    if (kernel->isa <= cap) return *kernel;
  }
  LODE_ASSERT(false);
  return *peak_kernels().back();
}

}  // namespace lode::engine
