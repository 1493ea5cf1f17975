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

/// Sums of kRows x kVectors over the slice. Rows' pointers are loaded once a segment.
template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void sum_up(const PanelRun& run, std::int64_t row,
                                          V (&sums)[kRows][kVectors]) {
  constexpr std::int64_t kWidth = kVectors * V::kLanes;
  const float* w = run.weights;
  for (std::int64_t segment = 0; segment < run.segments; ++segment) {
    const float* x[kRows];
    const float* const* pointers = run.rows + segment * run.row_pitch + row;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) x[i] = pointers[i] + run.first;
#pragma GCC unroll 4
    for (std::int64_t k = 0; k < run.depth; ++k) {
      V weights[kVectors];
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) weights[j] = V::load(w + j * V::kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const V factor = V::broadcast(x[i][k]);
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) {
          sums[i][j] = multiply_add(factor, weights[j], sums[i][j]);
        }
      }
      w += kWidth;
    }
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

/// Residual, activation, and out: the last vector of each row under `tail`.
template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void finish(const PanelRun& run, std::int64_t row,
                                          typename V::Mask tail, V (&sums)[kRows][kVectors]) {
  if (run.residual != nullptr) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const float* from = run.residual + (row + i) * run.residual_stride;
#pragma GCC unroll 4
      for (int j = 0; j + 1 < kVectors; ++j) {
        sums[i][j] = add(sums[i][j], V::load(from + j * V::kLanes));
      }
      constexpr int kLast = kVectors - 1;
      sums[i][kLast] = add(sums[i][kLast], V::load(from + kLast * V::kLanes, tail));
    }
  }
  const ActivationKind kind = run.is_last ? run.activation.kind : ActivationKind::kNone;
  if (kind == ActivationKind::kRelu || kind == ActivationKind::kClip) {
    const bool is_clip = kind == ActivationKind::kClip;
    const V low = V::broadcast(is_clip ? run.activation.alpha : 0.0F);
    const V high = V::broadcast(is_clip ? run.activation.beta : __builtin_inff());
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        sums[i][j] = at_most(at_least(sums[i][j], low), high);
      }
    }
  }
  float* y = run.y + row * run.y_stride;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j + 1 < kVectors; ++j) {
      sums[i][j].store(y + i * run.y_stride + j * V::kLanes);
    }
    sums[i][kVectors - 1].store(y + i * run.y_stride + (kVectors - 1) * V::kLanes, tail);
  }
  if (kind != ActivationKind::kNone && kind != ActivationKind::kRelu &&
      kind != ActivationKind::kClip) {
    activate_rows<V>(run.activation, kRows, run.columns, y, run.y_stride);
  }
}

template <typename V, int kRows, int kVectors>
[[gnu::noinline]] void run_tile(const PanelRun& run, std::int64_t row) {
  const typename V::Mask tail = V::first(run.columns - (kVectors - 1) * V::kLanes);
  V sums[kRows][kVectors];
  if (run.bias != nullptr) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[i][j] = V::load(run.bias + j * V::kLanes);
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const float* y = run.y + (row + i) * run.y_stride;
#pragma GCC unroll 4
      for (int j = 0; j + 1 < kVectors; ++j) sums[i][j] = V::load(y + j * V::kLanes);
      sums[i][kVectors - 1] = V::load(y + (kVectors - 1) * V::kLanes, tail);
    }
  }
  sum_up<V, kRows, kVectors>(run, row, sums);
  finish<V, kRows, kVectors>(run, row, tail, sums);
}

/// The rows that a tile of kRows leaves over.
template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void run_tail(const PanelRun& run, std::int64_t row) {
  if constexpr (kRows > 0) {
    if (run.row_count - row == kRows) return run_tile<V, kRows, kVectors>(run, row);
    run_tail<V, kRows - 1, kVectors>(run, row);
  }
}

template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void run_rows(const PanelRun& run) {
  std::int64_t row = 0;
  for (; row + kRows <= run.row_count; row += kRows) run_tile<V, kRows, kVectors>(run, row);
  run_tail<V, kRows - 1, kVectors>(run, row);
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
