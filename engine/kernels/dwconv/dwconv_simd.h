// The depthwise kernels on a vector type: the one text of dwconv_avx512.cc and dwconv_avx2.cc. In
// an anonymous namespace, so that each of them keeps its own code.
//
// A tile is kRows x kColumns output pixels of one vector of channels, summed up in registers: a row
// of input pixels is loaded once and multiplied into every output that it reaches. The sum of an
// output starts with the bias and takes the taps in ascending order, wherever the tile lies: rows
// outside the image are left out, columns outside count as zeros. So neither the cut nor the place
// changes a bit.
//
// Channels are the outer loop, rows the middle one: the rows that neighbouring outputs share are
// then still in the nearest cache, one line a pixel.
#pragma once

#include "engine/kernels/dwconv/plan.h"
#include "engine/kernels/simd_math.h"

namespace lode::engine {
namespace {

/// Output rows of one block of channels, and how their results are finished.
template <typename V>
struct DwRows {
  const float* x;        ///< the image, from the block's first channel on
  const float* weights;  ///< the block's bias and taps
  float* y;              ///< the first output row, likewise
  std::int64_t first_y;  ///< input row of the first tap row; may be negative
  std::int64_t x_row;    ///< floats from a row to the next
  std::int64_t y_row;
  std::int64_t x_step;  ///< floats from a pixel to the next
  std::int64_t y_step;
  typename V::Mask mask;  ///< of the block's channels
  bool is_clamped;        ///< the results are clamped to [low, high]
  float low;
  float high;
};

/// The part of a tile that lies in the image: bit i is row or column i, counted from the tile's
/// first. Bits and not ranges, so that the compiler sees no order in them to make paths of.
struct DwTile {
  std::int64_t out_x;
  unsigned rows;     ///< input rows
  unsigned columns;  ///< input columns
  unsigned outputs;  ///< output columns
};

[[gnu::always_inline]] constexpr bool has(unsigned bits, int index) {
  return (bits >> static_cast<unsigned>(index) & 1U) != 0;
}

/// The bits [begin, end), of which those within [0, 32) count.
[[gnu::always_inline]] constexpr unsigned bits_between(std::int64_t begin, std::int64_t end) {
  const auto below = [](std::int64_t bit) __attribute__((always_inline)) {
    return bit <= 0 ? 0U : bit >= 32 ? ~0U : (1U << static_cast<unsigned>(bit)) - 1U;
  };
  return below(end) & ~below(begin);
}

/// Makes the value unknown to the compiler. Without it, it computes the address of every pixel of a
/// tile in front of the row, more than there are registers, and copies the loop for every flag.
template <typename T>
[[gnu::always_inline]] inline void forget(T& value) {
  __asm__("" : "+r"(value));
}

template <bool kMasked, typename V>
[[gnu::always_inline]] inline V load_pixel(const float* from, typename V::Mask mask) {
  if constexpr (kMasked) {
    return V::load(from, mask);
  } else {
    return V::load(from);
  }
}

template <bool kMasked, typename V>
[[gnu::always_inline]] inline void store_pixel(float* to, V value, typename V::Mask mask) {
  if constexpr (kMasked) {
    value.store(to, mask);
  } else {
    value.store(to);
  }
}

/// Whether registers hold all taps along a row, beside the sums and a row of pixels.
template <typename V, int kKernel, int kStride, int kRows, int kColumns>
constexpr bool kHoldsTaps = kKernel* kKernel + kRows* kColumns + (kColumns - 1) * kStride + kKernel
                            <= V::kRegisters;

/// Clamps the tile's sums and stores them.
template <bool kEdge, bool kMasked, typename V, int kRows, int kColumns>
[[gnu::always_inline]] inline void finish_tile(const DwRows<V>& rows, const DwTile& tile,
                                               V (&sums)[kRows][kColumns]) {
  int is_clamped = rows.is_clamped;
  std::int64_t y_step = rows.y_step;
  float* y = rows.y + tile.out_x * y_step;
  forget(is_clamped);
  forget(y_step);
  forget(y);
  if (is_clamped != 0) {
    const V low = V::broadcast(rows.low);
    const V high = V::broadcast(rows.high);
#pragma GCC unroll 4
    for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 16
      for (int column = 0; column < kColumns; ++column) {
        sums[row][column] = at_most(at_least(sums[row][column], low), high);
      }
    }
  }
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row, y += rows.y_row) {
#pragma GCC unroll 16
    for (int column = 0; column < kColumns; ++column) {
      if (kEdge && !has(tile.outputs, column)) continue;
      store_pixel<kMasked, V>(y + column * y_step, sums[row][column], rows.mask);
    }
  }
}

