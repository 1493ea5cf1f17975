// Packing, once at load.
#include "engine/kernels/gemm/panels.h"

#include <algorithm>

#include "base/dtype.h"

namespace lode::engine {

namespace {

/// Rows of a column that are read before the next column's: their destinations stay in the cache.
constexpr std::int64_t kRowBlock = 64;

template <typename Element>
Element converted(float value) {
  if constexpr (sizeof(Element) == sizeof(float)) {
    return value;
  } else {
    return f32_to_f16(value);
  }
}

/// One panel, `width` columns with its padding, of which `columns` are there.
template <typename Element>
void pack_panel(const TileSet& tiles, const PanelWeights& weights, std::int64_t first,
                std::int64_t columns, std::int64_t width, Element* to) {
  for (std::int64_t tap = 0; tap < weights.taps; ++tap, to += weights.depth * width) {
    const float* from = weights.data + tap * weights.tap_stride + first * weights.n_stride;
    for (std::int64_t block = 0; block < weights.depth; block += kRowBlock) {
      const std::int64_t end = std::min(weights.depth, block + kRowBlock);
      for (std::int64_t column = 0; column < columns; ++column) {
        const float* source = from + column * weights.n_stride;
        for (std::int64_t c = block; c < end; ++c) {
          to[c * width + column] = converted<Element>(source[c * weights.depth_stride]);
        }
      }
      if (columns == width) continue;
      for (std::int64_t c = block; c < end; ++c) {
        pad_panel_row(tiles, columns, width, to + c * width);
      }
    }
  }
}

}  // namespace

std::int64_t packed_panels_floats(const TileSet& tiles, std::int64_t k, std::int64_t n, bool half) {
  const PanelCut cut(tiles, n);
  const std::int64_t weights = cut.padded_columns() * k;
  return cut.padded_columns() + (half ? ceil_divide(weights, 2) : weights);
}

void pack_into_panels(const TileSet& tiles, const PanelWeights& weights, bool half, float* packed) {
  const PanelCut cut(tiles, weights.n);
  const std::int64_t k = weights.taps * weights.depth;
  if (weights.bias != nullptr) {
    std::copy_n(weights.bias, weights.n, packed);
  } else {
    std::fill_n(packed, weights.n, 0.0F);
  }
  const std::int64_t last = cut.first_column(cut.count() - 1);
  pad_panel_row(tiles, weights.n - last, cut.padded_columns() - last, packed + last);
  packed += cut.padded_columns();
  for (std::int64_t panel = 0; panel < cut.count(); ++panel) {
    const std::int64_t offset = panel_offset(cut, tiles, k, panel, 0);
    const std::int64_t width = cut.vectors(panel) * tiles.lanes;
    if (half) {
      pack_panel(tiles, weights, cut.first_column(panel), cut.columns(panel), width,
                 reinterpret_cast<std::uint16_t*>(packed) + offset);
    } else {
      pack_panel(tiles, weights, cut.first_column(panel), cut.columns(panel), width,
                 packed + offset);
    }
  }
}

}  // namespace lode::engine
