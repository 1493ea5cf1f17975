// AVX-512 transforms for Winograd's convolution.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx512.h"

#include "engine/kernels/conv/winograd_simd.h"

namespace lode::engine {

const WinogradTransforms avx512_winograd2 = {winograd_input<F32x16, 2>, winograd_output<F32x16, 2>};
const WinogradTransforms avx512_winograd4 = {winograd_input<F32x16, 4>, winograd_output<F32x16, 4>};
const WinogradTransforms avx512_winograd6 = {winograd_input<F32x16, 6>, winograd_output<F32x16, 6>};

}  // namespace lode::engine

#endif
