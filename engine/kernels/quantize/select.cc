// The lists of the family, the choices from them, and the cuts.
#include "engine/kernels/quantize/quantize.h"
#include "engine/kernels/quantize/spans.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::span<const QuantizeKernel* const> quantize_kernels() {
  static constexpr const QuantizeKernel* kList[] = {
#define LODE_QUANTIZE_KERNEL(name) &name,
#include "engine/kernels/quantize/kernels.inc"
  };
  return kList;
}

std::span<const RangeKernel* const> range_kernels() {
  static constexpr const RangeKernel* kList[] = {
#define LODE_RANGE_KERNEL(name) &name,
#include "engine/kernels/quantize/kernels.inc"
  };
  return kList;
}

std::span<const DequantizeKernel* const> dequantize_kernels() {
  static constexpr const DequantizeKernel* kList[] = {
#define LODE_DEQUANTIZE_KERNEL(name) &name,
#include "engine/kernels/quantize/kernels.inc"
  };
  return kList;
}

Selection<QuantizeKernel> select_quantize(const QuantizeShape& shape, Isa cap) {
  return select_kernel(quantize_kernels(), shape, cap);
}

Selection<RangeKernel> select_range(const RangeShape& shape, Isa cap) {
  return select_kernel(range_kernels(), shape, cap);
}

Selection<DequantizeKernel> select_dequantize(const DequantizeShape& shape, Isa cap) {
  return select_kernel(dequantize_kernels(), shape, cap);
}

std::int64_t quantize_task_count(const QuantizeShape& shape) {
  return shape.samples * ceil_divide(shape.pixels, pixels_of_task(shape));
}

std::int64_t range_pieces(const RangeShape& shape) {
  return cut_of(shape).task_count();
}

std::int64_t range_task_count(const RangeShape& shape) {
  return shape.samples * range_pieces(shape);
}

std::int64_t dequantize_task_count(const DequantizeShape& shape) {
  return cut_of(shape).task_count();
}

}  // namespace lode::engine
