// Quantisation and its inverse, 16 floats a vector.
#if defined(__x86_64__)

#include "engine/kernels/int_avx512.h"
//
#include "engine/kernels/quantize/quantize_simd.h"

namespace lode::engine {

constinit const QuantizeKernel avx512_quantize = {.name = "avx512_quantize",
                                                  .isa = Isa::kAvx512,
                                                  .strength = "16 at a time",
                                                  .task_count = quantize_task_count,
                                                  .run = run_quantize<I32x16>};

constinit const RangeKernel avx512_range = {.name = "avx512_range",
                                            .isa = Isa::kAvx512,
                                            .strength = "16 at a time",
                                            .task_count = range_task_count,
                                            .run = run_range<F32x16>};

constinit const DequantizeKernel avx512_dequantize = {.name = "avx512_dequantize",
                                                      .isa = Isa::kAvx512,
                                                      .strength = "16 at a time",
                                                      .task_count = dequantize_task_count,
                                                      .run = run_dequantize<I32x16>};

}  // namespace lode::engine

#endif