template <typename V, int kKernel, int kStride, int kRows, int kColumns, bool kEdge, bool kMasked>
[[gnu::always_inline]] inline void run_tile(const DwRows<V>& rows, const DwTile& tile,
                                            const float* x, V bias, const V* held) {
  constexpr int kInColumns = (kColumns - 1) * kStride + kKernel;
  constexpr int kInRows = (kRows - 1) * kStride + kKernel;
  std::int64_t x_step = rows.x_step;
  forget(x_step);
  forget(x);
  V sums[kRows][kColumns];
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 16
    for (int column = 0; column < kColumns; ++column) sums[row][column] = bias;
  }
#pragma GCC unroll 16
  for (int in_row = 0; in_row < kInRows; ++in_row, x += rows.x_row) {
    if (!has(tile.rows, in_row)) continue;
    V pixels[kInColumns];
#pragma GCC unroll 32
    for (int column = 0; column < kInColumns; ++column) {
      const bool is_outside = kEdge && !has(tile.columns, column);
      pixels[column] =
          is_outside ? V::zero() : load_pixel<kMasked, V>(x + column * x_step, rows.mask);
      hold_in_register(pixels[column]);
    }
#pragma GCC unroll 16
    for (int kx = 0; kx < kKernel; ++kx) {
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row) {
        const int ky = in_row - row * kStride;
        if (ky < 0 || ky >= kKernel) continue;
        const int tap = ky * kKernel + kx;
        V weight;
        if constexpr (kHoldsTaps<V, kKernel, kStride, kRows, kColumns>) {
          weight = held[tap];
        } else {
          weight = V::load(rows.weights + (1 + tap) * V::kLanes);
        }
#pragma GCC unroll 16
        for (int column = 0; column < kColumns; ++column) {
          sums[row][column] =
              multiply_add(pixels[column * kStride + kx], weight, sums[row][column]);
        }
      }
    }
  }
  finish_tile<kEdge, kMasked>(rows, tile, sums);
}

/// kRows output rows of a block of channels, from left to right.
template <typename V, int kKernel, int kStride, int kRows, int kColumns, bool kMasked>
[[gnu::noinline]] void run_rows(const ConvShape& shape, const DwRows<V>& all) {
  constexpr std::int64_t kInRows = (kRows - 1) * kStride + kKernel;
  constexpr std::int64_t kInColumns = (kColumns - 1) * kStride + kKernel;
  const DwRows<V> rows = all;  // where no store to y can seem to change it
  const std::int64_t in_w = shape.in_w;
  const std::int64_t out_w = shape.out_w;
  const std::int64_t pad_left = shape.pad_left;
  const V bias = V::load(rows.weights);
  V held[kKernel * kKernel];
  if constexpr (kHoldsTaps<V, kKernel, kStride, kRows, kColumns>) {
#pragma GCC unroll 32
    for (int tap = 0; tap < kKernel * kKernel; ++tap) {
      held[tap] = V::load(rows.weights + (1 + tap) * V::kLanes);
    }
  }
  DwTile tile;
  tile.rows = bits_between(-rows.first_y, smaller(kInRows, shape.in_h - rows.first_y));
  for (tile.out_x = 0; tile.out_x < out_w; tile.out_x += kColumns) {
    const std::int64_t first_x = tile.out_x * kStride - pad_left;
    const std::int64_t outputs = smaller(kColumns, out_w - tile.out_x);
    const float* x = rows.x + rows.first_y * rows.x_row + first_x * rows.x_step;
    tile.outputs = bits_between(0, outputs);
    tile.columns =
        bits_between(-first_x, smaller((outputs - 1) * kStride + kKernel, in_w - first_x));
    if (tile.columns == bits_between(0, kInColumns)) {
      run_tile<V, kKernel, kStride, kRows, kColumns, false, kMasked>(rows, tile, x, bias, held);
    } else {
      run_tile<V, kKernel, kStride, kRows, kColumns, true, kMasked>(rows, tile, x, bias, held);
    }
  }
}

/// Any taps: one output pixel at a time, over the taps inside the image.
template <typename V>
[[gnu::noinline]] void run_any_row(const ConvShape& shape, const DwRows<V>& rows) {
  const TapRange tap_rows = taps_inside(rows.first_y, shape.dilation_h, shape.kernel_h, shape.in_h);
  DwTile tile{};
  for (tile.out_x = 0; tile.out_x < shape.out_w; ++tile.out_x) {
    const std::int64_t first_x = tile.out_x * shape.stride_w - shape.pad_left;
    const TapRange taps = taps_inside(first_x, shape.dilation_w, shape.kernel_w, shape.in_w);
    V sums[1][1] = {{V::load(rows.weights)}};
    for (std::int64_t ky = tap_rows.begin; ky < tap_rows.end; ++ky) {
      const float* x = rows.x + (rows.first_y + ky * shape.dilation_h) * rows.x_row +
                       (first_x + taps.begin * shape.dilation_w) * rows.x_step;
      const float* weight = rows.weights + (1 + ky * shape.kernel_w + taps.begin) * V::kLanes;
      for (std::int64_t kx = taps.begin; kx < taps.end; ++kx) {
        sums[0][0] = multiply_add(V::load(x, rows.mask), V::load(weight), sums[0][0]);
        x += shape.dilation_w * rows.x_step;
        weight += V::kLanes;
      }
    }
    finish_tile<false, true>(rows, tile, sums);
  }
}

