// Pooling of bytes, sixty-four channels a vector; sums 16.
#if defined(__x86_64__)

#include "engine/kernels/int_avx512.h"
//
#include "engine/kernels/qpool/qpool_simd.h"

namespace lode::engine {

constinit const QPoolKernel avx512_u8_pool = {.name = "avx512_u8_pool",
                                              .isa = Isa::kAvx512,
                                              .strength = "sixty-four channels at a time",
                                              .task_count = pool_task_count,
                                              .run = run_qpool<U8x64, I32x16>};

}  // namespace lode::engine

#endif
