// The elementwise kernels on bytes, on a vector of integers: the one text of qeltwise_avx512.cc and
// qeltwise_avx2.cc. In an anonymous namespace, so that each of them keeps its own code.
#pragma once

#include "engine/kernels/qconv/unfused.h"
#include "engine/kernels/qeltwise/qrows.h"

namespace lode::engine {
namespace {

/// Vectors that are worked on at once.
constexpr int kVectors = 4;

/// Of `count` bytes those that fall into vector j.
template <typename Sums>
[[gnu::always_inline]] inline std::int64_t bytes_of(std::int64_t count, int j) {
  const std::int64_t left = count - j * Sums::kLanes;
  return left < 0 ? 0 : smaller(left, Sums::kLanes);
}

/// float(byte - zero) * factor of one input's row, whose bytes stand `stride` (0 or 1) apart.
template <typename Sums>
struct ScaledRow {
  using V = typename Sums::Float;

  const std::uint8_t* bytes;
  std::int64_t stride;
  std::int32_t zero;

  /// Bytes less the zero point, `count` from place i on.
  [[nodiscard, gnu::always_inline]] Sums moved(std::int64_t i, std::int64_t count) const {
    const Sums x = stride == 0             ? Sums::broadcast(bytes[0])
                   : count == Sums::kLanes ? Sums::load_bytes(bytes + i)
                                           : Sums::load_bytes(bytes + i, count);
    return subtract(x, Sums::broadcast(zero));
  }
};

/// y[0, count) = requantised(value(place, bytes there)), for a vector of values.
template <typename Sums, ActivationKind kKind, typename Value>
[[gnu::always_inline]] inline void requantise_row(const Requantisation& to, std::int64_t count,
                                                  std::uint8_t* y, const Value& value) {
  const ByteClamp clamp(to.zero, 0, 255);
  for (std::int64_t i = 0; i < count; i += kVectors * Sums::kLanes) {
    Sums rounded[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      rounded[j] =
          to_nearest(bounded<kKind>(to, value(i + j * Sums::kLanes, bytes_of<Sums>(count - i, j))));
    }
    store_clamped<kVectors>(clamp, rounded, y + i, count - i);
  }
}

template <typename Sums>
void run_qbinary(const BinaryShape& shape, const QBinaryArguments& arguments, std::int64_t task) {
  using V = typename Sums::Float;
  const RowTask share = row_task(cut_of(shape), task);
  const std::size_t last = shape.rank - 1;
  const QFactors factors = factors_of(shape, arguments);
  const Requantisation to =
      requantisation(arguments.activation, arguments.y_scale.scale, arguments.y_scale.zero);
  with_activation_kind(
      to.activation.kind, [&]<ActivationKind kKind>() __attribute__((always_inline)) {
        RowWalker walker(shape.extent, shape.rank, shape.a_stride, shape.b_stride, share.row_begin);
        for (std::int64_t row = share.row_begin; row < share.row_end; ++row, walker.next()) {
          const ScaledRow<Sums> a{arguments.a + walker.a() + share.begin * shape.a_stride[last],
                                  shape.a_stride[last], arguments.a_scale.zero};
          const ScaledRow<Sums> b{arguments.b + walker.b() + share.begin * shape.b_stride[last],
                                  shape.b_stride[last], arguments.b_scale.zero};
          std::uint8_t* y = arguments.y + row * shape.extent[last] + share.begin;
          const V factor_a = V::broadcast(factors.a);
          const V factor_b = V::broadcast(factors.b);
          if (shape.op == BinaryOp::kMultiply) {
            requantise_row<Sums, kKind>(
                to, share.count(),
                y, [&](std::int64_t i, std::int64_t n) __attribute__((always_inline)) {
                  return multiply(to_float(multiply(a.moved(i, n), b.moved(i, n))), factor_a);
                });
          } else {
            requantise_row<Sums, kKind>(
                to, share.count(),
                y, [&](std::int64_t i, std::int64_t n) __attribute__((always_inline)) {
                  return add(multiply(to_float(a.moved(i, n)), factor_a),
                             multiply(to_float(b.moved(i, n)), factor_b));
                });
          }
        }
      });
}

template <typename Sums>
void run_requantise(const QCopyShape& shape, const RequantiseArguments& arguments,
                    std::int64_t task) {
  using V = typename Sums::Float;
  const RowTask share = row_task(cut_of(shape), task);
  const Requantisation to =
      requantisation(arguments.activation, arguments.y_scale.scale, arguments.y_scale.zero);
  const V factor = V::broadcast(arguments.x_scale.scale / arguments.y_scale.scale);
  with_activation_kind(
      to.activation.kind, [&]<ActivationKind kKind>() __attribute__((always_inline)) {
        for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
          const ScaledRow<Sums> x{arguments.x + row * x_step(shape) + share.begin, 1,
                                  arguments.x_scale.zero};
          requantise_row<Sums, kKind>(
              to, share.count(), arguments.y + row * y_step(shape) + share.begin,
              [&](std::int64_t i, std::int64_t n) __attribute__((always_inline)) {
                return multiply(to_float(x.moved(i, n)), factor);
              });
        }
      });
}

}  // namespace
}  // namespace lode::engine
