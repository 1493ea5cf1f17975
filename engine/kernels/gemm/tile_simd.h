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

/// One element of each row times the panel's vectors at `w`: floats, or halves, which V::load
/// widens in a pipe that the multiplications leave idle.
template <typename V, typename W, int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_step(const W* w, const float* const (&x)[kRows],
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

/// The same where only half of the last vector is there, which the panel then holds twice: the rows
/// 2i and 2i + 1 share pairs[i].
template <typename V, typename W, int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_step(const W* w, const float* const (&x)[kRows],
                                                 std::int64_t k, V (&sums)[kRows][kVectors],
                                                 V (&pairs)[kRows / 2]) {
  V weights[kVectors];
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) weights[j] = V::load(w + j * V::kLanes);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; i += 2) {
    const V even = V::broadcast(x[i][k]);
    const V odd = V::broadcast(x[i + 1][k]);
#pragma GCC unroll 4
    for (int j = 0; j + 1 < kVectors; ++j) {
      sums[i][j] = multiply_add(even, weights[j], sums[i][j]);
      sums[i + 1][j] = multiply_add(odd, weights[j], sums[i + 1][j]);
    }
    pairs[i / 2] = multiply_add(join_halves(even, odd), weights[kVectors - 1], pairs[i / 2]);
  }
}

constexpr std::int64_t kStepsAhead = 4;
constexpr std::int64_t kLineBytes = 64;

/// Calls step(w, x, k) for each element of the slice; x are the rows' pointers, loaded once a
/// segment. `ahead` is what will be read next, two lines of it for every four steps.
template <typename W, int kRows, typename Step>
[[gnu::always_inline]] inline void for_each_step(const PanelRun& run, std::int64_t row,
                                                 std::int64_t width, const char* ahead,
                                                 const Step& step) {
  const W* w = static_cast<const W*>(run.weights);
  for (std::int64_t segment = 0; segment < run.segments; ++segment) {
    const float* x[kRows];
    const float* const* pointers = run.rows + segment * run.row_pitch + row;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) x[i] = pointers[i] + run.first;
    std::int64_t k = 0;
    for (; k + kStepsAhead <= run.depth; k += kStepsAhead) {
      __builtin_prefetch(ahead, 0, 2);
      __builtin_prefetch(ahead + kLineBytes, 0, 2);
      ahead += 2 * kLineBytes;
#pragma GCC unroll 4
      for (std::int64_t i = 0; i < kStepsAhead; ++i, w += width) step(w, x, k + i);
    }
    for (; k < run.depth; ++k, w += width) step(w, x, k);
  }
}

/// Sums of kRows x kVectors over the slice.
template <typename V, typename W, int kRows, int kVectors>
[[gnu::always_inline]] inline void sum_up(const PanelRun& run, std::int64_t row, const char* ahead,
                                          V (&sums)[kRows][kVectors]) {
  for_each_step<W, kRows>(
      run, row, kVectors * V::kLanes, ahead,
      [&](const W* w, const float* const(&x)[kRows], std::int64_t k)
          __attribute__((always_inline)) { multiply_step<V, W, kRows, kVectors>(w, x, k, sums); });
}

/// The same where two rows share the last vector.
template <typename V, typename W, int kRows, int kVectors>
[[gnu::always_inline]] inline void sum_up_paired(const PanelRun& run, std::int64_t row,
                                                 const char* ahead, V (&sums)[kRows][kVectors]) {
  constexpr int kLast = kVectors - 1;
  V pairs[kRows / 2];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i += 2) {
    pairs[i / 2] = join_halves(sums[i][kLast], swap_halves(sums[i + 1][kLast]));
  }
  for_each_step<W, kRows>(
      run, row, kVectors * V::kLanes, ahead,
      [&](const W* w, const float* const(&x)[kRows], std::int64_t k) __attribute__((
          always_inline)) { multiply_step<V, W, kRows, kVectors>(w, x, k, sums, pairs); });
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i += 2) {
    sums[i][kLast] = pairs[i / 2];
    sums[i + 1][kLast] = swap_halves(pairs[i / 2]);
  }
}

/// The activations that take an exponential, on rows just written: inside the tile they would need
/// the registers of the sums.
template <typename V>
[[gnu::noinline]] void activate_rows(const Activation& activation, std::int64_t rows,
                                     std::int64_t columns, float* y, std::int64_t stride) {
  with_activation_kind(
      activation.kind, [&]<ActivationKind kKind>() __attribute__((always_inline)) {
        for (std::int64_t row = 0; row < rows; ++row) {
          float* at = y + row * stride;
          std::int64_t left = columns;
          for (; left >= V::kLanes; left -= V::kLanes, at += V::kLanes) {
            activate_vector<kKind>(activation, V::load(at)).store(at);
          }
          if (left == 0) continue;
          const typename V::Mask valid = V::first(left);
          activate_vector<kKind>(activation, V::load(at, valid)).store(at, valid);
        }
      });
}

