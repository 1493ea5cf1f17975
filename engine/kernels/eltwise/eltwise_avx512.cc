// Elementwise kernels and transpositions, sixteen floats a vector.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx512.h"
//
#include "engine/kernels/eltwise/eltwise_simd.h"

namespace lode::engine {

constinit const UnaryKernel avx512_f32_unary = {.name = "avx512_f32_unary",
                                                .isa = Isa::kAvx512,
                                                .strength = "dense, sixteen at a time",
                                                .task_count = unary_task_count,
                                                .run = run_unary<F32x16>};

constinit const BinaryKernel avx512_f32_binary = {
    .name = "avx512_f32_binary",
    .isa = Isa::kAvx512,
    .strength = "rows dense or constant, sixteen at a time",
    .refuse = refuse_unless_rows,
    .task_count = binary_task_count,
    .run = run_binary<F32x16>};

constinit const AffineKernel avx512_f32_affine = {.name = "avx512_f32_affine",
                                                  .isa = Isa::kAvx512,
                                                  .strength = "dense, sixteen at a time",
                                                  .task_count = affine_task_count,
                                                  .run = run_affine<F32x16>};

constinit const CopyKernel avx512_copy_transpose = {
    .name = "avx512_copy_transpose",
    .isa = Isa::kAvx512,
    .strength = "transposes blocks of 16x16 in registers",
    .refuse = refuse_unless_transpose,
    .task_count = transpose_task_count,
    .run = run_transpose<F32x16>};

}  // namespace lode::engine

#endif
