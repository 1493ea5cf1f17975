// A register tile of 4 rows x 2 packets: 8 accumulators, 2 weights and the products fit into the 16
// registers of the baseline.
#include "engine/kernels/gemm/tile_eigen.h"

#include <algorithm>

#include "base/dtype.h"
#include "engine/kernels/packet.h"

namespace lode::engine {

namespace {

constexpr int kTileRows = 4;
constexpr std::int64_t kPanelColumns = 2 * kLanes;

/// One tile of a product; pointers to the tile's first elements.
struct Tile {
  const float* panel;
  std::int64_t depth;
  const float* bias;  ///< null: the sum goes on from what is in y
  bool is_last;
  std::int64_t columns;  ///< valid ones, at most kPanelColumns
  float* y;
  std::int64_t y_stride;
  const float* residual;  ///< null: none
  std::int64_t residual_stride;
};

template <int kRows>
void run_tile(const Tile& tile, const float* const* rows, const Activation& activation) {
  Packet low[kRows];
  Packet high[kRows];
  const bool is_whole = tile.columns == kPanelColumns;
  float edge[kPanelColumns] = {};
  for (int row = 0; row < kRows; ++row) {
    const float* start = tile.bias;
    if (start == nullptr) {
      start = tile.y + row * tile.y_stride;
      if (!is_whole) {
        std::copy_n(start, tile.columns, edge);
        start = edge;
      }
    }
    low[row] = load(start);
    high[row] = load(start + kLanes);
  }
  const float* panel = tile.panel;
  for (std::int64_t i = 0; i < tile.depth; ++i, panel += kPanelColumns) {
    const Packet weights_low = load(panel);
    const Packet weights_high = load(panel + kLanes);
    for (int row = 0; row < kRows; ++row) {
      const Packet x = broadcast(rows[row][i]);
      low[row] = multiply_add(x, weights_low, low[row]);
      high[row] = multiply_add(x, weights_high, high[row]);
    }
  }
  for (int row = 0; row < kRows; ++row) {
    if (tile.is_last) {
      if (tile.residual != nullptr) {
        const float* from = tile.residual + row * tile.residual_stride;
        const std::int64_t first = std::min<std::int64_t>(tile.columns, kLanes);
        low[row] = add(low[row], load_first(first, from));
        high[row] = add(high[row], load_first(tile.columns - first, from + first));
      }
      low[row] = activate(activation, low[row]);
      high[row] = activate(activation, high[row]);
    }
    float* y = tile.y + row * tile.y_stride;
    float* to = is_whole ? y : edge;
    store(to, low[row]);
    store(to + kLanes, high[row]);
    if (!is_whole) std::copy_n(edge, tile.columns, y);
  }
}

void run_tile_of(std::int64_t row_count, const Tile& tile, const float* const* rows,
                 const Activation& activation) {
  switch (row_count) {
    case 1:
      return run_tile<1>(tile, rows, activation);
    case 2:
      return run_tile<2>(tile, rows, activation);
    case 3:
      return run_tile<3>(tile, rows, activation);
    default:
      return run_tile<kTileRows>(tile, rows, activation);
  }
}

}  // namespace

std::int64_t panel_columns() {
  return kPanelColumns;
}

std::int64_t panels_floats(std::int64_t k, std::int64_t n) {
  return round_up(n, kPanelColumns) * (k + 1);
}

void pack_panels(std::int64_t k, std::int64_t n, const GemmWeights& weights, bool half,
                 float* packed) {
  const std::int64_t padded = round_up(n, kPanelColumns);
  for (std::int64_t column = 0; column < padded; ++column) {
    packed[column] = column < n && weights.bias != nullptr ? weights.bias[column] : 0.0F;
  }
  float* to = packed + padded;
  for (std::int64_t first = 0; first < padded; first += kPanelColumns) {
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t column = first; column < first + kPanelColumns; ++column) {
        float weight = 0.0F;
        if (column < n) weight = weights.data[i * weights.k_stride + column * weights.n_stride];
        *to++ = half ? f16_to_f32(f32_to_f16(weight)) : weight;
      }
    }
  }
}

std::int64_t depth_block(std::int64_t k) {
  return std::max<std::int64_t>(
      1, ceil_divide(k, std::max<std::int64_t>(1, ceil_divide(k, kDepthBlock))));
}

void multiply_panels(const PanelProduct& product) {
  const std::int64_t padded = round_up(product.n, kPanelColumns);
  const auto row_count = static_cast<std::int64_t>(product.rows.size());
  Tile tile{};
  tile.depth = product.k_end - product.k_begin;
  tile.is_last = product.k_end == product.k;
  tile.y_stride = product.y_stride;
  tile.residual_stride = product.residual_stride;
  for (std::int64_t panel = product.panel_begin; panel < product.panel_end; ++panel) {
    const std::int64_t column = panel * kPanelColumns;
    tile.panel = product.packed + padded + column * product.k + product.k_begin * kPanelColumns;
    tile.bias = product.k_begin == 0 ? product.packed + column : nullptr;
    tile.columns = std::min(kPanelColumns, product.n - column);
    for (std::int64_t row = 0; row < row_count; row += kTileRows) {
      tile.y = product.y + row * product.y_stride + column;
      if (product.residual != nullptr) {
        tile.residual = product.residual + row * product.residual_stride + column;
      }
      run_tile_of(std::min<std::int64_t>(kTileRows, row_count - row), tile,
                  product.rows.data() + row, product.activation);
    }
  }
}

}  // namespace lode::engine
