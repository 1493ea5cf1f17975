// The register tiles behind a TileSet, written once over a vector type; each *_avx*.cc instantiates
// them in its own anonymous namespace. Only for files with -m flags; everything is internal to the
// including file, so that no copy built with those flags can serve the rest of the binary.
//
// A tile is kRows x kVectors accumulators. Each step of the sum loads the panel's vectors once and
// broadcasts one element of each row: (kRows + kVectors) loads for kRows * kVectors multiply-adds.
// The shapes keep 24 accumulators (AVX-512) or 12 (AVX2) in registers, more than the two pipes of
// 4 cycles need, and hold a row pointer for each row in a general register.
#pragma once

#include <cstdint>

#include "engine/kernels/gemm/tile.h"

namespace lode::engine {
namespace {

/// One element of each row times the panel's vectors at `w`.
template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_step(const float* w, const float* const (&x)[kRows],
                                                 std::int64_t k, V (&sums)[kRows][kVectors]) {
  V weights[kVectors];
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) weights[j] = V::load(w + j * V::kLanes);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const V factor = V::broadcast(x[i][k]);
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[i][j] = multiply_add(factor, weights[j], sums[i][j]);
  }
}

constexpr std::int64_t kStepsAhead = 4;
constexpr std::int64_t kLineFloats = 16;

/// Sums of kRows x kVectors over the slice. Rows' pointers are loaded once a segment. `ahead` is
/// what will be read next, two lines of it for every four steps.
template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void sum_up(const PanelRun& run, std::int64_t row, const float* ahead,
                                          V (&sums)[kRows][kVectors]) {
  constexpr std::int64_t kWidth = kVectors * V::kLanes;
  const float* w = run.weights;
  for (std::int64_t segment = 0; segment < run.segments; ++segment) {
    const float* x[kRows];
    const float* const* pointers = run.rows + segment * run.row_pitch + row;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) x[i] = pointers[i] + run.first;
    std::int64_t k = 0;
    for (; k + kStepsAhead <= run.depth; k += kStepsAhead) {
      __builtin_prefetch(ahead, 0, 2);
      __builtin_prefetch(ahead + kLineFloats, 0, 2);
      ahead += 2 * kLineFloats;
#pragma GCC unroll 4
      for (std::int64_t step = 0; step < kStepsAhead; ++step, w += kWidth) {
        multiply_step<V, kRows, kVectors>(w, x, k + step, sums);
      }
    }
    for (; k < run.depth; ++k, w += kWidth) multiply_step<V, kRows, kVectors>(w, x, k, sums);
  }
}

/// The activations that take more than a minimum and a maximum, on rows just written: inside the
/// tile they would need the registers of the sums.
template <typename V>
[[gnu::noinline]] void activate_rows(const Activation& activation, std::int64_t rows,
                                     std::int64_t columns, float* y, std::int64_t stride) {
  with_activation_kind(
      activation.kind, [&]<ActivationKind kKind>() __attribute__((always_inline)) {
        for (std::int64_t row = 0; row < rows; ++row) {
          float* at = y + row * stride;
          for (std::int64_t left = columns; left > 0; left -= V::kLanes, at += V::kLanes) {
            const typename V::Mask valid = V::first(left < V::kLanes ? left : V::kLanes);
            activate_vector<kKind>(activation, V::load(at, valid)).store(at, valid);
          }
        }
      });
}

/// Where a tile's sums go; pointers are those of its first row.
struct Epilogue {
  const float* residual;
  std::int64_t residual_stride;
  float* y;
  std::int64_t y_stride;
  std::int64_t columns;
};

/// Residual, activation, and out: the last vector of each row under a mask.
template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void finish(const Epilogue& to, const Activation& activation,
                                          V (&sums)[kRows][kVectors]) {
  constexpr std::int64_t kLast = (kVectors - 1) * V::kLanes;
  const typename V::Mask tail = V::first(to.columns - kLast);
  if (to.residual != nullptr) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const float* from = to.residual + i * to.residual_stride;
#pragma GCC unroll 4
      for (int j = 0; j + 1 < kVectors; ++j) {
        sums[i][j] = add(sums[i][j], V::load(from + j * V::kLanes));
      }
      sums[i][kVectors - 1] = add(sums[i][kVectors - 1], V::load(from + kLast, tail));
    }
  }
  const ActivationKind kind = activation.kind;
  if (kind == ActivationKind::kRelu || kind == ActivationKind::kClip) {
    const bool is_clip = kind == ActivationKind::kClip;
    const V low = V::broadcast(is_clip ? activation.alpha : 0.0F);
    const V high = V::broadcast(is_clip ? activation.beta : __builtin_inff());
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[i][j] = at_most(at_least(sums[i][j], low), high);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    float* y = to.y + i * to.y_stride;
#pragma GCC unroll 4
    for (int j = 0; j + 1 < kVectors; ++j) sums[i][j].store(y + j * V::kLanes);
    sums[i][kVectors - 1].store(y + kLast, tail);
  }
  if (kind != ActivationKind::kNone && kind != ActivationKind::kRelu &&
      kind != ActivationKind::kClip) {
    activate_rows<V>(activation, kRows, to.columns, to.y, to.y_stride);
  }
}

