// What one kernel does of a step that calls several.
#pragma once

#include <string>

namespace lode::engine {

struct KernelFlops {
  std::string kernel;
  double flops = 0.0;  ///< of the definition, a multiply-add counting as two
};

}  // namespace lode::engine
