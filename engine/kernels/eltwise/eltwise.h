// Elementwise kernels in float: y = activation(x); y = activation(a op b) with broadcasting in any
// mix of memory orders; y = activation(x * scale[c] + shift[c]).
//
// Tolerances: binary and affine agree with their reference to the last bit but for the activation;
// activations agree within 4 units in the last place (Sigmoid: 8). The output may stand where an
// input of its own strides does.
#pragma once

#include "base/tensor_view.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/kernel.h"

namespace lode::engine {

// ---- unary: dense in, dense out, in the same order

struct UnaryShape {
  std::int64_t count = 0;
};

struct UnaryArguments {
  const float* x = nullptr;
  float* y = nullptr;
  Activation activation;
};

using UnaryKernel = Kernel<UnaryShape, UnaryArguments>;

[[nodiscard]] std::span<const UnaryKernel* const> unary_kernels();
[[nodiscard]] Selection<UnaryKernel> select_unary(const UnaryShape& shape, Isa cap);

// ---- binary: the output is dense; each input has its own strides

enum class BinaryOp : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide };

/// Extents in the output's memory order, outermost first, and the inputs' strides in elements along
/// them (0: broadcast). Made by binary_shape(), which merges axes where both inputs allow it.
struct BinaryShape {
  BinaryOp op = BinaryOp::kAdd;
  std::size_t rank = 0;
  std::int64_t extent[Shape::kMaxRank] = {};
  std::int64_t a_stride[Shape::kMaxRank] = {};
  std::int64_t b_stride[Shape::kMaxRank] = {};
};

/// From strides of all three along the same axes in any order; the output must be dense. Axes are
/// sorted into the output's order, axes of extent 1 dropped, neighbours merged; rank is at least 1.
[[nodiscard]] BinaryShape binary_shape(BinaryOp op, const Shape& extents, const Shape& a_strides,
                                       const Shape& b_strides, const Shape& y_strides);

struct BinaryArguments {
  const float* a = nullptr;
  const float* b = nullptr;
  float* y = nullptr;
  Activation activation;
};

using BinaryKernel = Kernel<BinaryShape, BinaryArguments>;

[[nodiscard]] std::span<const BinaryKernel* const> binary_kernels();
[[nodiscard]] Selection<BinaryKernel> select_binary(const BinaryShape& shape, Isa cap);
void binary_reference(const BinaryShape& shape, const BinaryArguments& arguments);

// ---- affine: an unfused batch normalisation

/// x and y are [outer, channels, inner], dense.
struct AffineShape {
  std::int64_t outer = 1;
  std::int64_t channels = 0;
  std::int64_t inner = 1;
};

struct AffineArguments {
  const float* x = nullptr;
  const float* scale = nullptr;  ///< [channels]
  const float* shift = nullptr;  ///< [channels]
  float* y = nullptr;
  Activation activation;
};

using AffineKernel = Kernel<AffineShape, AffineArguments>;

[[nodiscard]] std::span<const AffineKernel* const> affine_kernels();
[[nodiscard]] Selection<AffineKernel> select_affine(const AffineShape& shape, Isa cap);
void affine_reference(const AffineShape& shape, const AffineArguments& arguments);

#define LODE_UNARY_KERNEL(name) extern const UnaryKernel name;
#define LODE_BINARY_KERNEL(name) extern const BinaryKernel name;
#define LODE_AFFINE_KERNEL(name) extern const AffineKernel name;
#include "engine/kernels/eltwise/kernels.inc"

}  // namespace lode::engine
