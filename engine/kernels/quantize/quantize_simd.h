// Quantisation and its inverse on a vector type: the one text of quantize_avx512.cc and
// quantize_avx2.cc. In an anonymous namespace, so that each of them keeps its own code.
#pragma once

#include "engine/kernels/quantize/spans.h"
#include "engine/kernels/quantize/split_inverse.h"
#include "engine/kernels/simd_math.h"

namespace lode::engine {
namespace {

/// How floats of a task become bytes: by a division, or by multiplications where they give the
/// same.
template <typename Sums, bool kMultiplies>
struct Quantizer {
  using V = typename Sums::Float;

  V scale;
  V inverse;
  V inverse_rest;
  V low;  ///< bounds, of quotients or, where kMultiplies, of x
  V high;
  Sums zero;

  [[gnu::always_inline]] Quantizer(const LinearScale& to, const SplitInverse& split, bool is_signed)
      : scale(V::broadcast(to.scale)),
        inverse(V::broadcast(split.nearest)),
        inverse_rest(V::broadcast(split.rest)),
        zero(Sums::broadcast(to.zero)) {
    const float lowest = (is_signed ? -128.0F : 0.0F) - static_cast<float>(to.zero);
    low = V::broadcast(kMultiplies ? lowest * to.scale : lowest);
    high = V::broadcast(kMultiplies ? (lowest + 255.0F) * to.scale : lowest + 255.0F);
  }

  [[nodiscard, gnu::always_inline]] V bounded(V v) const {
    return at_most(number_at_least(v, low), high);
  }
  [[nodiscard, gnu::always_inline]] Sums operator()(V x) const {
    if constexpr (kMultiplies) {
      x = bounded(x);
      return add(to_nearest(multiply_add(x, inverse, multiply(x, inverse_rest))), zero);
    } else {
      return add(to_nearest(bounded(divide(x, scale))), zero);
    }
  }
};

template <typename Quantize>
[[gnu::always_inline]] inline void quantize_row(const Quantize& quantizer, const float* x,
                                                std::int64_t count, bool is_signed,
                                                std::uint8_t* y) {
  using V = typename Quantize::V;
  std::int64_t i = 0;
  for (; !is_signed && i + 4 * V::kLanes <= count; i += 4 * V::kLanes) {
    store_bytes(quantizer(V::load(x + i)), quantizer(V::load(x + i + V::kLanes)),
                quantizer(V::load(x + i + 2 * V::kLanes)),
                quantizer(V::load(x + i + 3 * V::kLanes)), y + i);
  }
  for (; i + V::kLanes <= count; i += V::kLanes) {
    quantizer(V::load(x + i)).store_bytes(y + i, V::kLanes);
  }
  if (i == count) return;
  quantizer(V::load(x + i, V::first(count - i))).store_bytes(y + i, count - i);
}

/// Planes of pixels to pixels of channels, `x` at the task's first pixel of the first plane.
template <typename Sums, bool kMultiplies>
[[gnu::always_inline]] inline void quantize_planes(const Quantizer<Sums, kMultiplies>& quantizer,
                                                   const QuantizeShape& shape, const float* x,
                                                   std::int64_t count, std::uint8_t* y) {
  using V = typename Sums::Float;
  std::int64_t i = 0;
  if (shape.channels == 3 && shape.y_step() == 3) {
    for (; i + Sums::kLanes <= count; i += Sums::kLanes) {
      const Sums byte = Sums::broadcast(255);
      store_triples(bits_of(quantizer(V::load(x + i)), byte),
                    bits_of(quantizer(V::load(x + shape.pixels + i)), byte),
                    bits_of(quantizer(V::load(x + 2 * shape.pixels + i)), byte), y + 3 * i);
    }
  }
  for (; i < count; i += Sums::kLanes) {
    const std::int64_t pixels = smaller(Sums::kLanes, count - i);
    const typename V::Mask valid = V::first(pixels);
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      alignas(64) std::uint8_t bytes[Sums::kLanes];
      quantizer(V::load(x + c * shape.pixels + i, valid)).store_bytes(bytes, Sums::kLanes);
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        y[(i + pixel) * shape.y_step() + c] = bytes[pixel];
      }
    }
  }
}

