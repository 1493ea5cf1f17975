// The matrix product of the integer kernels: rows of bytes found through pointers times weights
// packed in panels, requantised while the sums are in registers. One implementation an instruction
// set, reached through a QTileSet; what surrounds it is plain code, built once without -m flags.
//
// A panel is up to QTileSet::max_vectors vectors of output columns. A step of the sum is a dword of
// a row, four bytes or two words of it, times a dword of each column; depths are padded with zeros
// in the weights. Sums are exact, so that neither the cut nor the order changes a bit.
#pragma once

#include <cstdint>

#include "engine/kernels/qconv/byte_sum.h"
#include "engine/kernels/qconv/qconv.h"
#include "engine/kernels/qconv/requantise.h"
#include "engine/kernels/value_range.h"

namespace lode::engine {

/// One panel times many rows. The sum is `segments` runs of `steps` dwords; dword (s, k) of row r
/// is at rows[s * row_pitch + r] + first + 4 * k.
struct QPanelRun {
  const std::int32_t* weights = nullptr;  ///< [segments * steps][vectors * lanes] dwords
  std::int64_t vectors = 0;
  std::int64_t columns = 0;  ///< valid ones, at most vectors * lanes
  const std::uint8_t* const* rows = nullptr;
  std::int64_t row_pitch = 0;
  std::int64_t row_count = 0;
  std::int64_t segments = 1;
  std::int64_t first = 0;
  std::int64_t steps = 0;
  // Of the columns, [vectors * lanes] each.
  const std::int32_t* start = nullptr;         ///< what the sums start from
  const std::int32_t* weight_sums = nullptr;   ///< used with row_zeros
  const std::int32_t* weight_zeros = nullptr;  ///< used with row_sums
  const float* factors = nullptr;
  const float* bias = nullptr;  ///< float output
  // Of the rows; each may be null.
  const std::int32_t* row_zeros = nullptr;  ///< times weight_sums: taken off the sums
  const std::int32_t* row_sums = nullptr;   ///< times weight_zeros: taken off the sums
  const float* row_scales = nullptr;        ///< times factors; float output
  QOutput output = QOutput::kUint8;
  Requantisation to;  ///< u8 output
  /// u8 output, no row constants, no activation but bounds, and every value in front of them fits
  /// int32: the clamp of bytes to [least, greatest] is then all that is left to do.
  bool is_plain = false;
  std::int32_t least = 0;
  std::int32_t greatest = 255;
  Activation activation;  ///< float output
  /// Of the output's type; null: none. Strides in elements.
  const void* residual = nullptr;
  std::int64_t residual_stride = 0;
  ByteSum residual_sum;  ///< u8 output
  void* y = nullptr;
  std::int64_t y_stride = 0;
  RangeLanes* range = nullptr;  ///< float output: takes in what is made; null: nobody asks
};

/// sums[r] = sum of the elements of row r, over the same segments as a QPanelRun's.
struct QSumRun {
  const std::uint8_t* const* rows = nullptr;
  std::int64_t row_pitch = 0;
  std::int64_t row_count = 0;
  std::int64_t segments = 1;
  std::int64_t first = 0;
  std::int64_t steps = 0;
  std::int32_t* sums = nullptr;
};

struct QTileSet {
  std::int64_t lanes = 0;        ///< int32 sums of a vector
  std::int64_t max_vectors = 0;  ///< of a panel
  /// Rows and weights are s16, two of them a dword; otherwise u8 and s8, four a dword.
  bool widens = false;
  /// The rows of a QPanelRun must be one segment, at equal distances.
  bool needs_even_rows = false;
  /// Rows of the register tile for a panel of 1, 2, ... max_vectors vectors.
  std::int64_t tile_rows[4] = {};
  /// Input that the rows worked on at once reach: all panels of the weights meet it in turn.
  std::int64_t block_bytes = 1 << 17;
  void (*run_panel)(const QPanelRun&) = nullptr;
  void (*sum_rows)(const QSumRun&) = nullptr;

  [[nodiscard]] std::int64_t per_step() const { return widens ? 2 : 4; }
};

#if defined(__x86_64__)
extern const QTileSet avx512amx_qtiles;
extern const QTileSet avx512vnni_qtiles;
extern const QTileSet avx512_qtiles;
extern const QTileSet avx512_qtiles_7bit;
extern const QTileSet avx2_qtiles;
extern const QTileSet avx2_qtiles_7bit;
#endif
extern const QTileSet generic_qtiles;

}  // namespace lode::engine
