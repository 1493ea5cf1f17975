// The lists of the family and the choices from them.
#include <algorithm>
#include <numeric>

#include "engine/kernels/eltwise/copy.h"
#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/selection.h"

namespace lode::engine {

std::span<const UnaryKernel* const> unary_kernels() {
  static constexpr const UnaryKernel* kList[] = {
#define LODE_UNARY_KERNEL(name) &name,
#include "engine/kernels/eltwise/kernels.inc"
  };
  return kList;
}

std::span<const BinaryKernel* const> binary_kernels() {
  static constexpr const BinaryKernel* kList[] = {
#define LODE_BINARY_KERNEL(name) &name,
#include "engine/kernels/eltwise/kernels.inc"
  };
  return kList;
}

std::span<const AffineKernel* const> affine_kernels() {
  static constexpr const AffineKernel* kList[] = {
#define LODE_AFFINE_KERNEL(name) &name,
#include "engine/kernels/eltwise/kernels.inc"
  };
  return kList;
}

Selection<UnaryKernel> select_unary(const UnaryShape& shape, Isa cap) {
  return select_kernel(unary_kernels(), shape, cap);
}

Selection<BinaryKernel> select_binary(const BinaryShape& shape, Isa cap) {
  return select_kernel(binary_kernels(), shape, cap);
}

Selection<AffineKernel> select_affine(const AffineShape& shape, Isa cap) {
  return select_kernel(affine_kernels(), shape, cap);
}

std::span<const CopyKernel* const> copy_kernels() {
  static constexpr const CopyKernel* kList[] = {
#define LODE_COPY_KERNEL(name) &name,
#include "engine/kernels/eltwise/copy_kernels.inc"
  };
  return kList;
}

std::span<const PadKernel* const> pad_kernels() {
  static constexpr const PadKernel* kList[] = {
#define LODE_PAD_KERNEL(name) &name,
#include "engine/kernels/eltwise/copy_kernels.inc"
  };
  return kList;
}

Selection<CopyKernel> select_copy(const CopyShape& shape, Isa cap) {
  return select_kernel(copy_kernels(), shape, cap);
}

Selection<PadKernel> select_pad(const PadShape& shape, Isa cap) {
  return select_kernel(pad_kernels(), shape, cap);
}

BinaryShape binary_shape(BinaryOp op, const Shape& extents, const Shape& a_strides,
                         const Shape& b_strides, const Shape& y_strides) {
  std::array<std::size_t, Shape::kMaxRank> axes{};
  const auto order = std::span(axes).first(extents.rank());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return y_strides[i] > y_strides[j]; });
  BinaryShape shape;
  shape.op = op;
  for (const std::size_t axis : order) {
    const std::int64_t extent = extents[axis];
    if (extent == 1) continue;
    const std::size_t last = shape.rank - 1;
    if (shape.rank > 0 && shape.a_stride[last] == a_strides[axis] * extent &&
        shape.b_stride[last] == b_strides[axis] * extent) {
      shape.extent[last] *= extent;
      shape.a_stride[last] = a_strides[axis];
      shape.b_stride[last] = b_strides[axis];
      continue;
    }
    shape.extent[shape.rank] = extent;
    shape.a_stride[shape.rank] = a_strides[axis];
    shape.b_stride[shape.rank] = b_strides[axis];
    ++shape.rank;
  }
  if (shape.rank == 0) {
    shape.rank = 1;
    shape.extent[0] = 1;
    shape.a_stride[0] = 1;
    shape.b_stride[0] = 1;
  }
  return shape;
}

}  // namespace lode::engine