template <typename Quantize>
[[gnu::always_inline]] inline void quantize_share(const Quantize& quantizer,
                                                  const QuantizeShape& shape,
                                                  const QuantizeArguments& arguments,
                                                  const QuantizeTask& share) {
  const std::int64_t first = share.sample * shape.pixels + share.begin;
  const std::int64_t count = share.end - share.begin;
  auto* y = static_cast<std::uint8_t*>(arguments.y) + first * shape.y_step();
  if (shape.x_is_plain) {
    const float* planes = arguments.x + share.sample * shape.channels * shape.pixels + share.begin;
    return quantize_planes(quantizer, shape, planes, count, y);
  }
  const float* x = arguments.x + first * shape.x_step();
  if (shape.x_step() == shape.channels && shape.y_step() == shape.channels) {
    return quantize_row(quantizer, x, count * shape.channels, shape.is_signed, y);
  }
  for (std::int64_t pixel = 0; pixel < count; ++pixel) {
    quantize_row(quantizer, x + pixel * shape.x_step(), shape.channels, shape.is_signed,
                 y + pixel * shape.y_step());
  }
}

template <typename Sums>
void run_quantize(const QuantizeShape& shape, const QuantizeArguments& arguments,
                  std::int64_t task) {
  const QuantizeTask share = quantize_task(shape, task);
  const LinearScale to = scale_of_task(shape, arguments, share);
  const SplitInverse split = split_inverse(to.scale);
  if (split.serves) {
    quantize_share(Quantizer<Sums, true>(to, split, shape.is_signed), shape, arguments, share);
  } else {
    quantize_share(Quantizer<Sums, false>(to, split, shape.is_signed), shape, arguments, share);
  }
}

template <typename V>
void run_range(const RangeShape& shape, const RangeArguments& arguments, std::int64_t task) {
  const RowCut cut = cut_of(shape);
  const std::int64_t pieces = cut.task_count();
  const RowTask share = row_task(cut, task % pieces);
  const float* first = arguments.x + task / pieces * shape.rows * range_stride(shape);
  // Two, so that one's latency hides the other's.
  VectorRange<V> ranges[2];
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    const float* x = first + row * range_stride(shape);
    std::int64_t i = share.begin;
    for (; i + 2 * V::kLanes <= share.end; i += 2 * V::kLanes) {
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) ranges[j].take(V::load(x + i + j * V::kLanes));
    }
    for (; i < share.end; i += V::kLanes) {
      // Zeros in the lanes behind the last change no range, which holds zero.
      ranges[0].take(V::load(x + i, V::first(smaller(V::kLanes, share.end - i))));
    }
  }
  RangeLanes lanes;
  lanes.clear();
  ranges[0].merge_into(lanes);
  ranges[1].merge_into(lanes);
  lanes.store(arguments.ranges + 2 * task);
}

template <typename Sums>
void run_dequantize(const DequantizeShape& shape, const DequantizeArguments& arguments,
                    std::int64_t task) {
  using V = typename Sums::Float;
  const RowTask share = row_task(cut_of(shape), task);
  const std::int64_t x_stride = shape.x_stride != 0 ? shape.x_stride : shape.columns;
  const std::int64_t y_stride = shape.y_stride != 0 ? shape.y_stride : shape.columns;
  const V scale = V::broadcast(arguments.scale);
  const Sums zero = Sums::broadcast(arguments.zero);
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    const auto* x = static_cast<const std::uint8_t*>(arguments.x) + row * x_stride;
    float* y = arguments.y + row * y_stride;
    for (std::int64_t i = share.begin; i < share.end; i += Sums::kLanes) {
      const std::int64_t count = smaller(Sums::kLanes, share.end - i);
      const Sums bytes =
          shape.is_signed ? Sums::load_signed_bytes(x + i, count) : Sums::load_bytes(x + i, count);
      multiply(to_float(subtract(bytes, zero)), scale).store(y + i, V::first(count));
    }
  }
}

}  // namespace
}  // namespace lode::engine