/// Residuals, and the activations that are no clamp, on a row of results that lies in the cache:
/// beside a tile they would take its registers. `residual` may be null.
template <typename V>
[[gnu::noinline]] void finish_row(const Activation& activation, std::int64_t pixels,
                                  const float* residual, std::int64_t residual_step, float* y,
                                  std::int64_t y_step, typename V::Mask mask) {
  with_activation_kind(
      activation.kind, [&]<ActivationKind kKind>() __attribute__((always_inline)) {
        for (std::int64_t i = 0; i < pixels; ++i) {
          V sum = V::load(y + i * y_step, mask);
          if (residual != nullptr) sum = add(sum, V::load(residual + i * residual_step, mask));
          activate_vector<kKind>(activation, sum).store(y + i * y_step, mask);
        }
      });
}

/// Takes none, Relu and Clip into the tile; false where finish_row() is wanted.
template <typename V>
[[gnu::always_inline]] inline bool set_clamp(const ConvShape& shape, const Activation& activation,
                                             DwRows<V>& rows) {
  const bool is_relu = activation.kind == ActivationKind::kRelu;
  const bool is_clamp = is_relu || activation.kind == ActivationKind::kClip;
  rows.is_clamped = is_clamp && !shape.has_residual;
  rows.low = is_relu ? 0.0F : activation.alpha;
  rows.high = is_relu ? __builtin_inff() : activation.beta;
  return !shape.has_residual && (is_clamp || activation.kind == ActivationKind::kNone);
}

/// One task. `run(rows, count, is_masked)` computes up to `kRows` output rows of a block.
template <typename V, int kRows, typename Run>
[[gnu::always_inline]] inline void run_band(const ConvShape& shape, const ConvArguments& arguments,
                                            std::int64_t task, const Run& run) {
  const DwConvTask share = dwconv_task(shape, task);
  const std::int64_t block_floats = (shape.kernel_h * shape.kernel_w + 1) * V::kLanes;
  DwRows<V> rows;
  rows.x_step = shape.x_step();
  rows.y_step = shape.y_step();
  rows.x_row = shape.in_w * rows.x_step;
  rows.y_row = shape.out_w * rows.y_step;
  const bool is_finished = set_clamp(shape, arguments.activation, rows);
  for (std::int64_t c = share.c_begin; c < share.c_end; c += V::kLanes) {
    const std::int64_t channels = smaller(V::kLanes, share.c_end - c);
    rows.mask = V::first(channels);
    rows.weights = arguments.packed + c / V::kLanes * block_floats;
    rows.x = arguments.x + share.image * shape.in_h * rows.x_row + c;
    for (std::int64_t out_y = share.row_begin; out_y < share.row_end; out_y += kRows) {
      const std::int64_t row = share.image * shape.out_h + out_y;
      const std::int64_t count = smaller(kRows, share.row_end - out_y);
      rows.first_y = out_y * shape.stride_h - shape.pad_top;
      rows.y = arguments.y + row * rows.y_row + c;
      run(rows, count, channels < V::kLanes);
      if (is_finished) continue;
      for (std::int64_t i = 0; i < count; ++i) {
        const float* residual =
            shape.has_residual
                ? arguments.residual + (row + i) * shape.out_w * shape.residual_step() + c
                : nullptr;
        finish_row<V>(arguments.activation, shape.out_w, residual, shape.residual_step(),
                      rows.y + i * rows.y_row, rows.y_step, rows.mask);
      }
    }
  }
}

/// kKernel x kKernel taps at kStride along both axes, undilated.
template <typename V, int kKernel, int kStride, int kRows, int kColumns>
void run_taps(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  const auto run = [&](const DwRows<V>& rows, std::int64_t count, bool is_masked)
      __attribute__((always_inline)) {
    if (count == kRows) {
      return is_masked ? run_rows<V, kKernel, kStride, kRows, kColumns, true>(shape, rows)
                       : run_rows<V, kKernel, kStride, kRows, kColumns, false>(shape, rows);
    }
    return is_masked ? run_rows<V, kKernel, kStride, 1, kColumns, true>(shape, rows)
                     : run_rows<V, kKernel, kStride, 1, kColumns, false>(shape, rows);
  };
  run_band<V, kRows>(shape, arguments, task, run);
}

template <typename V>
void run_any(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  const auto run = [&](const DwRows<V>& rows, std::int64_t, bool) __attribute__((always_inline)) {
    run_any_row<V>(shape, rows);
  };
  run_band<V, 1>(shape, arguments, task, run);
}

}  // namespace
}  // namespace lode::engine
