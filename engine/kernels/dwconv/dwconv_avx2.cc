// Depthwise convolution with eight channels a vector: as many sums as sixteen registers hold.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx2.h"
//
#include "engine/kernels/dwconv/dwconv_simd.h"

namespace lode::engine {

namespace {

void run_3x3(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  if (shape.stride_h == 1) return run_taps<F32x8, 3, 1, 2, 3>(shape, arguments, task);
  return run_taps<F32x8, 3, 2, 1, 4>(shape, arguments, task);
}

void run_5x5(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  if (shape.stride_h == 1) return run_taps<F32x8, 5, 1, 2, 3>(shape, arguments, task);
  return run_taps<F32x8, 5, 2, 1, 4>(shape, arguments, task);
}

}  // namespace

constinit const DwConvKernel avx2_f32_dwconv_3x3(
    {.name = "avx2_f32_dwconv_3x3",
     .isa = Isa::kAvx2,
     .strength = "3x3 taps, tiles of 2x3 or 1x4 pixels",
     .takes_bands = true,
     .refuse = refuse_unless_taps<3>,
     .task_count = dwconv_task_count,
     .run = run_3x3},
    dwconv_packed_floats<8>, pack_dwconv<8>);

constinit const DwConvKernel avx2_f32_dwconv_5x5(
    {.name = "avx2_f32_dwconv_5x5",
     .isa = Isa::kAvx2,
     .strength = "5x5 taps, tiles of 2x3 or 1x4 pixels",
     .takes_bands = true,
     .refuse = refuse_unless_taps<5>,
     .task_count = dwconv_task_count,
     .run = run_5x5},
    dwconv_packed_floats<8>, pack_dwconv<8>);

constinit const DwConvKernel avx2_f32_dwconv({.name = "avx2_f32_dwconv",
                                              .isa = Isa::kAvx2,
                                              .strength = "any taps, a pixel at a time",
                                              .takes_bands = true,
                                              .refuse = refuse_unless_depthwise,
                                              .task_count = dwconv_task_count,
                                              .run = run_any<F32x8>},
                                             dwconv_packed_floats<8>, pack_dwconv<8>);

}  // namespace lode::engine

#endif
