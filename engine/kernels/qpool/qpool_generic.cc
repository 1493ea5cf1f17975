// The variant for every machine: a block of channels over the taps inside the image. A task is one
// row of output pixels.
#include <algorithm>

#include "engine/kernels/pool/window.h"
#include "engine/kernels/qconv/requantise.h"
#include "engine/kernels/qpool/qpool.h"

namespace lode::engine {

namespace {

using Window = PoolWindowOf<std::uint8_t>;

/// Channels whose sums stay in the nearest cache.
constexpr std::int64_t kBlock = 64;

void maximum_of(const Window& window, std::int64_t channels, std::uint8_t* y) {
  std::fill_n(y, channels, std::uint8_t{0});
  for (std::int64_t row = 0; row < window.rows; ++row) {
    for (std::int64_t column = 0; column < window.columns; ++column) {
      const std::uint8_t* x = window.tap(row, column);
      for (std::int64_t c = 0; c < channels; ++c) y[c] = std::max(y[c], x[c]);
    }
  }
}

void average_of(const Window& window, std::int64_t channels, const QPoolArguments& arguments,
                std::uint8_t* y) {
  const Requantisation to = requantisation({}, arguments.y_scale.scale, arguments.y_scale.zero);
  const float factor =
      arguments.x_scale.scale / (arguments.y_scale.scale * static_cast<float>(window.cells));
  const auto zeros =
      arguments.x_scale.zero * static_cast<std::int32_t>(window.rows * window.columns);
  for (std::int64_t first = 0; first < channels; first += kBlock) {
    const std::int64_t count = std::min(kBlock, channels - first);
    std::int32_t sums[kBlock] = {};
    for (std::int64_t row = 0; row < window.rows; ++row) {
      for (std::int64_t column = 0; column < window.columns; ++column) {
        const std::uint8_t* x = window.tap(row, column) + first;
        for (std::int64_t c = 0; c < count; ++c) sums[c] += x[c];
      }
    }
    for (std::int64_t c = 0; c < count; ++c) {
      y[first + c] = requantised(to, static_cast<float>(sums[c] - zeros) * factor);
    }
  }
}

void run(const PoolShape& shape, const QPoolArguments& arguments, std::int64_t task) {
  visit_windows(shape, arguments, task, [&](const Window& window, std::uint8_t* y) {
    if (shape.kind == PoolKind::kMax) {
      maximum_of(window, shape.channels, y);
    } else {
      average_of(window, shape.channels, arguments, y);
    }
  });
}

}  // namespace

const QPoolKernel generic_u8_pool = {.name = "generic_u8_pool",
                                     .isa = Isa::kGeneric,
                                     .strength = "channels side by side",
                                     .task_count = pool_task_count,
                                     .run = run};

}  // namespace lode::engine
