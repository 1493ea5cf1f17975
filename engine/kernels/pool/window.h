// Where a pooling window lies, for the kernels of every instruction set. Inlined by force: files
// with -m flags use it.
#pragma once

#include <type_traits>

#include "engine/kernels/conv/conv.h"
#include "engine/kernels/pool/pool.h"

namespace lode::engine {

/// The taps of one output pixel that lie inside the image, from channel 0 on.
template <typename Element>
struct PoolWindowOf {
  const Element* x = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t row_step = 0;  ///< elements from a row of taps to the next
  std::int64_t column_step = 0;
  std::int64_t cells = 1;  ///< what an average divides by

  [[nodiscard, gnu::always_inline]] const Element* tap(std::int64_t row,
                                                       std::int64_t column) const {
    return x + row * row_step + column * column_step;
  }
};

using PoolWindow = PoolWindowOf<float>;

/// Taps in front of `extent` plus the padding behind it: what a padded average counts.
[[nodiscard, gnu::always_inline]] inline std::int64_t taps_in_padding(std::int64_t first,
                                                                      std::int64_t dilation,
                                                                      std::int64_t kernel,
                                                                      std::int64_t extent,
                                                                      std::int64_t pad_end) {
  if (first >= extent + pad_end) return 0;
  const std::int64_t taps = ceil_divide(extent + pad_end - first, dilation);
  return taps < kernel ? taps : kernel;
}

/// Calls visit(window, y) for the pixels of output row `row` of all images, from left to right.
/// Of `arguments` it reads x and y, pointers to an element.
template <typename Arguments, typename Visit>
[[gnu::always_inline]] inline void visit_windows(const PoolShape& shape, const Arguments& arguments,
                                                 std::int64_t row, const Visit& visit) {
  const std::int64_t channels = shape.channels;
  const std::int64_t first_y = row % shape.out_h * shape.stride_h - shape.pad_top;
  const TapRange rows = taps_inside(first_y, shape.dilation_h, shape.kernel_h, shape.in_h);
  const std::int64_t padded_rows =
      taps_in_padding(first_y, shape.dilation_h, shape.kernel_h, shape.in_h, shape.pad_bottom);
  const auto* image = arguments.x + row / shape.out_h * shape.in_h * shape.in_w * channels;
  auto* y = arguments.y + row * shape.out_w * channels;
  PoolWindowOf<std::remove_cvref_t<decltype(*image)>> window;
  window.rows = rows.end - rows.begin;
  window.row_step = shape.dilation_h * shape.in_w * channels;
  window.column_step = shape.dilation_w * channels;
  for (std::int64_t out_x = 0; out_x < shape.out_w; ++out_x, y += channels) {
    const std::int64_t first_x = out_x * shape.stride_w - shape.pad_left;
    const TapRange columns = taps_inside(first_x, shape.dilation_w, shape.kernel_w, shape.in_w);
    window.columns = columns.end - columns.begin;
    window.x = image + ((first_y + rows.begin * shape.dilation_h) * shape.in_w + first_x +
                        columns.begin * shape.dilation_w) *
                           channels;
    window.cells = window.rows * window.columns;
    if (shape.kind == PoolKind::kAveragePadded) {
      window.cells = padded_rows * taps_in_padding(first_x, shape.dilation_w, shape.kernel_w,
                                                   shape.in_w, shape.pad_right);
    }
    if (window.cells < 1) window.cells = 1;
    visit(window, y);
  }
}

[[nodiscard]] std::int64_t pool_task_count(const PoolShape& shape);

}  // namespace lode::engine
