// Pooling with eight channels a vector.
#if defined(__x86_64__)

#include "engine/kernels/simd_avx2.h"
//
#include "engine/kernels/pool/pool_simd.h"

namespace lode::engine {

constinit const PoolKernel avx2_f32_pool = {.name = "avx2_f32_pool",
                                            .isa = Isa::kAvx2,
                                            .strength = "eight channels at a time",
                                            .task_count = pool_task_count,
                                            .run = run_pool<F32x8>};

}  // namespace lode::engine

#endif
