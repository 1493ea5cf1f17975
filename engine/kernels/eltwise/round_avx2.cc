// Rounding to half, eight floats a vector.
#if defined(__x86_64__)

#include "engine/kernels/eltwise/round.h"
#include "engine/kernels/eltwise/rows.h"
#include "engine/kernels/simd_avx2.h"

namespace lode::engine {

namespace {

constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT;

void run(const RoundShape& shape, const RoundArguments& arguments, std::int64_t task) {
  const RowTask share = row_task(cut_rows(shape.rows, shape.columns), task);
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    float* values = arguments.values + row * shape.stride;
    for (std::int64_t i = share.begin; i < share.end; i += F32x8::kLanes) {
      const std::int64_t left = share.end - i;
      const auto valid = F32x8::first(left < F32x8::kLanes ? left : F32x8::kLanes);
      const __m128i halves = _mm256_cvtps_ph(F32x8::load(values + i, valid).lanes, kNearest);
      F32x8{_mm256_cvtph_ps(halves)}.store(values + i, valid);
    }
  }
}

}  // namespace

constinit const RoundKernel avx2_f32_round_half = {.name = "avx2_f32_round_half",
                                                   .isa = Isa::kAvx2,
                                                   .strength = "eight at a time",
                                                   .task_count = round_task_count,
                                                   .run = run};

}  // namespace lode::engine

#endif
