// The integer register tiles on a vector type and a way to multiply: the one text of the
// qtile_*.cc files of x86. In an anonymous namespace, so that each of them keeps its own code.
//
// A Dot says how a dword of a row meets a vector of dwords of weights:
//   using Sums = I32x16 or I32x8
//   static void add(Sums& sums, Sums x, Sums w)         sums += the products of each dword
//   static Sums sum_elements(Sums sums, const void* x)  + the elements of a vector of a row's
//   dwords
#pragma once

#include "engine/kernels/qconv/qtile.h"
#include "engine/kernels/qconv/unfused.h"

namespace lode::engine {
namespace {

constexpr int kStepsAhead = 4;
constexpr std::int64_t kLineBytes = 64;

[[gnu::always_inline]] inline std::int32_t dword_at(const std::uint8_t* from) {
  std::int32_t value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}

/// with_residual() of a vector of values, with the first `count` bytes of the residual at `from`; a
/// whole vector of them needs no mask.
template <typename Sums>
[[nodiscard, gnu::always_inline]] inline typename Sums::Float with_residual(
    const ByteSum& sum, typename Sums::Float v, const std::uint8_t* from, std::int64_t count) {
  using V = typename Sums::Float;
  if (sum.rounds_first != 0) {
    v = number_at_most(number_at_least(v, V::broadcast(sum.own_low)), V::broadcast(sum.own_high));
    v = multiply(to_float(to_nearest(v)), V::broadcast(sum.own_factor));
  }
  const Sums bytes = count >= Sums::kLanes ? Sums::load_bytes(from) : Sums::load_bytes(from, count);
  const Sums residual = subtract(bytes, Sums::broadcast(sum.zero));
  return add(v, multiply(to_float(residual), V::broadcast(sum.factor)));
}

/// One row's sums of a panel, `columns` of them, in memory: to outputs in whatever way is asked.
/// `range` takes in those in float.
template <typename Sums, ActivationKind kKind>
[[gnu::always_inline]] inline void finish_row(const QPanelRun& run, std::int64_t row,
                                              const std::int32_t* from,
                                              VectorRange<typename Sums::Float>& range) {
  using V = typename Sums::Float;
  for (std::int64_t i = 0; i < run.columns; i += Sums::kLanes) {
    const std::int64_t count = smaller(Sums::kLanes, run.columns - i);
    const typename V::Mask valid = V::first(count);
    Sums sums = Sums::load(from + i);
    if (run.row_sums != nullptr) {
      sums = subtract(
          sums, multiply(Sums::broadcast(run.row_sums[row]), Sums::load(run.weight_zeros + i)));
    }
    if (run.row_zeros != nullptr) {
      sums = subtract(
          sums, multiply(Sums::broadcast(run.row_zeros[row]), Sums::load(run.weight_sums + i)));
    }
    V factor = V::load(run.factors + i);
    if (run.row_scales != nullptr) factor = multiply(V::broadcast(run.row_scales[row]), factor);
    V v = multiply(to_float(sums), factor);
    const std::int64_t residual_at = row * run.residual_stride + i;
    const std::int64_t at = row * run.y_stride + i;
    if (run.output == QOutput::kUint8) {
      if (run.residual != nullptr) {
        const auto* residual = static_cast<const std::uint8_t*>(run.residual);
        v = with_residual<Sums>(run.residual_sum, v, residual + residual_at, count);
      }
      add(to_nearest(bounded<kKind>(run.to, v)), Sums::broadcast(run.to.zero))
          .store_bytes(static_cast<std::uint8_t*>(run.y) + at, count);
      continue;
    }
    v = add(v, V::load(run.bias + i));
    if (run.residual != nullptr) {
      v = add(v, V::load(static_cast<const float*>(run.residual) + residual_at, valid));
    }
    v = activate_unfused<kKind>(run.activation, v);
    float* y = static_cast<float*>(run.y) + at;
    v.store(y, valid);
    range.take(count == Sums::kLanes ? v : V::load(y, valid));
  }
}

/// Rows [row, row + count) whose sums lie in memory, `width` apart.
template <typename Sums>
[[gnu::noinline]] void finish_rows(const QPanelRun& run, std::int64_t row, std::int64_t count,
                                   const std::int32_t* sums, std::int64_t width) {
  const ActivationKind kind =
      run.output == QOutput::kUint8 ? run.to.activation.kind : run.activation.kind;
  with_activation_kind(
      kind, [&]<ActivationKind kKind>() __attribute__((always_inline)) {
        VectorRange<typename Sums::Float> range;
        for (std::int64_t i = 0; i < count; ++i) {
          finish_row<Sums, kKind>(run, row + i, sums + i * width, range);
        }
        if (run.range != nullptr) range.merge_into(*run.range);
      });
}

/// Sums in registers to bytes, where bounds are all that is done to them.
template <typename Sums, int kRows, int kVectors>
[[gnu::always_inline]] inline void store_bytes_of(const QPanelRun& run, std::int64_t row,
                                                  Sums (&sums)[kRows][kVectors]) {
  using V = typename Sums::Float;
  const ByteClamp clamp(run.to.zero, run.least, run.greatest);
  V factors[kVectors];
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) factors[j] = V::load(run.factors + j * Sums::kLanes);
  auto* y = static_cast<std::uint8_t*>(run.y) + row * run.y_stride;
  const auto* residual = static_cast<const std::uint8_t*>(run.residual);
  if (residual != nullptr) residual += row * run.residual_stride;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      V v = multiply(to_float(sums[i][j]), factors[j]);
      if (residual != nullptr) {
        const std::int64_t left = run.columns - j * Sums::kLanes;
        v = with_residual<Sums>(run.residual_sum, v,
                                residual + i * run.residual_stride + j * Sums::kLanes, left);
      }
      sums[i][j] = to_nearest(v);
    }
    store_clamped<kVectors>(clamp, sums[i], y + i * run.y_stride, run.columns);
  }
}

