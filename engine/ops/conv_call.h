// A convolution that was lowered, open to who calls its kernel in parts.
#pragma once

#include "engine/kernels/conv/conv.h"

namespace lode::engine {

struct ConvCall {
  const ConvKernel* kernel = nullptr;
  ConvShape shape = {};
  const float* packed = nullptr;  ///< kept alive by the step that holds the call
  Activation activation = {};
};

}  // namespace lode::engine
