// The matrix product of convolutions whose floats are multiplied as pairs of bfloat16: x = high +
// low, and x * w = high * high' + high * low' + low * high', summed up in float. Rounding to pairs
// and the product of lows, which is left out, change x * w by at most 2^-14 of it, as long as all
// of these are normal numbers. One implementation an instruction set, reached through Bf16Tiles;
// what surrounds it is plain code, built once without -m flags.
//
// A step of the sum is kBf16Step channels of one tap. A pixel is its highs, then, from a given
// element on, its lows; dword j of a step holds its channels j and j + kBf16Step / 2. A panel of
// weights is, for each step and each vector of columns, the highs, then the lows,
// [kBf16Step / 2][kBf16Lanes][2], in the same order. An output element is one sum over ascending
// steps, started from the bias, whatever rows and columns are computed beside it.
//
// Infinite elements, and those within 2^-9 of the largest float, give NaN. Elements, lows and
// products below the normal range count as zero: below 2^-118 elements lose their lows.
#pragma once

#include <cstdint>

#include "engine/kernels/activation.h"

namespace lode::engine {

inline constexpr std::int64_t kBf16Step = 32;
/// Columns of a vector.
inline constexpr std::int64_t kBf16Lanes = 16;
/// Elements of a panel for one step and vector, highs and lows.
inline constexpr std::int64_t kBf16TileElements = 2 * kBf16Step * kBf16Lanes;

/// Floats of neighbouring pixels to pairs, zeros behind the last channel up to a whole step.
struct Bf16Split {
  const float* x = nullptr;
  std::int64_t x_step = 0;  ///< floats from pixel to pixel
  std::int64_t pixels = 0;
  std::int64_t channels = 0;
  /// x * scale[c], or max(0, x * scale[c] + shift[c]) where there is a shift; null: x as it is.
  const float* scale = nullptr;
  const float* shift = nullptr;
  std::uint16_t* pairs = nullptr;
  std::int64_t pitch = 0;  ///< elements from pixel to pixel, whole lines
  std::int64_t low = 0;    ///< elements from a pixel's highs to its lows
};

/// Weights of a step and vector, [channel of the step][kBf16Lanes], to their place in a panel: as
/// pairs, to the nearest, ties to even, or as IEEE halves in the same order.
struct Bf16Pack {
  const float* weights = nullptr;
  bool half = false;
  std::uint16_t* packed = nullptr;
};

/// Weights of a panel that are IEEE halves, [step][vector][channel of the step][kBf16Lanes], as
/// the panel of pairs that they are, exactly.
struct Bf16Widen {
  const std::uint16_t* halves = nullptr;
  std::int64_t steps = 0;
  std::int64_t vectors = 0;
  std::uint16_t* weights = nullptr;
};

/// Rows [row, row + count) of a product are output pixels from `pixel` on.
struct Bf16Span {
  std::int64_t row;
  std::int64_t count;
  std::int64_t pixel;
};

/// One panel times many rows, over a slice of the sum. Row r at step k is the 32 pairs at
/// pairs + r * pitch + offsets[k]. Slices but the last have neither residual nor activation.
struct Bf16PanelRun {
  const std::uint16_t* pairs = nullptr;
  std::int64_t pitch = 0;
  std::int64_t low = 0;
  const std::int32_t* offsets = nullptr;
  std::int64_t steps = 0;
  const std::uint16_t* weights = nullptr;
  std::int64_t vectors = 0;
  std::int64_t columns = 0;  ///< valid ones, at most kBf16Lanes * vectors
  /// Rows between those of spans are computed and left out.
  std::int64_t row_count = 0;
  const Bf16Span* spans = nullptr;  ///< ascending
  std::int64_t span_count = 0;
  /// [kBf16Lanes * vectors]; null: the sums go on from what is in y.
  const float* bias = nullptr;
  const float* residual = nullptr;   ///< added to the sums before the activation; null: none
  std::int64_t residual_stride = 0;  ///< floats from pixel to pixel
  float* y = nullptr;
  std::int64_t y_stride = 0;  ///< floats from pixel to pixel
  Activation activation;
};

struct Bf16Tiles {
  std::int64_t max_vectors = 0;  ///< of a panel
  std::int64_t tile_rows = 0;    ///< rows that are multiples of it leave no tail
  void (*split)(const Bf16Split&) = nullptr;
  void (*pack)(const Bf16Pack&) = nullptr;
  void (*widen_panel)(const Bf16Widen&) = nullptr;
  void (*run_panel)(const Bf16PanelRun&) = nullptr;
};

#if defined(__x86_64__)
extern const Bf16Tiles avx512amx_bf16_tiles;
#endif

}  // namespace lode::engine
