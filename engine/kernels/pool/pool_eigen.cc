// The baseline pooling: a packet of channels at a time over the taps inside the image. A task is
// one row of output pixels.
#include <limits>

#include "engine/kernels/packet.h"
#include "engine/kernels/pool/window.h"

namespace lode::engine {

namespace {

template <typename Visit>
void visit_taps(const PoolWindow& window, const Visit& visit) {
  for (std::int64_t row = 0; row < window.rows; ++row) {
    const float* x = window.x + row * window.row_step;
    for (std::int64_t column = 0; column < window.columns; ++column) {
      visit(x + column * window.column_step);
    }
  }
}

void maximum_of(const PoolWindow& window, std::int64_t channels, float* y) {
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

void average_of(const PoolWindow& window, std::int64_t channels, float count, float* y) {
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

void run(const PoolShape& shape, const PoolArguments& arguments, std::int64_t task) {
  visit_windows(shape, arguments, task, [&](const PoolWindow& window, float* y) {
    if (shape.kind == PoolKind::kMax) {
      maximum_of(window, shape.channels, y);
    } else {
      average_of(window, shape.channels, static_cast<float>(window.cells), y);
    }
  });
}

}  // namespace

const PoolKernel eigen_f32_pool = {.name = "eigen_f32_pool",
                                   .isa = Isa::kGeneric,
                                   .strength = "channels in vectors",
                                   .task_count = pool_task_count,
                                   .run = run};

}  // namespace lode::engine
