// Products with packed weights on the register tiles of an instruction set.
//
// A task is a block of rows times a group of panels. For each slice of the sum, a panel's slice
// meets all rows of the block while both are in the caches. With few rows the weights are what is
// read, each of them once; tasks are then cut along the panels.
#include <algorithm>
#include <array>

#include "engine/kernels/gemm/gemm.h"
#include "engine/kernels/gemm/panels.h"

namespace lode::engine {

namespace {

constexpr std::int64_t kRowBlock = 48;
/// Depth of a slice of the sum: 64 columns of it are 128 KiB, a part of the second-level cache.
constexpr std::int64_t kDepthBlock = 512;
/// Weights of one task at least: large enough to hide the hand-out.
constexpr std::int64_t kTaskWeights = 1 << 15;

struct Cut {
  std::int64_t row_blocks;
  std::int64_t groups;
};

Cut cut_of(const TileSet& tiles, const GemmShape& shape) {
  const PanelCut panels(tiles, shape.n);
  Cut cut{};
  cut.row_blocks = ceil_divide(shape.m, kRowBlock);
  const std::int64_t most = std::min(panels.count(), ceil_divide(shape.k * shape.n, kTaskWeights));
  cut.groups = wanted_tasks(shape.workers, kTasksPerWorker, most);
  return cut;
}

template <const TileSet& kTiles>
std::int64_t task_count(const GemmShape& shape) {
  if (shape.m == 0 || shape.n == 0) return 0;
  const Cut cut = cut_of(kTiles, shape);
  return cut.row_blocks * cut.groups;
}

template <const TileSet& kTiles>
std::size_t packed_floats(const GemmShape& shape) {
  return static_cast<std::size_t>(
      packed_panels_floats(kTiles, shape.k, shape.n, shape.half_weights));
}

template <const TileSet& kTiles>
void pack(const GemmShape& shape, const GemmWeights& weights, float* packed) {
  pack_into_panels(kTiles,
                   {.data = weights.data,
                    .depth = shape.k,
                    .n = shape.n,
                    .depth_stride = weights.k_stride,
                    .n_stride = weights.n_stride,
                    .bias = weights.bias},
                   shape.half_weights, packed);
}

template <const TileSet& kTiles>
void run(const GemmShape& shape, const GemmArguments& arguments, std::int64_t task) {
  const PanelCut panels(kTiles, shape.n);
  const Cut cut = cut_of(kTiles, shape);
  const std::int64_t first_row = task % cut.row_blocks * kRowBlock;
  const std::int64_t group = task / cut.row_blocks;
  const std::int64_t first_panel = panels.count() * group / cut.groups;
  const std::int64_t end_panel = panels.count() * (group + 1) / cut.groups;
  std::array<const float*, kRowBlock> rows{};
  PanelRun product;
  product.row_count = std::min(kRowBlock, shape.m - first_row);
  for (std::int64_t row = 0; row < product.row_count; ++row) {
    rows[static_cast<std::size_t>(row)] = arguments.x + (first_row + row) * shape.k;
  }
  product.rows = rows.data();
  product.half = shape.half_weights;
  product.y_stride = shape.n;
  for (std::int64_t panel = first_panel; panel < end_panel; ++panel) {
    product.vectors = panels.vectors(panel);
    product.columns = panels.columns(panel);
    product.y = arguments.y + first_row * shape.n + panels.first_column(panel);
    product.bias = arguments.packed + panels.first_column(panel);
    product.first = 0;
    do {
      product.depth = std::min(kDepthBlock, shape.k - product.first);
      const bool is_last = product.first + product.depth == shape.k;
      product.activation = is_last ? arguments.activation : Activation{};
      product.weights = panel_weights(panels, kTiles, shape.half_weights, arguments.packed, shape.k,
                                      panel, product.first);
      kTiles.run_panel(product);
      product.bias = nullptr;
      product.first += product.depth;
    } while (product.first < shape.k);
  }
}

template <const TileSet& kTiles>
constexpr GemmKernel make_kernel(std::string_view name, Isa isa, std::string_view strength) {
  return GemmKernel({.name = name,
                     .isa = isa,
                     .strength = strength,
                     .task_count = task_count<kTiles>,
                     .run = run<kTiles>},
                    packed_floats<kTiles>, pack<kTiles>);
}

}  // namespace

#if defined(__x86_64__)
const GemmKernel avx512_f32_gemm = make_kernel<avx512_tiles>(
    "avx512_f32_gemm", Isa::kAvx512, "tiles of 6 x 64, weights packed at load");
const GemmKernel avx2_f32_gemm =
    make_kernel<avx2_tiles>("avx2_f32_gemm", Isa::kAvx2, "tiles of 6 x 16, weights packed at load");
#endif

}  // namespace lode::engine
