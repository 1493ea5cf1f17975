// What the fuzzers of the kernels share: choices from the input, outputs that end where they must,
// tasks run one by one, and the shapes that both float and integer families have.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/assert.h"
#include "engine/kernels/aligned_floats.h"
#include "engine/kernels/conv/conv.h"
#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/pool/pool.h"

namespace lode::engine {

/// Choices from the input; zeros once it has run out.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data, size) {}

  std::uint8_t byte() {
    if (data_.empty()) return 0;
    const std::uint8_t first = data_.front();
    data_ = data_.subspan(1);
    return first;
  }
  /// In [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + byte() % (high - low + 1);
  }
  bool flag() { return (byte() & 1U) != 0; }

  /// Small multiples of 1/16 about 0: the input's bytes first, then a sequence that they start.
  std::vector<float> floats(std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    std::uint32_t state = 1U + byte();
    for (float& value : values) {
      state = state * 1664525U + 1013904223U;
      value = static_cast<float>(static_cast<int>(state >> 24U) - 128) / 64.0F;
    }
    for (std::int64_t i = between(0, 8); i-- > 0 && !values.empty();) {
      values[static_cast<std::size_t>(byte()) % values.size()] =
          static_cast<float>(static_cast<int>(byte()) - 128) / 16.0F;
    }
    return values;
  }
  /// Any bytes: a sequence that the input starts, with some of the input's own.
  std::vector<std::uint8_t> octets(std::int64_t count) {
    std::vector<std::uint8_t> values(static_cast<std::size_t>(count));
    std::uint32_t state = 1U + byte();
    for (std::uint8_t& value : values) {
      state = state * 1664525U + 1013904223U;
      value = static_cast<std::uint8_t>(state >> 24U);
    }
    for (std::int64_t i = between(0, 8); i-- > 0 && !values.empty();) {
      values[static_cast<std::size_t>(byte()) % values.size()] = byte();
    }
    return values;
  }
  /// A scale between 2^-10 and 2^5.
  float scale() {
    return std::ldexp(1.0F + static_cast<float>(byte()) / 256.0F, -10 + byte() % 15);
  }
  Activation activation() {
    const Activation kAll[] = {
        {ActivationKind::kNone, 0.0F, 0.0F},      {ActivationKind::kRelu, 0.0F, 0.0F},
        {ActivationKind::kLeakyRelu, 0.1F, 0.0F}, {ActivationKind::kClip, -0.25F, 0.5F},
        {ActivationKind::kSigmoid, 0.0F, 0.0F},   {ActivationKind::kHardSigmoid, 0.2F, 0.5F},
        {ActivationKind::kHardSwish, 0.0F, 0.0F}, {ActivationKind::kSilu, 0.0F, 0.0F}};
    return kAll[static_cast<std::size_t>(between(0, 7))];
  }

 private:
  std::span<const std::uint8_t> data_;
};

/// An output on the heap that ends where it must end, so that a sanitizer sees a write behind it.
/// NaN stands where nothing may be written; it must stand in the same places as in the reference's.
using Output = std::vector<float>;

inline Output output_of(std::int64_t count) {
  return Output(static_cast<std::size_t>(count), std::numeric_limits<float>::quiet_NaN());
}

inline void check(const Output& got, const Output& want, const Output& scale, double tolerance) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i])) {
      LODE_ASSERT(std::isnan(got[i]));
      continue;
    }
    const double difference = std::fabs(static_cast<double>(got[i]) - want[i]);
    LODE_ASSERT(difference <= tolerance * std::fabs(static_cast<double>(scale[i])) ||
                got[i] == want[i]);
  }
}

inline std::vector<float> magnitudes(std::vector<float> values, float more = 0.0F) {
  for (float& value : values) value = std::fabs(value) + more;
  return values;
}

/// One of the list that this machine and the shape allow; null if the input chose another.
template <typename AnyKernel, typename AnyShape>
const AnyKernel* choose(Bytes& bytes, std::span<const AnyKernel* const> kernels,
                        const AnyShape& shape) {
  const AnyKernel* kernel = kernels[static_cast<std::size_t>(
      bytes.between(0, static_cast<std::int64_t>(kernels.size()) - 1))];
  if (kernel->isa > best_isa()) return nullptr;
  return kernel->refuse == nullptr || kernel->refuse(shape).empty() ? kernel : nullptr;
}

template <typename AnyShape, typename Arguments>
void run_all_tasks(const Kernel<AnyShape, Arguments>& kernel, const AnyShape& shape,
                   Arguments arguments) {
  const std::size_t scratch = kernel.scratch_bytes != nullptr ? kernel.scratch_bytes(shape) : 0;
  AlignedFloats memory(scratch / sizeof(float) + 1);
  std::fill_n(memory.data(), memory.size(), std::numeric_limits<float>::quiet_NaN());
  if constexpr (requires { arguments.scratch; }) {
    arguments.scratch = reinterpret_cast<std::byte*>(memory.data());
  }
  for (std::int64_t task = kernel.task_count(shape); task-- > 0;) {
    kernel.run(shape, arguments, task);
  }
}

