// The baseline elementwise kernels on packets.
#include <algorithm>

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/eltwise/rows.h"
#include "engine/kernels/packet.h"

namespace lode::engine {

namespace {

// ---- unary

void run_unary(const UnaryShape& shape, const UnaryArguments& arguments, std::int64_t task) {
  const RowTask share = row_task(cut_of(shape), task);
  std::int64_t i = share.begin;
  for (; i + kLanes <= share.end; i += kLanes) {
    store(arguments.y + i, activate(arguments.activation, load(arguments.x + i)));
  }
  if (i == share.end) return;
  const Packet rest = load_first(share.end - i, arguments.x + i);
  store_first(share.end - i, arguments.y + i, activate(arguments.activation, rest));
}

// ---- binary

struct Add {
  static Packet of(const Packet& a, const Packet& b) { return add(a, b); }
};
struct Subtract {
  static Packet of(const Packet& a, const Packet& b) { return subtract(a, b); }
};
struct Multiply {
  static Packet of(const Packet& a, const Packet& b) { return multiply(a, b); }
};
struct Divide {
  static Packet of(const Packet& a, const Packet& b) { return divide(a, b); }
};

/// Up to kLanes elements of one row from element `first` on.
template <typename Op>
void combine_part(const BinaryArguments& row, std::int64_t first, std::int64_t count,
                  std::int64_t a_stride, std::int64_t b_stride) {
  const Packet a = load_first(count, row.a + first * a_stride, a_stride);
  const Packet b = load_first(count, row.b + first * b_stride, b_stride);
  store_first(count, row.y + first, activate(row.activation, Op::of(a, b)));
}

/// `count` elements of one row; a stride of 0 repeats the first.
template <typename Op>
void combine_row(const BinaryArguments& row, std::int64_t count, std::int64_t a_stride,
                 std::int64_t b_stride) {
  const Packet first_a = broadcast(row.a[0]);
  const Packet first_b = broadcast(row.b[0]);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Packet a = a_stride == 0 ? first_a : load(row.a + i);
    const Packet b = b_stride == 0 ? first_b : load(row.b + i);
    store(row.y + i, activate(row.activation, Op::of(a, b)));
  }
  if (i < count) {
    combine_part<Op>(row, i, count - i, a_stride, b_stride);
  }
}

template <bool kStrided, typename Op>
void run_binary_op(const BinaryShape& shape, const BinaryArguments& arguments, std::int64_t task) {
  const RowCut cut = cut_of(shape);
  const std::int64_t a_stride = shape.a_stride[shape.rank - 1];
  const std::int64_t b_stride = shape.b_stride[shape.rank - 1];
  const RowTask share = row_task(cut, task);
  BinaryArguments row = arguments;
  RowWalker walker(shape.extent, shape.rank, shape.a_stride, shape.b_stride, share.row_begin);
  for (std::int64_t index = share.row_begin; index < share.row_end; ++index, walker.next()) {
    row.a = arguments.a + walker.a() + share.begin * a_stride;
    row.b = arguments.b + walker.b() + share.begin * b_stride;
    row.y = arguments.y + index * cut.inner + share.begin;
    if constexpr (kStrided) {
      const std::int64_t count = share.count();
      for (std::int64_t i = 0; i < count; i += kLanes) {
        combine_part<Op>(row, i, std::min<std::int64_t>(kLanes, count - i), a_stride, b_stride);
      }
    } else if (share.begin < share.end) {
      combine_row<Op>(row, share.count(), a_stride, b_stride);
    }
  }
}

template <bool kStrided>
void run_binary(const BinaryShape& shape, const BinaryArguments& arguments, std::int64_t task) {
  switch (shape.op) {
    case BinaryOp::kAdd:
      return run_binary_op<kStrided, Add>(shape, arguments, task);
    case BinaryOp::kSubtract:
      return run_binary_op<kStrided, Subtract>(shape, arguments, task);
    case BinaryOp::kMultiply:
      return run_binary_op<kStrided, Multiply>(shape, arguments, task);
    case BinaryOp::kDivide:
      return run_binary_op<kStrided, Divide>(shape, arguments, task);
  }
}

// ---- affine

void run_affine(const AffineShape& shape, const AffineArguments& arguments, std::int64_t task) {
  const RowCut cut = cut_of(shape);
  const RowTask share = row_task(cut, task);
  const bool channels_inside = shape.inner == 1;
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    const float* x = arguments.x + row * cut.inner;
    float* y = arguments.y + row * cut.inner;
    const std::int64_t c = channels_inside ? 0 : row % shape.channels;
    const float* scale = arguments.scale + c;
    const float* shift = arguments.shift + c;
    const std::int64_t stride = channels_inside ? 1 : 0;
    std::int64_t i = share.begin;
    for (; i + kLanes <= share.end; i += kLanes) {
      const Packet s = channels_inside ? load(scale + i) : broadcast(*scale);
      const Packet t = channels_inside ? load(shift + i) : broadcast(*shift);
      store(y + i, activate(arguments.activation, multiply_add(load(x + i), s, t)));
    }
    const std::int64_t left = share.end - i;
    if (left == 0) continue;
    const Packet s = load_first(left, scale + i * stride, stride);
    const Packet t = load_first(left, shift + i * stride, stride);
    store_first(left, y + i,
                activate(arguments.activation, multiply_add(load_first(left, x + i), s, t)));
  }
}

}  // namespace

const UnaryKernel eigen_f32_unary = {.name = "eigen_f32_unary",
                                     .isa = Isa::kGeneric,
                                     .strength = "dense, in vectors",
                                     .task_count = unary_task_count,
                                     .run = run_unary};

const BinaryKernel eigen_f32_binary = {.name = "eigen_f32_binary",
                                       .isa = Isa::kGeneric,
                                       .strength = "rows dense or constant, in vectors",
                                       .refuse = refuse_unless_rows,
                                       .task_count = binary_task_count,
                                       .run = run_binary<false>};

const BinaryKernel generic_f32_binary_strided = {.name = "generic_f32_binary_strided",
                                                 .isa = Isa::kGeneric,
                                                 .strength = "any strides, gathered",
                                                 .task_count = binary_task_count,
                                                 .run = run_binary<true>};

const AffineKernel eigen_f32_affine = {.name = "eigen_f32_affine",
                                       .isa = Isa::kGeneric,
                                       .strength = "dense, in vectors",
                                       .task_count = affine_task_count,
                                       .run = run_affine};

}  // namespace lode::engine