/// The cheap activations, in registers; false if this is none of them.
template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline bool activate_sums(const Activation& activation,
                                                 V (&sums)[kRows][kVectors]) {
  const ActivationKind kind = activation.kind;
  if (kind == ActivationKind::kNone) return true;
  if (kind == ActivationKind::kRelu || kind == ActivationKind::kClip) {
    const bool is_clip = kind == ActivationKind::kClip;
    const V low = V::broadcast(is_clip ? activation.alpha : 0.0F);
    const V high = V::broadcast(is_clip ? activation.beta : __builtin_inff());
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[i][j] = at_most(at_least(sums[i][j], low), high);
    }
    return true;
  }
  if (kind != ActivationKind::kHardSwish) return false;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      sums[i][j] = activate_vector<ActivationKind::kHardSwish>(activation, sums[i][j]);
    }
  }
  return true;
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
  const bool is_done = activate_sums(activation, sums);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    float* y = to.y + i * to.y_stride;
#pragma GCC unroll 4
    for (int j = 0; j + 1 < kVectors; ++j) sums[i][j].store(y + j * V::kLanes);
    sums[i][kVectors - 1].store(y + kLast, tail);
  }
  if (!is_done) activate_rows<V>(activation, kRows, to.columns, to.y, to.y_stride);
}

template <typename V, int kRows, int kVectors>
[[gnu::always_inline]] inline void start_from_bias(const float* bias, V (&sums)[kRows][kVectors]) {
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[i][j] = V::load(bias + j * V::kLanes);
  }
}

template <typename V, typename W, int kRows, int kVectors, bool kPaired>
[[gnu::noinline]] void run_tile(const PanelRun& run, std::int64_t row, const char* ahead) {
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
  if constexpr (kPaired) {
    sum_up_paired<V, W, kRows, kVectors>(run, row, ahead, sums);
  } else {
    sum_up<V, W, kRows, kVectors>(run, row, ahead, sums);
  }
  finish<V, kRows, kVectors>(to, run.activation, sums);
}

/// The rows that a tile of kRows leaves over.
template <typename V, typename W, int kRows, int kVectors>
[[gnu::always_inline]] inline void run_tail(const PanelRun& run, std::int64_t row,
                                            const char* ahead) {
  if constexpr (kRows > 0) {
    if (run.row_count - row == kRows) {
      return run_tile<V, W, kRows, kVectors, false>(run, row, ahead);
    }
    run_tail<V, W, kRows - 1, kVectors>(run, row, ahead);
  }
}

/// Panels and slices follow one another in memory in the order in which they are used: while one
/// is worked on, each tile brings a part of the next into the second-level cache.
template <typename V, typename W, int kRows, int kVectors, bool kPaired>
[[gnu::always_inline]] inline void run_rows_of(const PanelRun& run) {
  const std::int64_t steps = run.segments * run.depth;
  const std::int64_t bytes = steps * kVectors * V::kLanes * static_cast<std::int64_t>(sizeof(W));
  const std::int64_t part = steps / kStepsAhead * 2 * kLineBytes;
  const char* ahead = static_cast<const char*>(run.ahead);
  if (ahead == nullptr) ahead = static_cast<const char*>(run.weights) + bytes;
  const char* const end = ahead + bytes;
  std::int64_t row = 0;
  for (; row + kRows <= run.row_count; row += kRows) {
    run_tile<V, W, kRows, kVectors, kPaired>(run, row, ahead);
    if (ahead + part < end) ahead += part;
  }
  run_tail<V, W, kRows - 1, kVectors>(run, row, ahead);
}

template <typename V, int kRows, int kVectors, bool kPaired = false>
[[gnu::always_inline]] inline void run_rows(const PanelRun& run) {
  if (run.half) return run_rows_of<V, std::uint16_t, kRows, kVectors, kPaired>(run);
  run_rows_of<V, float, kRows, kVectors, kPaired>(run);
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
[[gnu::always_inline]] inline V scaled(const ScaleRows& run, const float* x, std::int64_t i,
                                       const typename V::Mask& valid) {
  const V value = V::load(x + i, valid);
  const V scale = V::load(run.scale + i, valid);
  if (run.shift == nullptr) return multiply(value, scale);
  return at_least(multiply_add(value, scale, V::load(run.shift + i, valid)), V::zero());
}

template <typename V>
void scale_rows(const ScaleRows& run) {
  const std::int64_t whole = run.depth / V::kLanes * V::kLanes;
  const typename V::Mask all = V::first(V::kLanes);
  const typename V::Mask tail = V::first(run.depth - whole);
  float* y = run.y;
  for (std::int64_t row = 0; row < run.row_count; ++row, y += run.depth) {
    const float* x = run.rows[row];
    for (std::int64_t i = 0; i < whole; i += V::kLanes) scaled<V>(run, x, i, all).store(y + i, all);
    if (whole < run.depth) scaled<V>(run, x, whole, tail).store(y + whole, tail);
    run.rows[row] = y;
  }
}

template <typename V, typename W>
[[gnu::always_inline]] inline void scale_panel_of(const ScalePanel& run) {
  const W* from = static_cast<const W*>(run.weights);
  float* to = run.scaled;
  for (std::int64_t i = 0; i < run.depth; ++i, from += run.width, to += run.width) {
    const V factor = V::broadcast(run.factors != nullptr ? run.factors[i] : 1.0F);
    for (std::int64_t j = 0; j < run.width; j += V::kLanes) {
      multiply(V::load(from + j), factor).store(to + j);
    }
  }
}

template <typename V>
void scale_panel(const ScalePanel& run) {
  if (run.half) return scale_panel_of<V, std::uint16_t>(run);
  scale_panel_of<V, float>(run);
}

}  // namespace
}  // namespace lode::engine
