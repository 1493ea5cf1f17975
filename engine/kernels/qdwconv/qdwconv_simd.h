// The integer depthwise kernels on vectors of bytes: the one text of the qdwconv_*.cc files of x86.
// In an anonymous namespace, so that each of them keeps its own code.
//
// A tile is two output rows x kColumns columns of a block of channels, summed up in registers.
// Column by column the rows of input are loaded once and interleaved (qplan.h); each unit of rows
// then meets every output that it reaches. Pixels outside the image are the zero point's bytes.
//
// A Dot says how units are made and multiplied, on a vector of bytes V:
//   Sums                                         I32x16 or I32x8, for what follows the sums
//   kUnit                                        rows of a unit, 4 or 2
//   half_unit<V>(rows, is_high, made)            vectors 0 and 1, or 2 and 3, of a unit's rows
//   add<V>(sums, x, w)                           sums + the products of each 32-bit element
#pragma once

#include "engine/kernels/qconv/requantise.h"
#include "engine/kernels/qconv/unfused.h"
#include "engine/kernels/qdwconv/qplan.h"
#include "engine/kernels/value_range.h"

namespace lode::engine {
namespace {

/// Output rows of one block of channels.
struct QDwRows {
  const std::uint8_t* x;        ///< the image, from the block's first channel on
  const std::int32_t* weights;  ///< the block's units
  std::int64_t first_y;         ///< input row of the first tap row; may be negative
  std::int64_t out_row;         ///< of all images, the first
  std::int64_t count;           ///< output rows, 1 or 2
  std::int64_t c;               ///< the block's first channel
  std::int64_t channels;        ///< that are there
  std::int32_t x_zero;
  bool is_plain;  ///< clamped bytes are all there is to make
  alignas(64) std::int32_t start[kQDwBlock];
  alignas(64) float factors[kQDwBlock];
  alignas(64) float bias[kQDwBlock];
};

/// All that a task's blocks have in common.
struct QDwTask {
  const QConvShape& shape;
  const QConvArguments& arguments;
  Requantisation to;
  std::int32_t least;
  std::int32_t greatest;
  RangeLanes& range;  ///< of the floats that are made
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

/// One pixel's sums in any other way than is_plain's: activations beyond bounds, floats. `values`
/// are the sums, then what comes of them, in the order of the block's vectors.
template <typename V, typename Sums, ActivationKind kKind>
[[gnu::always_inline]] inline void finish_values(const QDwTask& task, const QDwRows& rows,
                                                 std::int32_t* values) {
  using Float = typename Sums::Float;
  for (std::int64_t i = 0; i < V::kBytes; i += Sums::kLanes) {
    Float v = multiply(to_float(Sums::load(values + i)), Float::load(rows.factors + i));
    if (task.shape.output == QOutput::kUint8) {
      to_nearest(bounded<kKind>(task.to, v)).store(values + i);
    } else {
      v = activate_unfused<kKind>(task.arguments.activation, add(v, Float::load(rows.bias + i)));
      v.store(reinterpret_cast<float*>(values + i));
    }
  }
}

template <typename V, typename Sums>
[[gnu::noinline]] void finish_pixel(const QDwTask& task, const QDwRows& rows, std::int32_t* values,
                                    std::int64_t pixel) {
  const bool makes_bytes = task.shape.output == QOutput::kUint8;
  with_activation_kind(
      makes_bytes ? task.to.activation.kind : task.arguments.activation.kind,
      [&]<ActivationKind kKind>()
          __attribute__((always_inline)) { finish_values<V, Sums, kKind>(task, rows, values); });
  const std::int64_t at = pixel * task.shape.y_step() + rows.c;
  if (makes_bytes) {
    typename V::Register rounded[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) rounded[j] = V::load(values + j * V::kBytes / 4);
    V::store(static_cast<std::uint8_t*>(task.arguments.y) + at,
             V::clamped_bytes(rounded, V::splat_words(task.to.zero), V::splat(0), V::splat(255)),
             V::first(rows.channels));
    return;
  }
  using Float = typename Sums::Float;
  const auto* floats = reinterpret_cast<const float*>(values);
  float* y = static_cast<float*>(task.arguments.y) + at;
  VectorRange<Float> range;
  for (std::int64_t c = 0; c < rows.channels; c += Float::kLanes) {
    const std::int64_t count = smaller(Float::kLanes, rows.channels - c);
    const Float v = Float::load_quads(floats + place_in_block(V::kBytes, c), V::kBytes / 4);
    v.store(y + c, Float::first(count));
    range.take(count == Float::kLanes ? v : Float::load(y + c, Float::first(count)));
  }
  range.merge_into(task.range);
}

/// The part of a tile that lies in the image: bit i is row or column i of the input.
template <typename V>
struct QDwTile {
  typename V::Mask channels;
  const std::int32_t* weights;
  std::int64_t out_x;
  std::int64_t outputs;  ///< columns that are there
  unsigned rows;
  unsigned columns;
};

/// Keeps loads of memory behind this point: registers are few beside the sums.
[[gnu::always_inline]] inline void load_later() {
  __asm__ volatile("" ::: "memory");
}

/// Sums in registers to bytes, where a clamp is all that is done to them.
template <typename V, int kColumns>
[[gnu::always_inline]] inline void store_tile(const QDwTask& task, const QDwRows& rows,
                                              const QDwTile<V>& tile,
                                              typename V::Register (&sums)[2][kColumns][4]) {
  constexpr std::int64_t kLanes = V::kBytes / 4;
  const std::int64_t y_step = task.shape.y_step();
  const auto zero = V::splat_words(task.to.zero);
  const auto least = V::splat(task.least);
  const auto greatest = V::splat(task.greatest);
  auto* y = static_cast<std::uint8_t*>(task.arguments.y) +
            (rows.out_row * task.shape.out_w + tile.out_x) * y_step + rows.c;
#pragma GCC unroll 2
  for (int out = 0; out < 2; ++out, y += task.shape.out_w * y_step) {
    if (out >= rows.count) continue;
#pragma GCC unroll 8
    for (int to = 0; to < kColumns; ++to) {
      if (to >= tile.outputs) continue;
      typename V::Register rounded[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        rounded[j] = V::scaled(sums[out][to][j], rows.factors + j * kLanes);
      }
      V::store(y + to * y_step, V::clamped_bytes(rounded, zero, least, greatest), tile.channels);
    }
  }
}

template <typename V, typename Sums, int kColumns>
[[gnu::always_inline]] inline void finish_tile(const QDwTask& task, const QDwRows& rows,
                                               const QDwTile<V>& tile,
                                               typename V::Register (&sums)[2][kColumns][4]) {
  if (rows.is_plain) return store_tile<V, kColumns>(task, rows, tile, sums);
  constexpr std::int64_t kLanes = V::kBytes / 4;
  alignas(64) std::int32_t stored[2][kColumns][V::kBytes];
#pragma GCC unroll 2
  for (int out = 0; out < 2; ++out) {
#pragma GCC unroll 8
    for (int to = 0; to < kColumns; ++to) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) V::store(stored[out][to] + j * kLanes, sums[out][to][j]);
    }
  }
  for (std::int64_t out = 0; out < rows.count; ++out) {
    const std::int64_t pixel = (rows.out_row + out) * task.shape.out_w + tile.out_x;
    for (std::int64_t to = 0; to < smaller(kColumns, tile.outputs); ++to) {
      finish_pixel<V, Sums>(task, rows, stored[out][to], pixel + to);
    }
  }
}

/// Unit `kIndex` of output row kOut, which at stride 1 is that of both output rows, of one column
/// of input: loaded, interleaved, multiplied into all sums that it reaches.
template <typename V, typename Dot, int kKernel, int kStride, int kColumns, bool kEdge, int kOut,
          int kIndex>
[[gnu::always_inline]] inline void add_unit(const QDwRows& rows, const QDwTile<V>& tile, int column,
                                            const std::uint8_t* x, std::int64_t x_row,
                                            typename V::Register (&sums)[2][kColumns][4]) {
  constexpr int kInRows = kStride + kKernel;
  constexpr int kUnits = static_cast<int>(units_of(kKernel, kStride, Dot::kUnit));
  constexpr std::int64_t kLanes = V::kBytes / 4;
  constexpr int kFirst = kOut * kStride + kIndex * Dot::kUnit;
  constexpr int kEndOut = kStride == 1 ? 2 : kOut + 1;
  if constexpr (kFirst >= kInRows) return;
  load_later();
  typename V::Register pixels[Dot::kUnit];
#pragma GCC unroll 4
  for (int i = 0; i < Dot::kUnit; ++i) {
    // Rows behind the last meet weights of zero.
    const int row = kFirst + i < kInRows ? kFirst + i : kInRows - 1;
    const bool is_outside = kEdge && !(has(tile.rows, row) && has(tile.columns, column));
    pixels[i] = is_outside ? V::splat(rows.x_zero) : V::load(x + row * x_row, tile.channels);
  }
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    typename V::Register made[2];
    Dot::template half_unit<V>(pixels, half == 1, made);
#pragma GCC unroll 2
    for (int out = kOut; out < kEndOut; ++out) {
      const int place = kStride == 1 ? out : 0;
      if (kIndex * Dot::kUnit >= kKernel + place) continue;
#pragma GCC unroll 8
      for (int to = 0; to < kColumns; ++to) {
        const int kx = column - to * kStride;
        if (kx < 0 || kx >= kKernel) continue;
        const std::int32_t* w =
            tile.weights + ((place * kKernel + kx) * kUnits + kIndex) * V::kBytes;
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i) {
          const int j = 2 * half + i;
          sums[out][to][j] =
              Dot::template add<V>(sums[out][to][j], made[i], V::load(w + j * kLanes));
        }
      }
    }
  }
}

