// Pooling on a vector type: the one text of pool_avx512.cc and pool_avx2.cc. In an anonymous
// namespace, so that each of them keeps its own code.
//
// For each output pixel vectors of channels are reduced over the taps inside the image, four at a
// time. The windows of 2x2 and 3x3 that lie inside have their taps unrolled; all are bound by
// memory, since neighbouring windows meet in the nearest cache.
#pragma once

#include "engine/kernels/pool/window.h"
#include "engine/kernels/simd_math.h"

namespace lode::engine {
namespace {

struct Maximum {
  template <typename V>
  [[gnu::always_inline]] static V start() {
    return V::broadcast(-__builtin_inff());
  }
  template <typename V>
  [[gnu::always_inline]] static V step(V so_far, V x) {
    return maximum_or_nan(x, so_far);
  }
  template <typename V>
  [[gnu::always_inline]] static V end(V so_far, std::int64_t) {
    return so_far;
  }
};

struct Average {
  template <typename V>
  [[gnu::always_inline]] static V start() {
    return V::zero();
  }
  template <typename V>
  [[gnu::always_inline]] static V step(V so_far, V x) {
    return add(so_far, x);
  }
  template <typename V>
  [[gnu::always_inline]] static V end(V so_far, std::int64_t cells) {
    return divide(so_far, V::broadcast(static_cast<float>(cells)));
  }
};

/// One vector of channels over kSide x kSide taps, or over the window's own if kSide is 0.
template <typename V, typename Reduction, int kSide, typename Load>
[[gnu::always_inline]] inline V reduce_window(const PoolWindow& window, std::int64_t c,
                                              const Load& load) {
  V result = Reduction::template start<V>();
  if constexpr (kSide > 0) {
#pragma GCC unroll 3
    for (int row = 0; row < kSide; ++row) {
#pragma GCC unroll 3
      for (int column = 0; column < kSide; ++column) {
        result = Reduction::step(result, load(window.tap(row, column) + c));
      }
    }
  } else {
    for (std::int64_t row = 0; row < window.rows; ++row) {
      for (std::int64_t column = 0; column < window.columns; ++column) {
        result = Reduction::step(result, load(window.tap(row, column) + c));
      }
    }
  }
  return Reduction::end(result, window.cells);
}

template <typename V, typename Reduction, int kSide>
[[gnu::always_inline]] inline void reduce_pixel(const PoolWindow& window, std::int64_t channels,
                                                float* y) {
  std::int64_t c = 0;
  for (; c + V::kLanes <= channels; c += V::kLanes) {
    reduce_window<V, Reduction, kSide>(
        window, c, [](const float* from) __attribute__((always_inline)) { return V::load(from); })
        .store(y + c);
  }
  if (c == channels) return;
  const typename V::Mask mask = V::first(channels - c);
  reduce_window<V, Reduction, kSide>(
      window,
      c, [mask](const float* from) __attribute__((always_inline)) { return V::load(from, mask); })
      .store(y + c, mask);
}

template <typename V, typename Reduction>
[[gnu::noinline]] void reduce_row(const PoolShape& shape, const PoolArguments& arguments,
                                  std::int64_t row) {
  visit_windows(
      shape, arguments,
      row, [&](const PoolWindow& window, float* y) __attribute__((always_inline)) {
        if (window.rows == 3 && window.columns == 3) {
          reduce_pixel<V, Reduction, 3>(window, shape.channels, y);
        } else if (window.rows == 2 && window.columns == 2) {
          reduce_pixel<V, Reduction, 2>(window, shape.channels, y);
        } else {
          reduce_pixel<V, Reduction, 0>(window, shape.channels, y);
        }
      });
}

template <typename V>
void run_pool(const PoolShape& shape, const PoolArguments& arguments, std::int64_t task) {
  if (shape.kind == PoolKind::kMax) return reduce_row<V, Maximum>(shape, arguments, task);
  return reduce_row<V, Average>(shape, arguments, task);
}

}  // namespace
}  // namespace lode::engine
