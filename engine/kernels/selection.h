// The rule by which every family picks a kernel: a pure function of shape, list and instruction
// set.
#pragma once

#include <span>
#include <string>

#include "base/assert.h"
#include "engine/kernels/kernel.h"

namespace lode::engine {

/// The first of `best_first` that takes the shape and needs no more than `cap`. A pure function;
/// every family ends its list with a kernel that takes all shapes on every machine.
template <typename AnyKernel, typename Shape>
[[nodiscard]] Selection<AnyKernel> select_kernel(std::span<const AnyKernel* const> best_first,
                                                 const Shape& shape, Isa cap) {
  std::string refusals;
  for (const AnyKernel* kernel : best_first) {
    std::string why;
    if (kernel->isa > cap) {
      why = "needs " + std::string(isa_name(kernel->isa));
    } else if (kernel->refuse != nullptr) {
      why = kernel->refuse(shape);
    }
    if (why.empty()) return {kernel, std::string(kernel->strength) + refusals};
    refusals += "; not " + std::string(kernel->name) + ": " + why;
  }
  LODE_ASSERT(false);
  return {};
}

}  // namespace lode::engine
