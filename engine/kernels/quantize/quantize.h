// From float to eight bits and back: QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear of
// ONNX with one scale, or one a sample. Exact: all variants give the same bits.
//
//   quantize:    y = clamp(round_half_even(x / scale) + zero), by a true division; NaN becomes the
//                lowest value
//   dequantize:  y = float(x - zero) * scale
//   dynamic:     low = min(0, least x), high = max(0, greatest x), over finite x of the sample;
//                scale = (high - low) / 255, or 1 where they are equal;
//                zero = clamp(round_half_even(0 - low / scale), 0, 255)
//
// A dynamic quantisation is two steps: a range kernel leaves pairs of minimum and maximum, several
// a sample, and the quantize kernel makes scale and zero point of them.
#pragma once

#include "engine/kernels/kernel.h"

namespace lode::engine {

// ---- quantize

/// x is [samples, pixels, channels] floats, or [samples, channels, pixels] where it is plain; y has
/// the channels last.
struct QuantizeShape {
  std::int64_t samples = 1;
  std::int64_t pixels = 1;
  std::int64_t channels = 0;
  bool x_is_plain = false;  ///< x is dense [samples, channels, pixels]
  /// Elements from one pixel to the next; 0: the channels of one pixel.
  std::int64_t x_stride = 0;
  std::int64_t y_stride = 0;
  bool is_signed = false;  ///< y is s8; not with ranges
  /// Sets of pairs in `ranges`: 0: scale and zero are given; 1: one for all; `samples`: each its
  /// own.
  std::int64_t ranges = 0;
  std::int64_t pieces = 0;  ///< pairs of a set, range_pieces()

  [[nodiscard, gnu::always_inline]] std::int64_t x_step() const {
    return x_stride != 0 ? x_stride : channels;
  }
  [[nodiscard, gnu::always_inline]] std::int64_t y_step() const {
    return y_stride != 0 ? y_stride : channels;
  }
};

struct QuantizeArguments {
  const float* x = nullptr;
  void* y = nullptr;  ///< std::uint8_t or std::int8_t
  float scale = 1.0F;
  std::int32_t zero = 0;
  /// Where shape.ranges > 0: [ranges, pieces, 2], and what comes of them, [ranges] each, written.
  const float* ranges = nullptr;
  float* scales = nullptr;
  std::uint8_t* zeros = nullptr;
};

using QuantizeKernel = Kernel<QuantizeShape, QuantizeArguments>;

[[nodiscard]] std::span<const QuantizeKernel* const> quantize_kernels();
[[nodiscard]] Selection<QuantizeKernel> select_quantize(const QuantizeShape& shape, Isa cap);
void quantize_reference(const QuantizeShape& shape, const QuantizeArguments& arguments);

// ---- range

/// Least and greatest of [samples, rows, columns] floats, rows `stride` floats apart.
struct RangeShape {
  std::int64_t samples = 1;
  std::int64_t rows = 1;
  std::int64_t columns = 0;
  std::int64_t stride = 0;  ///< 0: columns
};

struct RangeArguments {
  const float* x = nullptr;
  float* ranges = nullptr;  ///< [samples, range_pieces(), 2]: least, greatest, of 0 and the values
};

using RangeKernel = Kernel<RangeShape, RangeArguments>;

/// Pairs a sample is reduced to, each by a task. Not of the number of samples.
[[nodiscard]] std::int64_t range_pieces(const RangeShape& shape);

[[nodiscard]] std::span<const RangeKernel* const> range_kernels();
[[nodiscard]] Selection<RangeKernel> select_range(const RangeShape& shape, Isa cap);
/// The least and greatest of the whole sample in each of its pairs.
void range_reference(const RangeShape& shape, const RangeArguments& arguments);

// ---- dequantize

/// [rows, columns] of bytes to floats.
struct DequantizeShape {
  std::int64_t rows = 1;
  std::int64_t columns = 0;
  std::int64_t x_stride = 0;  ///< elements from row to row; 0: columns
  std::int64_t y_stride = 0;
  bool is_signed = false;  ///< x is s8
};

struct DequantizeArguments {
  const void* x = nullptr;  ///< std::uint8_t or std::int8_t
  float* y = nullptr;
  float scale = 1.0F;
  std::int32_t zero = 0;
};

using DequantizeKernel = Kernel<DequantizeShape, DequantizeArguments>;

[[nodiscard]] std::span<const DequantizeKernel* const> dequantize_kernels();
[[nodiscard]] Selection<DequantizeKernel> select_dequantize(const DequantizeShape& shape, Isa cap);
void dequantize_reference(const DequantizeShape& shape, const DequantizeArguments& arguments);

#define LODE_QUANTIZE_KERNEL(name) extern const QuantizeKernel name;
#define LODE_RANGE_KERNEL(name) extern const RangeKernel name;
#define LODE_DEQUANTIZE_KERNEL(name) extern const DequantizeKernel name;
#include "engine/kernels/quantize/kernels.inc"

}  // namespace lode::engine
