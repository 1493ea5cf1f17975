// Pooling of bytes on vectors: the one text of qpool_avx512.cc and qpool_avx2.cc. In an anonymous
// namespace, so that each of them keeps its own code. Maxima are of bytes (B), sums of 32 bits.
#pragma once

#include "engine/kernels/pool/window.h"
#include "engine/kernels/qconv/unfused.h"
#include "engine/kernels/qpool/qpool.h"

namespace lode::engine {
namespace {

using QWindow = PoolWindowOf<std::uint8_t>;

template <typename B>
[[gnu::always_inline]] inline void maximum_of(const QWindow& window, std::int64_t channels,
                                              std::uint8_t* y) {
  for (std::int64_t c = 0; c < channels; c += B::kBytes) {
    const typename B::Mask there = B::first(smaller(B::kBytes, channels - c));
    typename B::Register maximum = B::splat(0);
    for (std::int64_t row = 0; row < window.rows; ++row) {
      for (std::int64_t column = 0; column < window.columns; ++column) {
        maximum = B::greater(maximum, B::load(window.tap(row, column) + c, there));
      }
    }
    B::store(y + c, maximum, there);
  }
}

template <typename Sums>
[[gnu::always_inline]] inline void average_of(const QWindow& window, std::int64_t channels,
                                              const QPoolArguments& arguments, std::uint8_t* y) {
  using V = typename Sums::Float;
  const Requantisation to = requantisation({}, arguments.y_scale.scale, arguments.y_scale.zero);
  const V factor = V::broadcast(arguments.x_scale.scale /
                                (arguments.y_scale.scale * static_cast<float>(window.cells)));
  const Sums start = Sums::broadcast(-arguments.x_scale.zero *
                                     static_cast<std::int32_t>(window.rows * window.columns));
  for (std::int64_t c = 0; c < channels; c += Sums::kLanes) {
    const std::int64_t count = smaller(Sums::kLanes, channels - c);
    Sums sums = start;
    for (std::int64_t row = 0; row < window.rows; ++row) {
      for (std::int64_t column = 0; column < window.columns; ++column) {
        const std::uint8_t* x = window.tap(row, column) + c;
        sums = add(sums, count == Sums::kLanes ? Sums::load_bytes(x) : Sums::load_bytes(x, count));
      }
    }
    const V v = bounded<ActivationKind::kNone>(to, multiply(to_float(sums), factor));
    add(to_nearest(v), Sums::broadcast(to.zero)).store_bytes(y + c, count);
  }
}

template <typename B, typename Sums>
void run_qpool(const PoolShape& shape, const QPoolArguments& arguments, std::int64_t task) {
  visit_windows(
      shape, arguments,
      task, [&](const QWindow& window, std::uint8_t* y) __attribute__((always_inline)) {
        if (shape.kind == PoolKind::kMax) {
          maximum_of<B>(window, shape.channels, y);
        } else {
          average_of<Sums>(window, shape.channels, arguments, y);
        }
      });
}

}  // namespace
}  // namespace lode::engine
