// Rounding in place to what IEEE half can hold: floats that an engine with half activations would
// have stored. Nearest even; from 65520 on infinite, as the format has it; NaN stays NaN. Exact:
// all variants give the same bits.
#pragma once

#include "engine/kernels/kernel.h"

namespace lode::engine {

/// [rows, columns] floats, the rows `stride` floats apart: pixels of a slice of channels, or one
/// long row of what is dense.
struct RoundShape {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t stride = 0;
};

struct RoundArguments {
  float* values = nullptr;
};

using RoundKernel = Kernel<RoundShape, RoundArguments>;

[[nodiscard]] std::span<const RoundKernel* const> round_kernels();
[[nodiscard]] Selection<RoundKernel> select_round(const RoundShape& shape, Isa cap);
[[nodiscard]] std::int64_t round_task_count(const RoundShape& shape);

/// Element by element.
void round_reference(const RoundShape& shape, const RoundArguments& arguments);

#define LODE_KERNEL(name) extern const RoundKernel name;
#include "engine/kernels/eltwise/round_kernels.inc"
#undef LODE_KERNEL

}  // namespace lode::engine
