// The matrix product of the packed kernels (gemm, convolution, Winograd): rows that are found
// through pointers times weights packed in panels, with bias, residual and activation applied while
// the sums are in registers. One implementation an instruction set, reached through a TileSet;
// what surrounds it (cutting, packing, pointers) is plain code, built once without -m flags.
//
// A panel is up to TileSet::max_vectors vectors of output columns, for each k side by side, zeros
// behind the last column. An output element is one sum over ascending k, started from the bias,
// whatever rows and columns are computed beside it: results do not depend on how the work is cut.
#pragma once

#include <cstdint>

#include "engine/kernels/activation.h"

namespace lode::engine {

/// One panel times many rows, over a slice of the sum. The slice is `segments` runs of `depth`
/// elements; element (s, k) of row r is rows[s * row_pitch + r][first + k]. Slices but the last
/// have neither residual nor activation.
struct PanelRun {
  const void* weights = nullptr;  ///< [segments * depth][vectors * lanes]
  bool half = false;              ///< the weights are IEEE halves (std::uint16_t), otherwise float
  /// Weights of the next run, which this one fetches ahead; null: those behind `weights`. Never
  /// read, only hinted at.
  const void* ahead = nullptr;
  std::int64_t vectors = 0;
  std::int64_t columns = 0;  ///< valid ones, at most vectors * lanes
  const float* const* rows = nullptr;
  std::int64_t row_pitch = 0;
  std::int64_t row_count = 0;
  std::int64_t segments = 1;
  std::int64_t first = 0;
  std::int64_t depth = 0;
  /// [vectors * lanes]; null: the sums go on from what is in y.
  const float* bias = nullptr;
  /// Added to the sums before the activation; null: none.
  const float* residual = nullptr;
  std::int64_t residual_stride = 0;  ///< floats from row to row
  float* y = nullptr;
  std::int64_t y_stride = 0;  ///< floats from row to row
  Activation activation;
};

/// The first layer's panel: rows are neighbouring output pixels of one image row; element k of
/// pixel i is x[offsets[k] + i * step]. Without pointers a row more fits into the tile.
struct StemRun {
  const float* weights = nullptr;  ///< [depth][vectors * lanes], 64-byte aligned
  std::int64_t vectors = 0;
  std::int64_t columns = 0;
  const float* x = nullptr;
  const std::int32_t* offsets = nullptr;  ///< [depth]
  std::int64_t depth = 0;
  std::int64_t step = 1;  ///< floats from pixel to pixel, 1 or 2
  std::int64_t row_count = 0;
  const float* bias = nullptr;  ///< [vectors * lanes]
  float* y = nullptr;
  std::int64_t y_stride = 0;
  Activation activation;
};

/// y = x * scale, or max(0, x * scale + shift) where there is a shift, for rows of `depth` floats.
/// Row i goes to y + i * depth, and rows[i] is then that place.
struct ScaleRows {
  const float** rows = nullptr;
  std::int64_t row_count = 0;
  std::int64_t depth = 0;
  const float* scale = nullptr;
  const float* shift = nullptr;
  float* y = nullptr;
};

/// scaled[i][j] = weights[i][j] * factors[i] for i in [0, depth) and j in [0, width), dense;
/// `width` is a multiple of the lanes.
struct ScalePanel {
  const void* weights = nullptr;
  bool half = false;               ///< the weights are IEEE halves (std::uint16_t), otherwise float
  const float* factors = nullptr;  ///< null: 1, so that halves are only widened
  std::int64_t depth = 0;
  std::int64_t width = 0;
  float* scaled = nullptr;
};

struct TileSet {
  std::int64_t lanes = 0;        ///< floats of a vector
  std::int64_t max_vectors = 0;  ///< of a panel
  /// Where at most half of a panel's last vector is there, two rows share it: that half of the
  /// weights is packed twice.
  bool pairs_halves = false;
  /// Rows of the register tile for a panel of 1, 2, ... max_vectors vectors; row counts that are
  /// multiples of it leave no tail.
  std::int64_t tile_rows[4] = {};
  void (*run_panel)(const PanelRun&) = nullptr;
  void (*run_stem)(const StemRun&) = nullptr;
  void (*scale_rows)(const ScaleRows&) = nullptr;
  void (*scale_panel)(const ScalePanel&) = nullptr;
};

#if defined(__x86_64__)
extern const TileSet avx2_tiles;
extern const TileSet avx512_tiles;
#endif

}  // namespace lode::engine
