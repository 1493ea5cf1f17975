// AVX2 transforms for Winograd's convolution.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx2.h"

#include "engine/kernels/conv/winograd_simd.h"

namespace lode::engine {

const WinogradTransforms avx2_winograd2 = {winograd_input<F32x8, 2>, winograd_output<F32x8, 2>};
const WinogradTransforms avx2_winograd4 = {winograd_input<F32x8, 4>, winograd_output<F32x8, 4>};
const WinogradTransforms avx2_winograd6 = {winograd_input<F32x8, 6>, winograd_output<F32x8, 6>};

}  // namespace lode::engine

#endif
