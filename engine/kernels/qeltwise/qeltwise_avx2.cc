// Elementwise kernels on bytes, thirty-two at a time.
#if defined(__x86_64__)

#include "engine/kernels/int_avx2.h"
//
#include "engine/kernels/qeltwise/qeltwise_simd.h"

namespace lode::engine {

constinit const QBinaryKernel avx2_u8_binary = {.name = "avx2_u8_binary",
                                                .isa = Isa::kAvx2,
                                                .strength = "thirty-two at a time",
                                                .refuse = refuse_unless_qrows,
                                                .task_count = binary_task_count,
                                                .run = run_qbinary<I32x8>};

constinit const RequantiseKernel avx2_u8_requantise = {.name = "avx2_u8_requantise",
                                                       .isa = Isa::kAvx2,
                                                       .strength = "thirty-two at a time",
                                                       .task_count = qcopy_task_count,
                                                       .run = run_requantise<I32x8>};

}  // namespace lode::engine

#endif
