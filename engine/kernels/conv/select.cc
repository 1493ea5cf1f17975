// The list of the family and the choice from it.
#include <algorithm>

#include "engine/kernels/conv/conv.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::span<const ConvKernel* const> conv_kernels() {
  static constexpr const ConvKernel* kList[] = {
#define LODE_KERNEL(name) &name,
#include "engine/kernels/conv/kernels.inc"
#undef LODE_KERNEL
  };
  return kList;
}

Selection<ConvKernel> select_conv(const ConvShape& shape, Isa cap) {
  return select_kernel(conv_kernels(), shape, cap);
}

bool takes_plain_input(ConvShape shape, Isa cap) {
  shape.x_is_plain = true;
  return std::any_of(conv_kernels().begin(), conv_kernels().end(), [&](const ConvKernel* kernel) {
    return kernel->isa <= cap && (kernel->refuse == nullptr || kernel->refuse(shape).empty());
  });
}

double conv_flops(const ConvShape& shape) {
  return 2.0 * static_cast<double>(shape.batch * shape.out_pixels()) *
         static_cast<double>(shape.out_c) * static_cast<double>(shape.depth());
}

}  // namespace lode::engine
