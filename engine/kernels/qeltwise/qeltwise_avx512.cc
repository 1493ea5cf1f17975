// Elementwise kernels on bytes, sixty-four at a time.
#if defined(__x86_64__)

#include "engine/kernels/int_avx512.h"
//
#include "engine/kernels/qeltwise/qeltwise_simd.h"

namespace lode::engine {

constinit const QBinaryKernel avx512_u8_binary = {.name = "avx512_u8_binary",
                                                  .isa = Isa::kAvx512,
                                                  .strength = "sixty-four at a time",
                                                  .refuse = refuse_unless_qrows,
                                                  .task_count = binary_task_count,
                                                  .run = run_qbinary<I32x16>};

constinit const RequantiseKernel avx512_u8_requantise = {.name = "avx512_u8_requantise",
                                                         .isa = Isa::kAvx512,
                                                         .strength = "sixty-four at a time",
                                                         .task_count = qcopy_task_count,
                                                         .run = run_requantise<I32x16>};

}  // namespace lode::engine

#endif
