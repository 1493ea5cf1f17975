// The lists of the family and the choices from them.
#include "base/assert.h"
#include "engine/kernels/peak/peak.h"

namespace lode::engine {

namespace {

template <typename AnyKernel>
const AnyKernel& best_of(std::span<const AnyKernel* const> best_first, Isa cap) {
  for (const AnyKernel* kernel : best_first) {
    if (kernel->isa <= cap) return *kernel;
  }
  LODE_ASSERT(false);
  return *best_first.back();
}

}  // namespace

std::span<const PeakKernel* const> peak_kernels() {
  static constexpr const PeakKernel* kList[] = {
#define LODE_PEAK_KERNEL(name) &name,
#include "engine/kernels/peak/kernels.inc"
  };
  return kList;
}

std::span<const BytePeakKernel* const> byte_peak_kernels() {
  static constexpr const BytePeakKernel* kList[] = {
#define LODE_BYTE_PEAK_KERNEL(name) &name,
#include "engine/kernels/peak/kernels.inc"
  };
  return kList;
}

bool multiplies_bytes(std::string_view kernel) {
  const std::size_t type = kernel.find('_');
  return type != std::string_view::npos && kernel.substr(type).starts_with("_u8_");
}

const PeakKernel& select_peak(Isa cap) {
  return best_of(peak_kernels(), cap);
}

const BytePeakKernel& select_byte_peak(Isa cap) {
  return best_of(byte_peak_kernels(), cap);
}

}  // namespace lode::engine