template <typename V, typename Dot, int kKernel, int kStride, int kColumns, bool kEdge>
[[gnu::always_inline]] inline void run_tile(const QDwTask& task, const QDwRows& rows,
                                            const QDwTile<V>& tile, const std::uint8_t* x) {
  constexpr int kInColumns = (kColumns - 1) * kStride + kKernel;
  constexpr std::int64_t kLanes = V::kBytes / 4;
  const std::int64_t x_step = task.shape.x_step();
  const std::int64_t x_row = task.shape.in_w * x_step;
  typename V::Register sums[2][kColumns][4];
#pragma GCC unroll 8
  for (int to = 0; to < kColumns; ++to) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      sums[0][to][j] = V::load(rows.start + j * kLanes);
      sums[1][to][j] = sums[0][to][j];
    }
  }
#pragma GCC unroll 16
  for (int column = 0; column < kInColumns; ++column, x += x_step) {
    add_unit<V, Dot, kKernel, kStride, kColumns, kEdge, 0, 0>(rows, tile, column, x, x_row, sums);
    add_unit<V, Dot, kKernel, kStride, kColumns, kEdge, 0, 1>(rows, tile, column, x, x_row, sums);
    add_unit<V, Dot, kKernel, kStride, kColumns, kEdge, 0, 2>(rows, tile, column, x, x_row, sums);
    if constexpr (kStride == 1) continue;
    add_unit<V, Dot, kKernel, kStride, kColumns, kEdge, 1, 0>(rows, tile, column, x, x_row, sums);
    add_unit<V, Dot, kKernel, kStride, kColumns, kEdge, 1, 1>(rows, tile, column, x, x_row, sums);
    add_unit<V, Dot, kKernel, kStride, kColumns, kEdge, 1, 2>(rows, tile, column, x, x_row, sums);
  }
  finish_tile<V, typename Dot::Sums, kColumns>(task, rows, tile, sums);
}

