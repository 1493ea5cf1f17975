// Mean and softmax with eight floats a vector.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx2.h"
//
#include "engine/kernels/reduce/reduce_simd.h"

namespace lode::engine {

constinit const ReduceKernel avx2_f32_mean = {.name = "avx2_f32_mean",
                                              .isa = Isa::kAvx2,
                                              .strength = "dense, eight at a time",
                                              .task_count = reduce_task_count,
                                              .run = run_mean<F32x8>};

constinit const ReduceKernel avx2_f32_softmax = {.name = "avx2_f32_softmax",
                                                 .isa = Isa::kAvx2,
                                                 .strength = "three passes, eight at a time",
                                                 .task_count = reduce_task_count,
                                                 .run = run_softmax<F32x8>};

}  // namespace lode::engine

#endif
