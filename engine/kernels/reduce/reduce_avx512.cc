// Mean and softmax with sixteen floats a vector.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx512.h"
//
#include "engine/kernels/reduce/reduce_simd.h"

namespace lode::engine {

constinit const ReduceKernel avx512_f32_mean = {.name = "avx512_f32_mean",
                                                .isa = Isa::kAvx512,
                                                .strength = "dense, sixteen at a time",
                                                .task_count = reduce_task_count,
                                                .run = run_mean<F32x16>};

constinit const ReduceKernel avx512_f32_softmax = {.name = "avx512_f32_softmax",
                                                   .isa = Isa::kAvx512,
                                                   .strength = "three passes, sixteen at a time",
                                                   .task_count = reduce_task_count,
                                                   .run = run_softmax<F32x16>};

}  // namespace lode::engine

#endif
