// The baseline product: row tiles x column chunks, cut by the shape alone.
#include <algorithm>
#include <array>

#include "engine/kernels/gemm/tile_eigen.h"

namespace lode::engine {

namespace {

constexpr std::int64_t kRowTile = 48;
/// Weights of one task: large enough to hide the hand-out, small enough to share among workers.
constexpr std::int64_t kTaskWeights = 1 << 16;

struct Cut {
  std::int64_t row_tiles;
  std::int64_t panels;
  std::int64_t panels_per_chunk;
  std::int64_t chunks;
};

Cut cut_of(const GemmShape& shape) {
  Cut cut{};
  cut.row_tiles = ceil_divide(shape.m, kRowTile);
  cut.panels = ceil_divide(shape.n, panel_columns());
  const std::int64_t panel_weights = std::max<std::int64_t>(1, shape.k * panel_columns());
  cut.panels_per_chunk = std::clamp<std::int64_t>(kTaskWeights / panel_weights, 1,
                                                  std::max<std::int64_t>(1, cut.panels));
  cut.chunks = ceil_divide(cut.panels, cut.panels_per_chunk);
  return cut;
}

std::int64_t task_count(const GemmShape& shape) {
  const Cut cut = cut_of(shape);
  return cut.row_tiles * cut.chunks;
}

std::size_t packed_floats(const GemmShape& shape) {
  return static_cast<std::size_t>(panels_floats(shape.k, shape.n));
}

void pack(const GemmShape& shape, const GemmWeights& weights, float* packed) {
  pack_panels(shape.k, shape.n, weights, shape.half_weights, packed);
}

void run(const GemmShape& shape, const GemmArguments& arguments, std::int64_t task) {
  const Cut cut = cut_of(shape);
  const std::int64_t first_row = task / cut.chunks * kRowTile;
  const std::int64_t chunk = task % cut.chunks;
  const std::int64_t row_count = std::min(kRowTile, shape.m - first_row);
  PanelProduct product;
  product.k = shape.k;
  product.n = shape.n;
  product.packed = arguments.packed;
  product.panel_begin = chunk * cut.panels_per_chunk;
  product.panel_end = std::min(cut.panels, product.panel_begin + cut.panels_per_chunk);
  product.y = arguments.y + first_row * shape.n;
  product.y_stride = shape.n;
  product.activation = arguments.activation;
  const std::int64_t step = depth_block(shape.k);
  std::array<const float*, kRowTile> rows{};
  do {
    product.k_end = std::min(shape.k, product.k_begin + step);
    for (std::int64_t row = 0; row < row_count; ++row) {
      rows[static_cast<std::size_t>(row)] =
          arguments.x + (first_row + row) * shape.k + product.k_begin;
    }
    product.rows = std::span(rows).first(static_cast<std::size_t>(row_count));
    multiply_panels(product);
    product.k_begin = product.k_end;
  } while (product.k_end < shape.k);
}

}  // namespace

const GemmKernel eigen_f32_gemm({.name = "eigen_f32_gemm",
                                 .isa = Isa::kGeneric,
                                 .strength = "baseline vectors, weights packed at load",
                                 .task_count = task_count,
                                 .run = run},
                                packed_floats, pack);

}  // namespace lode::engine