template <typename Dot, int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_step(const std::int32_t* w,
                                                 const std::uint8_t* const (&x)[kRows],
                                                 std::int64_t at,
                                                 typename Dot::Sums (&sums)[kRows][kVectors]) {
  using Sums = typename Dot::Sums;
  Sums weights[kVectors];
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) weights[j] = Sums::load(w + j * Sums::kLanes);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const Sums of_row = Sums::broadcast(dword_at(x[i] + at));
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) Dot::add(sums[i][j], of_row, weights[j]);
  }
}

/// Sums of kRows x kVectors over all segments. `ahead` is what will be read next, two lines of it
/// for every four steps.
template <typename Dot, int kRows, int kVectors>
[[gnu::always_inline]] inline void sum_up(const QPanelRun& run, std::int64_t row, const char* ahead,
                                          typename Dot::Sums (&sums)[kRows][kVectors]) {
  constexpr std::int64_t kWidth = kVectors * Dot::Sums::kLanes;
  const std::int32_t* w = run.weights;
  for (std::int64_t segment = 0; segment < run.segments; ++segment) {
    const std::uint8_t* x[kRows];
    const std::uint8_t* const* pointers = run.rows + segment * run.row_pitch + row;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) x[i] = pointers[i] + run.first;
    std::int64_t k = 0;
    for (; k + kStepsAhead <= run.steps; k += kStepsAhead) {
      __builtin_prefetch(ahead, 0, 2);
      __builtin_prefetch(ahead + kLineBytes, 0, 2);
      ahead += 2 * kLineBytes;
#pragma GCC unroll 4
      for (std::int64_t i = 0; i < kStepsAhead; ++i, w += kWidth) {
        multiply_step<Dot, kRows, kVectors>(w, x, 4 * (k + i), sums);
      }
    }
    for (; k < run.steps; ++k, w += kWidth) {
      multiply_step<Dot, kRows, kVectors>(w, x, 4 * k, sums);
    }
  }
}

template <typename Dot, int kRows, int kVectors>
[[gnu::noinline]] void run_qtile(const QPanelRun& run, std::int64_t row, const char* ahead) {
  using Sums = typename Dot::Sums;
  Sums sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[i][j] = Sums::load(run.start + j * Sums::kLanes);
  }
  sum_up<Dot, kRows, kVectors>(run, row, ahead, sums);
  if (run.is_plain) return store_bytes_of<Sums, kRows, kVectors>(run, row, sums);
  constexpr std::int64_t kWidth = kVectors * Sums::kLanes;
  alignas(64) std::int32_t stored[kRows * kWidth];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[i][j].store(stored + i * kWidth + j * Sums::kLanes);
  }
  finish_rows<Sums>(run, row, kRows, stored, kWidth);
}

/// The rows that a tile of kRows leaves over.
template <typename Dot, int kRows, int kVectors>
[[gnu::always_inline]] inline void run_qtail(const QPanelRun& run, std::int64_t row,
                                             const char* ahead) {
  if constexpr (kRows > 0) {
    if (run.row_count - row == kRows) return run_qtile<Dot, kRows, kVectors>(run, row, ahead);
    run_qtail<Dot, kRows - 1, kVectors>(run, row, ahead);
  }
}

/// Panels follow one another in memory in the order in which they are used: while one is worked on,
/// each tile brings a part of the next into the second-level cache.
template <typename Dot, int kRows, int kVectors>
[[gnu::always_inline]] inline void run_qrows(const QPanelRun& run) {
  const std::int64_t steps = run.segments * run.steps;
  const std::int64_t bytes = steps * kVectors * Dot::Sums::kLanes * 4;
  const std::int64_t part = steps / kStepsAhead * 2 * kLineBytes;
  const char* ahead = reinterpret_cast<const char*>(run.weights) + bytes;
  const char* const end = ahead + bytes;
  std::int64_t row = 0;
  for (; row + kRows <= run.row_count; row += kRows) {
    run_qtile<Dot, kRows, kVectors>(run, row, ahead);
    if (ahead + part < end) ahead += part;
  }
  run_qtail<Dot, kRows - 1, kVectors>(run, row, ahead);
}

/// Of each row, vector by vector and what is left dword by dword.
template <typename Dot>
void sum_rows(const QSumRun& run) {
  using Sums = typename Dot::Sums;
  for (std::int64_t row = 0; row < run.row_count; ++row) {
    Sums sums = Sums::broadcast(0);
    for (std::int64_t segment = 0; segment < run.segments; ++segment) {
      const std::uint8_t* x = run.rows[segment * run.row_pitch + row] + run.first;
      std::int64_t left = run.steps;
      for (; left >= Sums::kLanes; left -= Sums::kLanes, x += 4 * Sums::kLanes) {
        sums = Dot::sum_elements(sums, x);
      }
      alignas(64) std::uint8_t rest[4 * Sums::kLanes] = {};
      for (std::int64_t i = 0; i < 4 * left; ++i) rest[i] = x[i];
      sums = Dot::sum_elements(sums, rest);
    }
    alignas(64) std::uint32_t lanes[Sums::kLanes];
    sums.store(lanes);
    std::uint32_t total = 0;
    for (const std::uint32_t lane : lanes) total += lane;
    run.sums[row] = static_cast<std::int32_t>(total);
  }
}

}  // namespace
}  // namespace lode::engine