/// Up to two output rows of a block of channels, from left to right.
template <typename V, typename Dot, int kKernel, int kStride, int kColumns>
[[gnu::noinline]] void run_rows(const QDwTask& task, const QDwRows& rows) {
  constexpr std::int64_t kInRows = kStride + kKernel;
  constexpr std::int64_t kInColumns = (kColumns - 1) * kStride + kKernel;
  const ConvShape& shape = task.shape;
  QDwTile<V> tile{};
  tile.channels = V::first(rows.channels);
  tile.weights = rows.weights;
  tile.rows = bits_between(-rows.first_y, shape.in_h - rows.first_y) & bits_between(0, kInRows);
  for (tile.out_x = 0; tile.out_x < shape.out_w; tile.out_x += kColumns) {
    const std::int64_t first_x = tile.out_x * kStride - shape.pad_left;
    const std::uint8_t* x = rows.x + (rows.first_y * shape.in_w + first_x) * shape.x_step();
    tile.outputs = shape.out_w - tile.out_x;
    tile.columns = bits_between(-first_x, shape.in_w - first_x) & bits_between(0, kInColumns);
    if (tile.columns == bits_between(0, kInColumns) && tile.rows == bits_between(0, kInRows)) {
      run_tile<V, Dot, kKernel, kStride, kColumns, false>(task, rows, tile, x);
    } else {
      run_tile<V, Dot, kKernel, kStride, kColumns, true>(task, rows, tile, x);
    }
  }
}

