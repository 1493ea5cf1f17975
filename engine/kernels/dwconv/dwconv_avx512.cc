// Depthwise convolution with sixteen channels a vector: 14 sums beside a row of pixels.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx512.h"
//
#include "engine/kernels/dwconv/dwconv_simd.h"

namespace lode::engine {

namespace {

void run_3x3(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  if (shape.stride_h == 1) return run_taps<F32x16, 3, 1, 2, 7>(shape, arguments, task);
  return run_taps<F32x16, 3, 2, 2, 7>(shape, arguments, task);
}

void run_5x5(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  if (shape.stride_h == 1) return run_taps<F32x16, 5, 1, 2, 7>(shape, arguments, task);
  return run_taps<F32x16, 5, 2, 2, 7>(shape, arguments, task);
}

}  // namespace

constinit const DwConvKernel avx512_f32_dwconv_3x3({.name = "avx512_f32_dwconv_3x3",
                                                    .isa = Isa::kAvx512,
                                                    .strength = "3x3 taps, tiles of 2x7 pixels",
                                                    .takes_bands = true,
                                                    .refuse = refuse_unless_taps<3>,
                                                    .task_count = dwconv_task_count,
                                                    .run = run_3x3},
                                                   dwconv_packed_floats<16>, pack_dwconv<16>);

constinit const DwConvKernel avx512_f32_dwconv_5x5({.name = "avx512_f32_dwconv_5x5",
                                                    .isa = Isa::kAvx512,
                                                    .strength = "5x5 taps, tiles of 2x7 pixels",
                                                    .takes_bands = true,
                                                    .refuse = refuse_unless_taps<5>,
                                                    .task_count = dwconv_task_count,
                                                    .run = run_5x5},
                                                   dwconv_packed_floats<16>, pack_dwconv<16>);

constinit const DwConvKernel avx512_f32_dwconv({.name = "avx512_f32_dwconv",
                                                .isa = Isa::kAvx512,
                                                .strength = "any taps, a pixel at a time",
                                                .takes_bands = true,
                                                .refuse = refuse_unless_depthwise,
                                                .task_count = dwconv_task_count,
                                                .run = run_any<F32x16>},
                                               dwconv_packed_floats<16>, pack_dwconv<16>);

}  // namespace lode::engine

#endif
