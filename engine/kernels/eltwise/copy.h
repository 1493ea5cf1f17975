// Copies between memory orders: layout conversion, transposition, concatenation into a slice,
// padding with a constant. For elements of 1, 2, 4 or 8 bytes of any type; exact.
#pragma once

#include <array>

#include "base/tensor_view.h"
#include "engine/kernels/kernel.h"

namespace lode::engine {

/// Extents outermost first, and both sides' strides along them in elements. Made by copy_shape(),
/// which merges axes where both sides allow it; rank is at least 1.
struct CopyShape {
  std::size_t element_bytes = 4;
  std::size_t rank = 0;
  std::int64_t extent[Shape::kMaxRank] = {};
  std::int64_t from_stride[Shape::kMaxRank] = {};
  std::int64_t to_stride[Shape::kMaxRank] = {};
};

/// From strides along the same axes in any order. Axes are sorted by the target's strides.
[[nodiscard]] CopyShape copy_shape(std::size_t element_bytes, const Shape& extents,
                                   const Shape& from_strides, const Shape& to_strides);

struct CopyArguments {
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
};

using CopyKernel = Kernel<CopyShape, CopyArguments>;

/// The target is dense [rows..., inner]; the source fills the box that begins at `before`. Cells
/// outside the box become `value`. Made by the caller in the order of memory.
struct PadShape {
  std::size_t element_bytes = 4;
  std::size_t rank = 0;
  std::array<std::int64_t, Shape::kMaxRank> to_extent{};
  std::array<std::int64_t, Shape::kMaxRank> from_extent{};
  std::array<std::int64_t, Shape::kMaxRank> before{};  ///< may be negative: a crop
  std::array<std::byte, 8> value{};                    ///< the first element_bytes of it
};

struct PadArguments {
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
};

using PadKernel = Kernel<PadShape, PadArguments>;

[[nodiscard]] std::span<const CopyKernel* const> copy_kernels();
[[nodiscard]] Selection<CopyKernel> select_copy(const CopyShape& shape, Isa cap);
[[nodiscard]] std::span<const PadKernel* const> pad_kernels();
[[nodiscard]] Selection<PadKernel> select_pad(const PadShape& shape, Isa cap);

/// Element by element.
void copy_reference(const CopyShape& shape, const CopyArguments& arguments);
void pad_reference(const PadShape& shape, const PadArguments& arguments);

#define LODE_COPY_KERNEL(name) extern const CopyKernel name;
#define LODE_PAD_KERNEL(name) extern const PadKernel name;
#include "engine/kernels/eltwise/copy_kernels.inc"

}  // namespace lode::engine
