// Elementwise kernels and transpositions, eight floats a vector.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx2.h"
//
#include "engine/kernels/eltwise/eltwise_simd.h"

namespace lode::engine {

constinit const UnaryKernel avx2_f32_unary = {.name = "avx2_f32_unary",
                                              .isa = Isa::kAvx2,
                                              .strength = "dense, eight at a time",
                                              .task_count = unary_task_count,
                                              .run = run_unary<F32x8>};

constinit const BinaryKernel avx2_f32_binary = {
    .name = "avx2_f32_binary",
    .isa = Isa::kAvx2,
    .strength = "rows dense or constant, eight at a time",
    .refuse = refuse_unless_rows,
    .task_count = binary_task_count,
    .run = run_binary<F32x8>};

constinit const AffineKernel avx2_f32_affine = {.name = "avx2_f32_affine",
                                                .isa = Isa::kAvx2,
                                                .strength = "dense, eight at a time",
                                                .task_count = affine_task_count,
                                                .run = run_affine<F32x8>};

constinit const CopyKernel avx2_copy_transpose = {
    .name = "avx2_copy_transpose",
    .isa = Isa::kAvx2,
    .strength = "transposes blocks of 8x8 in registers",
    .refuse = refuse_unless_transpose,
    .task_count = transpose_task_count,
    .run = run_transpose<F32x8>};

}  // namespace lode::engine

#endif