inline std::int64_t out_extent(std::int64_t in, std::int64_t pads, std::int64_t kernel,
                               std::int64_t dilation, std::int64_t stride) {
  const std::int64_t room = in + pads - (kernel - 1) * dilation - 1;
  return room < 0 ? 0 : room / stride + 1;
}

inline ConvShape conv_shape(Bytes& bytes, bool is_depthwise) {
  ConvShape shape;
  shape.batch = bytes.between(1, 2);
  shape.in_h = bytes.between(1, 16);
  shape.in_w = bytes.between(1, 16);
  shape.kernel_h = bytes.between(1, 5);
  shape.kernel_w = bytes.flag() ? shape.kernel_h : bytes.between(1, 5);
  shape.stride_h = bytes.between(1, 3);
  shape.stride_w = bytes.flag() ? shape.stride_h : bytes.between(1, 3);
  if (bytes.flag()) {
    shape.dilation_h = bytes.between(1, 3);
    shape.dilation_w = bytes.between(1, 3);
  }
  if (bytes.flag()) {
    shape.pad_top = bytes.between(0, 4);
    shape.pad_left = bytes.between(0, 4);
    shape.pad_bottom = bytes.between(0, 4);
    shape.pad_right = bytes.between(0, 4);
  }
  shape.groups = is_depthwise ? bytes.between(1, 70) : bytes.between(1, 3);
  shape.in_c = shape.groups * (is_depthwise ? 1 : bytes.between(1, 24));
  shape.out_c = shape.groups * (is_depthwise ? 1 : bytes.between(1, 40));
  shape.out_h = out_extent(shape.in_h, shape.pad_top + shape.pad_bottom, shape.kernel_h,
                           shape.dilation_h, shape.stride_h);
  shape.out_w = out_extent(shape.in_w, shape.pad_left + shape.pad_right, shape.kernel_w,
                           shape.dilation_w, shape.stride_w);
  if (bytes.flag()) shape.x_stride = shape.in_c + bytes.between(0, 20);
  if (bytes.flag()) shape.y_stride = shape.out_c + bytes.between(0, 20);
  shape.has_residual = bytes.flag();
  if (bytes.flag()) shape.residual_stride = shape.out_c + bytes.between(0, 20);
  shape.half_weights = bytes.flag();
  shape.workers = bytes.between(0, 4);
  shape.winograd_outputs = 2 * bytes.between(0, 3);
  if (!is_depthwise && bytes.flag() && shape.in_c <= 4) {
    shape.x_is_plain = true;
    shape.x_stride = 0;
  }
  if (!is_depthwise && allows_prologue(shape)) {
    shape.prologue = static_cast<ConvPrologue>(bytes.between(0, 2));
  }
  return shape;
}

inline PoolShape pool_shape(Bytes& bytes) {
  PoolShape shape;
  shape.kind = static_cast<PoolKind>(bytes.between(0, 2));
  shape.batch = bytes.between(1, 2);
  shape.in_h = bytes.between(1, 12);
  shape.in_w = bytes.between(1, 12);
  shape.channels = bytes.between(1, 70);
  shape.kernel_h = bytes.between(1, 4);
  shape.kernel_w = bytes.flag() ? shape.kernel_h : bytes.between(1, 4);
  shape.stride_h = bytes.between(1, 3);
  shape.stride_w = bytes.between(1, 3);
  shape.dilation_h = bytes.between(1, 2);
  shape.dilation_w = bytes.between(1, 2);
  shape.pad_top = bytes.between(0, 3);
  shape.pad_left = bytes.between(0, 3);
  shape.pad_bottom = bytes.between(0, 3);
  shape.pad_right = bytes.between(0, 3);
  // ceil_mode may add one.
  shape.out_h = out_extent(shape.in_h, shape.pad_top + shape.pad_bottom, shape.kernel_h,
                           shape.dilation_h, shape.stride_h) +
                bytes.between(0, 1);
  shape.out_w = out_extent(shape.in_w, shape.pad_left + shape.pad_right, shape.kernel_w,
                           shape.dilation_w, shape.stride_w);
  return shape;
}

/// Row-major strides with some axes repeated.
inline Shape some_strides(Bytes& bytes, const Shape& extents) {
  Shape strides = extents.strides();
  for (std::size_t axis = 0; axis < extents.rank(); ++axis) {
    if (bytes.flag()) strides[axis] = 0;
  }
  return strides;
}

}  // namespace lode::engine
