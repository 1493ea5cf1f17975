// The definitions, as plain loops.
#include <tuple>

#include "base/assert.h"
#include "engine/kernels/eltwise/rows.h"
#include "engine/kernels/qconv/requantise.h"
#include "engine/kernels/qeltwise/qeltwise.h"

namespace lode::engine {

void qbinary_reference(const BinaryShape& shape, const QBinaryArguments& arguments) {
  LODE_ASSERT(shape.op == BinaryOp::kAdd || shape.op == BinaryOp::kMultiply);
  const auto& [a_scale, b_scale, y_scale] =
      std::tie(arguments.a_scale, arguments.b_scale, arguments.y_scale);
  const Requantisation to = requantisation(arguments.activation, y_scale.scale, y_scale.zero);
  const std::size_t last = shape.rank - 1;
  std::uint8_t* y = arguments.y;
  for (std::int64_t row = 0; row < outer_rows(shape.extent, shape.rank); ++row) {
    const std::uint8_t* as =
        arguments.a + row_offset(shape.extent, shape.a_stride, shape.rank, row);
    const std::uint8_t* bs =
        arguments.b + row_offset(shape.extent, shape.b_stride, shape.rank, row);
    for (std::int64_t i = 0; i < shape.extent[last]; ++i) {
      const std::int32_t a = as[i * shape.a_stride[last]] - a_scale.zero;
      const std::int32_t b = bs[i * shape.b_stride[last]] - b_scale.zero;
      const float v =
          shape.op == BinaryOp::kAdd
              ? static_cast<float>(a) * (a_scale.scale / y_scale.scale) +
                    static_cast<float>(b) * (b_scale.scale / y_scale.scale)
              : static_cast<float>(a * b) * ((a_scale.scale * b_scale.scale) / y_scale.scale);
      *y++ = requantised(to, v);
    }
  }
}

void requantise_reference(const QCopyShape& shape, const RequantiseArguments& arguments) {
  const auto& [x_scale, y_scale] = std::tie(arguments.x_scale, arguments.y_scale);
  const Requantisation to = requantisation(arguments.activation, y_scale.scale, y_scale.zero);
  const std::int64_t x_stride = shape.x_stride != 0 ? shape.x_stride : shape.columns;
  const std::int64_t y_stride = shape.y_stride != 0 ? shape.y_stride : shape.columns;
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t i = 0; i < shape.columns; ++i) {
      const std::int32_t x = arguments.x[row * x_stride + i] - x_scale.zero;
      arguments.y[row * y_stride + i] =
          requantised(to, static_cast<float>(x) * (x_scale.scale / y_scale.scale));
    }
  }
}

void qtable_reference(const QCopyShape& shape, const QTableArguments& arguments) {
  const std::int64_t x_stride = shape.x_stride != 0 ? shape.x_stride : shape.columns;
  const std::int64_t y_stride = shape.y_stride != 0 ? shape.y_stride : shape.columns;
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t i = 0; i < shape.columns; ++i) {
      arguments.y[row * y_stride + i] = arguments.table[arguments.x[row * x_stride + i]];
    }
  }
}

}  // namespace lode::engine