template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void start_from_bias(const float* bias, V (&sums)[kRows][kVectors]) {
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[i][j] = V::load(bias + j * V::kLanes);
  }
}

template <typename V, int kRows, int kVectors>
[[gnu::noinline]] void run_tile(const PanelRun& run, std::int64_t row, const float* ahead) {
  const Epilogue to{
      .residual = run.residual == nullptr ? nullptr : run.residual + row * run.residual_stride,
      .residual_stride = run.residual_stride,
      .y = run.y + row * run.y_stride,
      .y_stride = run.y_stride,
      .columns = run.columns};
  V sums[kRows][kVectors];
  if (run.bias != nullptr) {
    start_from_bias(run.bias, sums);
  } else {
    constexpr std::int64_t kLast = (kVectors - 1) * V::kLanes;
    const typename V::Mask tail = V::first(run.columns - kLast);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const float* y = to.y + i * to.y_stride;
#pragma GCC unroll 4
      for (int j = 0; j + 1 < kVectors; ++j) sums[i][j] = V::load(y + j * V::kLanes);
      sums[i][kVectors - 1] = V::load(y + kLast, tail);
    }
  }
  sum_up<V, kRows, kVectors>(run, row, ahead, sums);
  finish<V, kRows, kVectors>(to, run.activation, sums);
}

/// The rows that a tile of kRows leaves over.
template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void run_tail(const PanelRun& run, std::int64_t row,
                                            const float* ahead) {
  if constexpr (kRows > 0) {
    if (run.row_count - row == kRows) return run_tile<V, kRows, kVectors>(run, row, ahead);
    run_tail<V, kRows - 1, kVectors>(run, row, ahead);
  }
}

/// Panels and slices follow one another in memory in the order in which they are used: while one
/// is worked on, each tile brings a part of the next into the second-level cache.
template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void run_rows(const PanelRun& run) {
  const std::int64_t steps = run.segments * run.depth;
  const std::int64_t part = steps / kStepsAhead * 2 * kLineFloats;
  const float* ahead =
      run.ahead != nullptr ? run.ahead : run.weights + steps * kVectors * V::kLanes;
  const float* const end = ahead + steps * kVectors * V::kLanes;
  std::int64_t row = 0;
  for (; row + kRows <= run.row_count; row += kRows) {
    run_tile<V, kRows, kVectors>(run, row, ahead);
    if (ahead + part < end) ahead += part;
  }
  run_tail<V, kRows - 1, kVectors>(run, row, ahead);
}

template <typename V, int kRows, int kVectors, int kStep>
[[gnu::noinline]] void run_stem_tile(const StemRun& run, std::int64_t row) {
  V sums[kRows][kVectors];
  start_from_bias(run.bias, sums);
  const float* w = run.weights;
  const float* first = run.x + row * kStep;
  for (std::int64_t k = 0; k < run.depth; ++k, w += kVectors * V::kLanes) {
    const float* x = first + run.offsets[k];
    V weights[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) weights[j] = V::load(w + j * V::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const V factor = V::broadcast(x[i * kStep]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[i][j] = multiply_add(factor, weights[j], sums[i][j]);
    }
  }
  finish<V, kRows, kVectors>({.residual = nullptr,
                              .residual_stride = 0,
                              .y = run.y + row * run.y_stride,
                              .y_stride = run.y_stride,
                              .columns = run.columns},
                             run.activation, sums);
}

template <typename V, int kRows, int kVectors, int kStep>
[[gnu::always_inline]] inline void run_stem_tail(const StemRun& run, std::int64_t row) {
  if constexpr (kRows > 0) {
    if (run.row_count - row == kRows) return run_stem_tile<V, kRows, kVectors, kStep>(run, row);
    run_stem_tail<V, kRows - 1, kVectors, kStep>(run, row);
  }
}

template <typename V, int kRows, int kVectors, int kStep>
[[gnu::always_inline]] inline void run_stem_step(const StemRun& run) {
  std::int64_t row = 0;
  for (; row + kRows <= run.row_count; row += kRows) {
    run_stem_tile<V, kRows, kVectors, kStep>(run, row);
  }
  run_stem_tail<V, kRows - 1, kVectors, kStep>(run, row);
}

template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void run_stem_rows(const StemRun& run) {
  if (run.step == 1) return run_stem_step<V, kRows, kVectors, 1>(run);
  run_stem_step<V, kRows, kVectors, 2>(run);
}

template <typename V>
void scale_row(const ScaleRow& run) {
  for (std::int64_t i = 0; i < run.count; i += V::kLanes) {
    const std::int64_t left = run.count - i;
    const typename V::Mask valid = V::first(left < V::kLanes ? left : V::kLanes);
    const V x = V::load(run.x + i, valid);
    const V scale = V::load(run.scale + i, valid);
    const V y = run.shift == nullptr
                    ? multiply(x, scale)
                    : at_least(multiply_add(x, scale, V::load(run.shift + i, valid)), V::zero());
    y.store(run.y + i, valid);
  }
}

}  // namespace
}  // namespace lode::engine
