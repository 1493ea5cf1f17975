// The lists of the family and the choices from them.
#include "base/assert.h"
#include "engine/kernels/peak/peak.h"

namespace lode::engine {

namespace {

/// Null where all need more.
template <typename AnyKernel>
const AnyKernel* best_of(std::span<const AnyKernel* const> best_first, Isa cap) {
  for (const AnyKernel* kernel : best_first) {
    if (kernel->isa <= cap) return kernel;
  }
  return nullptr;
}

}  // namespace

std::span<const PeakKernel* const> peak_kernels() {
  static constexpr const PeakKernel* kList[] = {
#define LODE_PEAK_KERNEL(name) &name,
#include "engine/kernels/peak/kernels.inc"
  };
  return kList;
}

std::span<const ProductPeakKernel* const> byte_peak_kernels() {
  static constexpr const ProductPeakKernel* kList[] = {
#define LODE_BYTE_PEAK_KERNEL(name) &name,
#include "engine/kernels/peak/kernels.inc"
  };
  return kList;
}

std::span<const ProductPeakKernel* const> pair_peak_kernels() {
  // Null at the end: there may be none on an architecture.
  static constexpr const ProductPeakKernel* kList[] = {
#define LODE_PAIR_PEAK_KERNEL(name) &name,
#include "engine/kernels/peak/kernels.inc"
      nullptr};
  return std::span(kList).first(std::size(kList) - 1);
}

bool multiplies_bytes(std::string_view kernel) {
  const std::size_t type = kernel.find('_');
  return type != std::string_view::npos && kernel.substr(type).starts_with("_u8_");
}

bool multiplies_pairs(std::string_view kernel) {
  return kernel.find("_bf16x3") != std::string_view::npos;
}

const PeakKernel& select_peak(Isa cap) {
  const PeakKernel* best = best_of(peak_kernels(), cap);
  LODE_ASSERT(best != nullptr);
  return *best;
}

const ProductPeakKernel& select_byte_peak(Isa cap) {
  const ProductPeakKernel* best = best_of(byte_peak_kernels(), cap);
  LODE_ASSERT(best != nullptr);
  return *best;
}

const ProductPeakKernel* select_pair_peak(Isa cap) {
  return best_of(pair_peak_kernels(), cap);
}

}  // namespace lode::engine
