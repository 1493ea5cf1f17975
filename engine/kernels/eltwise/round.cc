// The list, the choice from it, the reference, and the variant for every machine.
#include "engine/kernels/eltwise/round.h"

#include "base/dtype.h"
#include "engine/kernels/eltwise/rows.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

namespace {

float rounded(float value) {
  return f16_to_f32(f32_to_f16(value));
}

void run(const RoundShape& shape, const RoundArguments& arguments, std::int64_t task) {
  const RowTask share = row_task(cut_rows(shape.rows, shape.columns), task);
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    float* values = arguments.values + row * shape.stride;
    for (std::int64_t i = share.begin; i < share.end; ++i) values[i] = rounded(values[i]);
  }
}

}  // namespace

std::span<const RoundKernel* const> round_kernels() {
  static constexpr const RoundKernel* kList[] = {
#define LODE_KERNEL(name) &name,
#include "engine/kernels/eltwise/round_kernels.inc"
#undef LODE_KERNEL
  };
  return kList;
}

Selection<RoundKernel> select_round(const RoundShape& shape, Isa cap) {
  return select_kernel(round_kernels(), shape, cap);
}

std::int64_t round_task_count(const RoundShape& shape) {
  return cut_rows(shape.rows, shape.columns).task_count();
}

void round_reference(const RoundShape& shape, const RoundArguments& arguments) {
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t i = 0; i < shape.columns; ++i) {
      float& value = arguments.values[row * shape.stride + i];
      value = rounded(value);
    }
  }
}

const RoundKernel generic_f32_round_half = {.name = "generic_f32_round_half",
                                            .isa = Isa::kGeneric,
                                            .strength = "element by element",
                                            .task_count = round_task_count,
                                            .run = run};

}  // namespace lode::engine
