// The list of the family and the choice from it.
#include <cmath>

#include "engine/kernels/gemm/gemm.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::span<const GemmKernel* const> gemm_kernels() {
  static constexpr const GemmKernel* kList[] = {
#define LODE_KERNEL(name) &name,
#include "engine/kernels/gemm/kernels.inc"
#undef LODE_KERNEL
  };
  return kList;
}

Selection<GemmKernel> select_gemm(const GemmShape& shape, Isa cap) {
  return select_kernel(gemm_kernels(), shape, cap);
}

double gemm_flops(const GemmShape& shape) {
  return 2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n) *
         static_cast<double>(shape.k);
}

double gemm_tolerance(std::int64_t k) {
  return (4.0 + std::sqrt(static_cast<double>(k))) * 0x1p-24;
}

}  // namespace lode::engine
