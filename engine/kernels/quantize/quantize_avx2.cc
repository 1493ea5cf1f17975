// Quantisation and its inverse, 8 floats a vector.
#if defined(__x86_64__)

#include "engine/kernels/int_avx2.h"
//
#include "engine/kernels/quantize/quantize_simd.h"

namespace lode::engine {

constinit const QuantizeKernel avx2_quantize = {.name = "avx2_quantize",
                                                .isa = Isa::kAvx2,
                                                .strength = "8 at a time",
                                                .task_count = quantize_task_count,
                                                .run = run_quantize<I32x8>};

constinit const RangeKernel avx2_range = {.name = "avx2_range",
                                          .isa = Isa::kAvx2,
                                          .strength = "8 at a time",
                                          .task_count = range_task_count,
                                          .run = run_range<F32x8>};

constinit const DequantizeKernel avx2_dequantize = {.name = "avx2_dequantize",
                                                    .isa = Isa::kAvx2,
                                                    .strength = "8 at a time",
                                                    .task_count = dequantize_task_count,
                                                    .run = run_dequantize<I32x8>};

}  // namespace lode::engine

#endif
