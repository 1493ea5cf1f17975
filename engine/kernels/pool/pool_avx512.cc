// Pooling with sixteen channels a vector.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx512.h"
//
#include "engine/kernels/pool/pool_simd.h"

namespace lode::engine {

constinit const PoolKernel avx512_f32_pool = {.name = "avx512_f32_pool",
                                              .isa = Isa::kAvx512,
                                              .strength = "sixteen channels at a time",
                                              .task_count = pool_task_count,
                                              .run = run_pool<F32x16>};

}  // namespace lode::engine

#endif
