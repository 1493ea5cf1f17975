// The elementwise kernels on a vector type: the one text of eltwise_avx512.cc and eltwise_avx2.cc.
// In an anonymous namespace, so that each of them keeps its own code.
//
// Binary and affine take none, Relu and Clip into their loop as a clamp; the other activations
// follow on the row just written, which lies in the cache. All are bound by memory.
#pragma once

#include "engine/kernels/eltwise/rows.h"
#include "engine/kernels/simd_math.h"

namespace lode::engine {
namespace {

/// visit(position, mask) for whole vectors, visit with a partial mask for the rest.
template <typename V, typename Visit>
[[gnu::always_inline]] inline void visit_vectors(std::int64_t count, const Visit& visit) {
  std::int64_t i = 0;
  for (; i + V::kLanes <= count; i += V::kLanes) {
    visit(
        i, [](const float* from) __attribute__((always_inline)) { return V::load(from); },
        [](float* to, V value) __attribute__((always_inline)) { value.store(to); });
  }
  if (i == count) return;
  const typename V::Mask mask = V::first(count - i);
  visit(
      i, [mask](const float* from) __attribute__((always_inline)) { return V::load(from, mask); },
      [mask](float* to, V value) __attribute__((always_inline)) { value.store(to, mask); });
}

/// y = activation(x); x may be y.
template <typename V>
[[gnu::noinline]] void activate_run(const Activation& activation, const float* x,
                                    std::int64_t count, float* y) {
  with_activation_kind(
      activation.kind, [&]<ActivationKind kKind>() __attribute__((always_inline)) {
        visit_vectors<V>(
            count, [&](std::int64_t i, const auto& load, const auto& store)
                       __attribute__((always_inline)) {
                         store(y + i, activate_vector<kKind>(activation, load(x + i)));
                       });
      });
}

template <typename V>
void run_unary(const UnaryShape& shape, const UnaryArguments& arguments, std::int64_t task) {
  const RowTask share = row_task(cut_of(shape), task);
  activate_run<V>(arguments.activation, arguments.x + share.begin, share.count(),
                  arguments.y + share.begin);
}

/// The activations that a clamp is, the open one included.
template <typename V>
struct Clamp {
  V low;
  V high;
  bool is_whole;  ///< the activation is this clamp and nothing else

