// Pooling of bytes, thirty-two channels a vector; sums 8.
#if defined(__x86_64__)

#include "engine/kernels/int_avx2.h"
//
#include "engine/kernels/qpool/qpool_simd.h"

namespace lode::engine {

constinit const QPoolKernel avx2_u8_pool = {.name = "avx2_u8_pool",
                                            .isa = Isa::kAvx2,
                                            .strength = "thirty-two channels at a time",
                                            .task_count = pool_task_count,
                                            .run = run_qpool<U8x32, I32x8>};

}  // namespace lode::engine

#endif
