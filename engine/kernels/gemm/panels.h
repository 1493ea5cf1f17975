// Weights in the order of a TileSet: the bias, then panel after panel.
//
// The vectors of output columns are shared among as few panels as TileSet::max_vectors allows, as
// evenly as possible: no panel is much narrower than the widest, so none leaves the multipliers
// idle.
#pragma once

#include <cstdint>

#include "engine/kernels/gemm/tile.h"
#include "engine/kernels/kernel.h"

namespace lode::engine {

/// Cuts n > 0 columns into panels.
class PanelCut {
 public:
  PanelCut(const TileSet& tiles, std::int64_t n) : PanelCut(tiles.lanes, tiles.max_vectors, n) {}
  PanelCut(std::int64_t lanes, std::int64_t max_vectors, std::int64_t n)
      : lanes_(lanes),
        columns_(n),
        vectors_(ceil_divide(n, lanes)),
        count_(ceil_divide(vectors_, max_vectors)) {}

  [[nodiscard]] std::int64_t count() const { return count_; }
  /// Columns, rounded up to whole vectors.
  [[nodiscard]] std::int64_t padded_columns() const { return vectors_ * lanes_; }
  [[nodiscard]] std::int64_t vectors(std::int64_t panel) const {
    return vectors_ / count_ + (panel < vectors_ % count_ ? 1 : 0);
  }
  /// The panel's first column.
  [[nodiscard]] std::int64_t first_column(std::int64_t panel) const {
    const std::int64_t wide = vectors_ % count_;
    return (panel * (vectors_ / count_) + (panel < wide ? panel : wide)) * lanes_;
  }
  /// Columns of the panel that are there.
  [[nodiscard]] std::int64_t columns(std::int64_t panel) const {
    const std::int64_t room = vectors(panel) * lanes_;
    const std::int64_t left = columns_ - first_column(panel);
    return left < room ? left : room;
  }

 private:
  std::int64_t lanes_;
  std::int64_t columns_;
  std::int64_t vectors_;
  std::int64_t count_;
};

/// Fills what lies behind the `columns` that are there in a row of a panel (weights or bias):
/// zeros, or, where the last vector is at most half full, its lower half once more
/// (TileSet::pairs_halves).
template <typename Element>
void pad_panel_row(const TileSet& tiles, std::int64_t columns, std::int64_t width, Element* row) {
  const std::int64_t half = tiles.lanes / 2;
  const bool repeats = tiles.pairs_halves && columns <= width - half;
  for (std::int64_t column = columns; column < width; ++column) row[column] = Element{};
  if (!repeats) return;
  for (std::int64_t column = width - half; column < width; ++column) {
    row[column] = row[column - half];
  }
}

/// A matrix of weights with k = taps * depth rows and n columns: element (tap, c, column) is
/// data[tap * tap_stride + c * depth_stride + column * n_stride].
struct PanelWeights {
  const float* data = nullptr;
  std::int64_t taps = 1;
  std::int64_t depth = 0;
  std::int64_t n = 0;
  std::int64_t tap_stride = 0;
  std::int64_t depth_stride = 0;
  std::int64_t n_stride = 0;
  const float* bias = nullptr;  ///< [n], or null for zeros
};

/// Floats of memory for k x n weights; halves take half a float each.
[[nodiscard]] std::int64_t packed_panels_floats(const TileSet& tiles, std::int64_t k,
                                                std::int64_t n, bool half);

/// Fills packed_panels_floats(); k is in the order (tap, c).
void pack_into_panels(const TileSet& tiles, const PanelWeights& weights, bool half, float* packed);

/// Where a panel's row `k` is in packed weights. With halves the pointer is to std::uint16_t.
[[nodiscard]] inline std::int64_t panel_offset(const PanelCut& cut, const TileSet& tiles,
                                               std::int64_t total_k, std::int64_t panel,
                                               std::int64_t k) {
  return cut.first_column(panel) * total_k + k * cut.vectors(panel) * tiles.lanes;
}

/// A panel's weights from row `k` on, as they are packed: floats or halves.
[[nodiscard]] inline const void* panel_weights(const PanelCut& cut, const TileSet& tiles, bool half,
                                               const float* packed, std::int64_t total_k,
                                               std::int64_t panel, std::int64_t k) {
  const float* weights = packed + cut.padded_columns();
  const std::int64_t offset = panel_offset(cut, tiles, total_k, panel, k);
  if (half) return reinterpret_cast<const std::uint16_t*>(weights) + offset;
  return weights + offset;
}

}  // namespace lode::engine
