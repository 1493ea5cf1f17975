// Rounding to half, sixteen floats a vector.
#if defined(__x86_64__)

#include "engine/kernels/eltwise/round.h"
#include "engine/kernels/eltwise/rows.h"
#include "engine/kernels/simd_avx512.h"

namespace lode::engine {

namespace {

constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

void run(const RoundShape& shape, const RoundArguments& arguments, std::int64_t task) {
  const RowTask share = row_task(cut_rows(shape.rows, shape.columns), task);
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    float* values = arguments.values + row * shape.stride;
    for (std::int64_t i = share.begin; i < share.end; i += F32x16::kLanes) {
      const std::int64_t left = share.end - i;
      const auto valid = F32x16::first(left < F32x16::kLanes ? left : F32x16::kLanes);
      const __m256i halves = _mm512_cvtps_ph(F32x16::load(values + i, valid).lanes, kNearest);
      F32x16{_mm512_cvtph_ps(halves)}.store(values + i, valid);
    }
  }
}

}  // namespace

constinit const RoundKernel avx512_f32_round_half = {.name = "avx512_f32_round_half",
                                                     .isa = Isa::kAvx512,
                                                     .strength = "sixteen at a time",
                                                     .task_count = round_task_count,
                                                     .run = run};

}  // namespace lode::engine

#endif