  [[gnu::always_inline]] explicit Clamp(const Activation& activation) {
    const bool is_relu = activation.kind == ActivationKind::kRelu;
    const bool is_clip = activation.kind == ActivationKind::kClip;
    is_whole = is_relu || is_clip || activation.kind == ActivationKind::kNone;
    low = V::broadcast(is_clip ? activation.alpha : is_relu ? 0.0F : -__builtin_inff());
    high = V::broadcast(is_clip ? activation.beta : __builtin_inff());
  }
  [[nodiscard, gnu::always_inline]] V operator()(V x) const {
    return at_most(at_least(x, low), high);
  }
};

template <BinaryOp kOp, typename V>
[[gnu::always_inline]] inline V combine(V a, V b) {
  if constexpr (kOp == BinaryOp::kAdd) {
    return add(a, b);
  } else if constexpr (kOp == BinaryOp::kSubtract) {
    return subtract(a, b);
  } else if constexpr (kOp == BinaryOp::kMultiply) {
    return multiply(a, b);
  } else {
    return divide(a, b);
  }
}

/// The rows of one task. A repeated input has one element a row.
template <typename V, BinaryOp kOp, bool kRepeatA, bool kRepeatB>
[[gnu::noinline]] void run_binary_rows(const BinaryShape& shape, const BinaryArguments& arguments,
                                       std::int64_t task) {
  const RowCut cut = cut_of(shape);
  const RowTask share = row_task(cut, task);
  const Clamp<V> clamp(arguments.activation);
  RowWalker walker(shape.extent, shape.rank, shape.a_stride, shape.b_stride, share.row_begin);
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row, walker.next()) {
    const float* a = arguments.a + walker.a() + (kRepeatA ? 0 : share.begin);
    const float* b = arguments.b + walker.b() + (kRepeatB ? 0 : share.begin);
    float* y = arguments.y + row * cut.inner + share.begin;
    const V first_a = V::broadcast(*a);
    const V first_b = V::broadcast(*b);
    visit_vectors<V>(
        share.count(), [&](std::int64_t i, const auto& load, const auto& store)
                           __attribute__((always_inline)) {
                             const V left = kRepeatA ? first_a : load(a + i);
                             const V right = kRepeatB ? first_b : load(b + i);
                             store(y + i, clamp(combine<kOp>(left, right)));
                           });
    if (!clamp.is_whole) activate_run<V>(arguments.activation, y, share.count(), y);
  }
}

template <typename V, BinaryOp kOp>
[[gnu::always_inline]] inline void run_binary_op(const BinaryShape& shape,
                                                 const BinaryArguments& arguments,
                                                 std::int64_t task) {
  const bool repeat_a = shape.a_stride[shape.rank - 1] == 0;
  const bool repeat_b = shape.b_stride[shape.rank - 1] == 0;
  if (repeat_a && repeat_b) return run_binary_rows<V, kOp, true, true>(shape, arguments, task);
  if (repeat_a) return run_binary_rows<V, kOp, true, false>(shape, arguments, task);
  if (repeat_b) return run_binary_rows<V, kOp, false, true>(shape, arguments, task);
  return run_binary_rows<V, kOp, false, false>(shape, arguments, task);
}

template <typename V>
void run_binary(const BinaryShape& shape, const BinaryArguments& arguments, std::int64_t task) {
  switch (shape.op) {
    case BinaryOp::kAdd:
      return run_binary_op<V, BinaryOp::kAdd>(shape, arguments, task);
    case BinaryOp::kSubtract:
      return run_binary_op<V, BinaryOp::kSubtract>(shape, arguments, task);
    case BinaryOp::kMultiply:
      return run_binary_op<V, BinaryOp::kMultiply>(shape, arguments, task);
    case BinaryOp::kDivide:
      return run_binary_op<V, BinaryOp::kDivide>(shape, arguments, task);
  }
}

/// A channel a row where kChannelsInside is false, a pixel a row where it is true.
template <typename V, bool kChannelsInside>
[[gnu::noinline]] void run_affine_rows(const AffineShape& shape, const AffineArguments& arguments,
                                       std::int64_t task) {
  const RowCut cut = cut_of(shape);
  const RowTask share = row_task(cut, task);
  const Clamp<V> clamp(arguments.activation);
  std::int64_t c = kChannelsInside ? share.begin : share.row_begin % shape.channels;
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    const float* x = arguments.x + row * cut.inner + share.begin;
    float* y = arguments.y + row * cut.inner + share.begin;
    const float* scale = arguments.scale + c;
    const float* shift = arguments.shift + c;
    const V first_scale = V::broadcast(*scale);
    const V first_shift = V::broadcast(*shift);
    visit_vectors<V>(
        share.count(), [&](std::int64_t i, const auto& load, const auto& store)
                           __attribute__((always_inline)) {
                             const V s = kChannelsInside ? load(scale + i) : first_scale;
                             const V t = kChannelsInside ? load(shift + i) : first_shift;
                             store(y + i, clamp(multiply_add(load(x + i), s, t)));
                           });
    if (!clamp.is_whole) activate_run<V>(arguments.activation, y, share.count(), y);
    if (!kChannelsInside && ++c == shape.channels) c = 0;
  }
}

template <typename V>
void run_affine(const AffineShape& shape, const AffineArguments& arguments, std::int64_t task) {
  if (shape.inner == 1) return run_affine_rows<V, true>(shape, arguments, task);
  return run_affine_rows<V, false>(shape, arguments, task);
}

/// One task of a transposition in blocks of kLanes x kLanes.
template <typename V>
void run_transpose(const CopyShape& shape, const CopyArguments& arguments, std::int64_t task) {
  const TransposeCut cut = cut_transpose(shape);
  const std::int64_t plane = task / cut.tasks_of_a_plane();
  const std::int64_t begin = task % cut.tasks_of_a_plane() * cut.rows_per_task;
  const std::int64_t end = smaller(cut.rows, begin + cut.rows_per_task);
  const std::int64_t from_step = shape.from_stride[shape.rank - 1];
  const std::int64_t to_step = shape.to_stride[shape.rank - 2];
  const float* from = reinterpret_cast<const float*>(arguments.from) +
                      row_offset(shape.extent, shape.from_stride, shape.rank - 1, plane);
  float* to = reinterpret_cast<float*>(arguments.to) +
              row_offset(shape.extent, shape.to_stride, shape.rank - 1, plane);
  for (std::int64_t row = begin; row < end; row += V::kLanes) {
    const std::int64_t rows = smaller(V::kLanes, end - row);
    const typename V::Mask row_mask = V::first(rows);
    for (std::int64_t column = 0; column < cut.columns; column += V::kLanes) {
      const std::int64_t columns = smaller(V::kLanes, cut.columns - column);
      const typename V::Mask column_mask = V::first(columns);
      const float* source = from + row + column * from_step;
      float* target = to + row * to_step + column;
      V block[V::kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < V::kLanes; ++i) {
        block[i] = i < columns ? V::load(source + i * from_step, row_mask) : V::zero();
      }
      transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < V::kLanes; ++i) {
        if (i < rows) block[i].store(target + i * to_step, column_mask);
      }
    }
  }
}

}  // namespace
}  // namespace lode::engine
