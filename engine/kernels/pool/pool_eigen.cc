// The baseline pooling: a packet of channels at a time over the taps inside the image. A task is
// one row of output pixels.
#include <algorithm>
#include <limits>

#include "engine/kernels/conv/conv.h"
#include "engine/kernels/packet.h"
#include "engine/kernels/pool/pool.h"

namespace lode::engine {

namespace {

std::int64_t task_count(const PoolShape& shape) {
  return shape.batch * shape.out_h;
}

/// The taps of one output pixel that lie inside the image, from channel 0 on.
struct Window {
  const float* x;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t row_step;
  std::int64_t column_step;
};

template <typename Visit>
void visit_taps(const Window& window, const Visit& visit) {
  for (std::int64_t row = 0; row < window.rows; ++row) {
    const float* x = window.x + row * window.row_step;
    for (std::int64_t column = 0; column < window.columns; ++column) {
      visit(x + column * window.column_step);
    }
  }
}

void maximum_of(const Window& window, std::int64_t channels, float* y) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    Packet maximum = broadcast(kLowest);
    visit_taps(window, [&](const float* x) { maximum = maximum_or_nan(load(x + c), maximum); });
    store(y + c, maximum);
  }
  for (; c < channels; ++c) {
    float maximum = kLowest;
    visit_taps(window, [&](const float* x) { maximum = greater_or_nan(maximum, x[c]); });
    y[c] = maximum;
  }
}

void average_of(const Window& window, std::int64_t channels, float count, float* y) {
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    Packet sum = broadcast(0.0F);
    visit_taps(window, [&](const float* x) { sum = add(sum, load(x + c)); });
    store(y + c, divide(sum, broadcast(count)));
  }
  for (; c < channels; ++c) {
    float sum = 0.0F;
    visit_taps(window, [&](const float* x) { sum += x[c]; });
    y[c] = sum / count;
  }
}

/// Taps in front of `extent` plus the padding behind it: what a padded average counts.
std::int64_t taps_in_padding(std::int64_t first, std::int64_t dilation, std::int64_t kernel,
                             std::int64_t extent, std::int64_t pad_end) {
  if (first >= extent + pad_end) return 0;
  return std::min(kernel, ceil_divide(extent + pad_end - first, dilation));
}

void run(const PoolShape& shape, const PoolArguments& arguments, std::int64_t task) {
  const std::int64_t channels = shape.channels;
  const std::int64_t first_y = task % shape.out_h * shape.stride_h - shape.pad_top;
  const TapRange rows = taps_inside(first_y, shape.dilation_h, shape.kernel_h, shape.in_h);
  const std::int64_t padded_rows =
      taps_in_padding(first_y, shape.dilation_h, shape.kernel_h, shape.in_h, shape.pad_bottom);
  const float* image = arguments.x + task / shape.out_h * shape.in_h * shape.in_w * channels;
  float* y = arguments.y + task * shape.out_w * channels;
  Window window{};
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
    if (shape.kind == PoolKind::kMax) {
      maximum_of(window, channels, y);
      continue;
    }
    std::int64_t count = window.rows * window.columns;
    if (shape.kind == PoolKind::kAveragePadded) {
      count = padded_rows * taps_in_padding(first_x, shape.dilation_w, shape.kernel_w, shape.in_w,
                                            shape.pad_right);
    }
    average_of(window, channels, static_cast<float>(std::max<std::int64_t>(count, 1)), y);
  }
}

}  // namespace

const PoolKernel eigen_f32_pool = {.name = "eigen_f32_pool",
                                   .isa = Isa::kGeneric,
                                   .strength = "channels in vectors",
                                   .task_count = task_count,
                                   .run = run};

}  // namespace lode::engine
