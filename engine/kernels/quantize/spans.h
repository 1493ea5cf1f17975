// How the kernels of every instruction set cut a quantisation into tasks, and the scale that a
// range gives. What files with -m flags need is inlined by force.
#pragma once

#include "engine/kernels/eltwise/rows.h"
#include "engine/kernels/qconv/requantise.h"
#include "engine/kernels/quantize/quantize.h"
#include "engine/kernels/value_range.h"

namespace lode::engine {

struct LinearScale {
  float scale = 1.0F;
  std::int32_t zero = 0;
};

/// DynamicQuantizeLinear's, of a least value <= 0 and a greatest >= 0.
[[nodiscard, gnu::always_inline]] inline LinearScale scale_of_range(float low, float high) {
  LinearScale result;
  result.scale = low == high ? 1.0F : (high - low) / 255.0F;
  result.zero = nearest_even(clamped(0.0F - low / result.scale, 0.0F, 255.0F));
  return result;
}

/// A task's pixels, all of one sample.
struct QuantizeTask {
  std::int64_t sample = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

[[nodiscard, gnu::always_inline]] inline std::int64_t pixels_of_task(const QuantizeShape& shape) {
  constexpr std::int64_t kVector = 16;  // whole vectors along the pixels of a plain input
  const std::int64_t channels = shape.channels > 0 ? shape.channels : 1;
  return round_up(kTaskElements / channels + 1, kVector);
}

[[nodiscard, gnu::always_inline]] inline QuantizeTask quantize_task(const QuantizeShape& shape,
                                                                    std::int64_t task) {
  const std::int64_t pixels = pixels_of_task(shape);
  const std::int64_t pieces = ceil_divide(shape.pixels, pixels);
  QuantizeTask share;
  share.sample = task / pieces;
  share.begin = task % pieces * pixels;
  share.end = share.begin + pixels < shape.pixels ? share.begin + pixels : shape.pixels;
  return share;
}

[[nodiscard]] std::int64_t quantize_task_count(const QuantizeShape& shape);

/// The scale for a task: the given one, or that of its sample's range, which the task that begins
/// the sample also writes down.
[[nodiscard, gnu::always_inline]] inline LinearScale scale_of_task(
    const QuantizeShape& shape, const QuantizeArguments& arguments, const QuantizeTask& share) {
  if (shape.ranges == 0) return {arguments.scale, arguments.zero};
  const std::int64_t set = shape.ranges == 1 ? 0 : share.sample;
  const float* pairs = arguments.ranges + set * shape.pieces * 2;
  float low = 0.0F;
  float high = 0.0F;
  for (std::int64_t i = 0; i < shape.pieces; ++i) {
    low = least_of(pairs[2 * i], low);
    high = greatest_of(pairs[2 * i + 1], high);
  }
  const LinearScale result = scale_of_range(low, high);
  if (share.begin == 0 && (shape.ranges > 1 || share.sample == 0)) {
    arguments.scales[set] = result.scale;
    arguments.zeros[set] = static_cast<std::uint8_t>(result.zero);
  }
  return result;
}

/// [rows, columns] of a range or a dequantisation, one long row where rows follow one another.
[[nodiscard, gnu::always_inline]] inline std::int64_t range_stride(const RangeShape& shape) {
  return shape.stride != 0 ? shape.stride : shape.columns;
}
[[nodiscard, gnu::always_inline]] inline RowCut cut_of(const RangeShape& shape) {
  return range_stride(shape) == shape.columns ? cut_rows(1, shape.rows * shape.columns)
                                              : cut_rows(shape.rows, shape.columns);
}
[[nodiscard, gnu::always_inline]] inline bool is_dense(const DequantizeShape& shape) {
  return (shape.x_stride == 0 || shape.x_stride == shape.columns) &&
         (shape.y_stride == 0 || shape.y_stride == shape.columns);
}
[[nodiscard, gnu::always_inline]] inline RowCut cut_of(const DequantizeShape& shape) {
  return is_dense(shape) ? cut_rows(1, shape.rows * shape.columns)
                         : cut_rows(shape.rows, shape.columns);
}

[[nodiscard]] std::int64_t range_task_count(const RangeShape& shape);
[[nodiscard]] std::int64_t dequantize_task_count(const DequantizeShape& shape);

}  // namespace lode::engine