/// The constants of a block for an image.
[[gnu::always_inline]] inline void set_block(const QConvShape& shape, const float* block,
                                             std::int64_t width, float x_scale, QDwRows& rows) {
  const auto* bias = reinterpret_cast<const std::int32_t*>(block);
  const auto* sums = reinterpret_cast<const std::int32_t*>(block + width);
  for (std::int64_t i = 0; i < width; ++i) {
    const auto off = static_cast<std::uint32_t>(rows.x_zero) * static_cast<std::uint32_t>(sums[i]);
    rows.start[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(bias[i]) - off);
    const float factor = block[2 * width + i];
    rows.factors[i] = shape.is_dynamic ? x_scale * factor : factor;
    rows.bias[i] = block[3 * width + i];
  }
}

/// One task. `Run` is called as run(task, rows, width) for up to two output rows of a block.
template <typename Dot, int kWidest, typename Run>
[[gnu::always_inline]] inline void run_qdw(const QConvShape& shape, const QConvArguments& arguments,
                                           std::int64_t index, const Run& run) {
  const DwConvTask share = qdw_task(shape, index);
  const QConstants constants = read_constants(arguments.packed);
  RangeLanes range;
  range.clear();
  QDwTask task{.shape = shape,
               .arguments = arguments,
               .to = requantisation(arguments.activation, constants.y_scale, constants.y_zero),
               .least = 0,
               .greatest = 255,
               .range = range};
  task.least = nearest_even(task.to.low) + task.to.zero;
  task.greatest = nearest_even(task.to.high) + task.to.zero;
  QDwRows rows;
  rows.is_plain = constants.is_small != 0 && task.to.activation.kind == ActivationKind::kNone;
  rows.x_zero = shape.is_dynamic ? arguments.x_zeros[share.image] : constants.x_zero;
  const float x_scale = shape.is_dynamic ? arguments.x_scales[share.image] : 1.0F;
  const float* block = arguments.packed + kConstantFloats +
                       share.c_begin / kWidest *
                           qdw_block(shape.kernel_h, shape.stride_h, Dot::kUnit, kWidest).floats;
  for (rows.c = share.c_begin; rows.c < share.c_end; rows.c += kWidest) {
    const std::int64_t width = block_width(shape.out_c - rows.c, kWidest);
    const QDwBlock sizes = qdw_block(shape.kernel_h, shape.stride_h, Dot::kUnit, width);
    set_block(shape, block, width, x_scale, rows);
    rows.weights = reinterpret_cast<const std::int32_t*>(block + sizes.weights);
    const std::int64_t left = shape.out_c - rows.c;
    rows.channels = left < width ? left : width;
    rows.x = arguments.x + share.image * shape.in_h * shape.in_w * shape.x_step() + rows.c;
    for (std::int64_t out_y = share.row_begin; out_y < share.row_end; out_y += 2) {
      rows.first_y = out_y * shape.stride_h - shape.pad_top;
      rows.out_row = share.image * shape.out_h + out_y;
      rows.count = share.row_end - out_y < 2 ? 1 : 2;
      run(task, rows, width);
    }
    block += sizes.floats;
  }
  if (arguments.ranges != nullptr) range.store(arguments.ranges + 2 * index);
}

}  // namespace
}  // namespace lode::engine
