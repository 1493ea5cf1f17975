// The definitions, as plain loops.
#include <cstring>

#include "engine/kernels/eltwise/copy.h"
#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/eltwise/rows.h"

namespace lode::engine {

namespace {

float combine(BinaryOp op, float a, float b) {
  switch (op) {
    case BinaryOp::kAdd:
      return a + b;
    case BinaryOp::kSubtract:
      return a - b;
    case BinaryOp::kMultiply:
      return a * b;
    case BinaryOp::kDivide:
      return a / b;
  }
  return 0.0F;
}

}  // namespace

void binary_reference(const BinaryShape& shape, const BinaryArguments& arguments) {
  const std::int64_t inner = shape.extent[shape.rank - 1];
  float* y = arguments.y;
  for (std::int64_t row = 0; row < outer_rows(shape.extent, shape.rank); ++row) {
    const float* a = arguments.a + row_offset(shape.extent, shape.a_stride, shape.rank, row);
    const float* b = arguments.b + row_offset(shape.extent, shape.b_stride, shape.rank, row);
    for (std::int64_t i = 0; i < inner; ++i) {
      const float value = combine(shape.op, a[i * shape.a_stride[shape.rank - 1]],
                                  b[i * shape.b_stride[shape.rank - 1]]);
      *y++ = apply_activation(arguments.activation, value);
    }
  }
}

void affine_reference(const AffineShape& shape, const AffineArguments& arguments) {
  for (std::int64_t i = 0; i < shape.outer * shape.channels * shape.inner; ++i) {
    const std::int64_t c = i / shape.inner % shape.channels;
    arguments.y[i] = apply_activation(arguments.activation,
                                      arguments.x[i] * arguments.scale[c] + arguments.shift[c]);
  }
}

void copy_reference(const CopyShape& shape, const CopyArguments& arguments) {
  const auto bytes = static_cast<std::int64_t>(shape.element_bytes);
  for (std::int64_t row = 0; row < outer_rows(shape.extent, shape.rank); ++row) {
    for (std::int64_t i = 0; i < shape.extent[shape.rank - 1]; ++i) {
      const std::int64_t from = row_offset(shape.extent, shape.from_stride, shape.rank, row) +
                                i * shape.from_stride[shape.rank - 1];
      const std::int64_t to = row_offset(shape.extent, shape.to_stride, shape.rank, row) +
                              i * shape.to_stride[shape.rank - 1];
      std::memcpy(arguments.to + to * bytes, arguments.from + from * bytes, shape.element_bytes);
    }
  }
}

void pad_reference(const PadShape& shape, const PadArguments& arguments) {
  const auto bytes = static_cast<std::int64_t>(shape.element_bytes);
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < shape.rank; ++axis) count *= shape.to_extent[axis];
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i;
    std::int64_t from = 0;
    std::int64_t stride = 1;
    bool is_inside = true;
    for (std::size_t axis = shape.rank; axis-- > 0;) {
      const std::int64_t index = rest % shape.to_extent[axis] - shape.before[axis];
      rest /= shape.to_extent[axis];
      is_inside = is_inside && index >= 0 && index < shape.from_extent[axis];
      from += index * stride;
      stride *= shape.from_extent[axis];
    }
    std::memcpy(arguments.to + i * bytes,
                is_inside ? arguments.from + from * bytes : shape.value.data(),
                shape.element_bytes);
  }
}

}  // namespace lode::engine
