// Convolution on the register tiles of an instruction set, without im2col: a table of pointers says
// where each tap of each output pixel begins, and the tile reads the channels from there. Taps in
// the padding point at zeros. A prologue is applied while the rows of a block are brought into the
// worker's scratch.
// The work is cut as product_cut.h has it.
#include <algorithm>
#include <cstring>

#include "engine/kernels/conv/product_cut.h"
#include "engine/kernels/conv/tap_pointers.h"
#include "engine/kernels/gemm/panels.h"

namespace lode::engine {

namespace {

/// Depth of a slice of the sum: a panel's slice, and the rows' slices, are a part of the
/// second-level cache.
constexpr std::int64_t kDepthBlock = 1152;
/// Input floats that the rows of one block reach: 256 KiB.
constexpr std::int64_t kBlockFloats = 1 << 16;
constexpr std::int64_t kMaxBlockRows = 192;
/// Multiply-adds of a task at least: large enough to hide the hand-out.
constexpr std::int64_t kTaskWork = 1 << 18;
/// Multiply-adds in the time of reading a weight.
constexpr std::int64_t kReadWork = 2;
/// And of reading an input float that another worker has just written.
constexpr std::int64_t kForeignReadWork = 8;

struct Cut : ProductCut {
  std::int64_t block_rows = 1;  ///< rows of a task that are worked on at once
};

Cut cut_of(const TileSet& tiles, const ConvShape& shape) {
  const PanelCut panels(tiles, shape.out_c / shape.groups);
  const std::int64_t tile_rows = tiles.tile_rows[panels.vectors(0) - 1];
  Cut cut{cut_product(shape, {.panels = panels.count() * shape.groups,
                              .panel_columns = panels.vectors(0) * tiles.lanes,
                              .tile_rows = tile_rows,
                              .task_work = kTaskWork,
                              .read_work = kReadWork,
                              .foreign_read_work = kForeignReadWork})};
  const std::int64_t most = std::clamp<std::int64_t>(
      kBlockFloats / std::max<std::int64_t>(1, std::min(shape.depth(), kDepthBlock)), 2 * tile_rows,
      kMaxBlockRows);
  cut.block_rows = std::max<std::int64_t>(1, most / tile_rows) * tile_rows;
  return cut;
}

std::int64_t taps_of(const ConvShape& shape) {
  return shape.kernel_h * shape.kernel_w;
}

/// Factors of an image's channels go into a block's weights instead of its rows, where the rows are
/// more than the columns. The two round differently: shape alone decides, whatever the batch.
bool scales_weights(const ConvShape& shape, const Cut& cut) {
  return shape.prologue == ConvPrologue::kScale &&
         shape.out_c < std::min(shape.out_pixels(), cut.block_rows);
}

/// Half weights are widened once a block where that many rows meet them; fewer widen them in their
/// tiles, which costs a tile a twelfth of its time where the conversion shares a port with the
/// multiplications.
constexpr std::int64_t kWidenedRows = 48;

bool widens_weights(const ConvShape& shape, std::int64_t rows) {
  return shape.half_weights && rows >= kWidenedRows;
}

/// A worker's scratch: pointers [taps][block_rows], then rows after a prologue, then weights that
/// were scaled.
struct Scratch {
  std::size_t rows_at;
  std::size_t weights_at;
  std::size_t bytes;
};

constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::int64_t bytes) {
  return static_cast<std::size_t>(round_up(bytes, kAlignment));
}

Scratch scratch_of(const TileSet& tiles, const ConvShape& shape, const Cut& cut) {
  Scratch scratch{};
  const auto pointer = static_cast<std::int64_t>(sizeof(const float*));
  const auto element = static_cast<std::int64_t>(sizeof(float));
  scratch.rows_at = aligned(taps_of(shape) * cut.block_rows * pointer);
  const bool scales = scales_weights(shape, cut);
  const bool copies = shape.prologue != ConvPrologue::kNone && !scales;
  scratch.weights_at =
      scratch.rows_at + (copies ? aligned(cut.block_rows * shape.in_c * element) : 0);
  const std::int64_t slice = std::min(kDepthBlock, shape.depth()) * tiles.max_vectors * tiles.lanes;
  const bool has_own_weights = scales || widens_weights(shape, cut.block_rows);
  scratch.bytes = scratch.weights_at + (has_own_weights ? aligned(slice * element) : 0);
  return scratch;
}

std::int64_t group_floats(const TileSet& tiles, const ConvShape& shape) {
  return round_up(
      packed_panels_floats(tiles, shape.depth(), shape.out_c / shape.groups, shape.half_weights),
      tiles.lanes);
}

/// All that the parts of a task share.
struct Task {
  const TileSet& tiles;
  const ConvShape& shape;
  const ConvArguments& arguments;
  PanelCut panels;
  Cut cut;
  Scratch scratch;
  const float* zeros;  ///< in_c of them
  std::int64_t first_panel;
  std::int64_t end_panel;
  bool scales_weights;

  [[nodiscard]] const float** pointers() const {
    return reinterpret_cast<const float**>(arguments.scratch);
  }
  [[nodiscard]] float* own_weights() const {
    return reinterpret_cast<float*>(arguments.scratch + scratch.weights_at);
  }
};

/// Rows through the prologue into scratch, the pointers to there. Pointwise convolutions only.
void apply_prologue(const Task& task, std::int64_t first, std::int64_t count) {
  const ConvShape& shape = task.shape;
  const float** pointers = task.pointers();
  auto* to = reinterpret_cast<float*>(task.arguments.scratch + task.scratch.rows_at);
  if (shape.prologue == ConvPrologue::kAffineRelu) {
    task.tiles.scale_rows({.rows = pointers,
                           .row_count = count,
                           .depth = shape.in_c,
                           .scale = task.arguments.prologue_scale,
                           .shift = task.arguments.prologue_shift,
                           .y = to});
    return;
  }
  for (std::int64_t row = 0; row < count;) {
    const std::int64_t image = (first + row) / shape.out_pixels();
    const std::int64_t rows =
        std::min(count - row, (image + 1) * shape.out_pixels() - (first + row));
    task.tiles.scale_rows({.rows = pointers + row,
                           .row_count = rows,
                           .depth = shape.in_c,
                           .scale = task.arguments.prologue_scale + image * shape.in_c,
                           .shift = nullptr,
                           .y = to + row * shape.in_c});
    row += rows;
  }
}

/// Runs panel `panel` of group `group` on the block's rows. `factors` of the channels are to be
/// multiplied into the weights; null: none.
void run_panel(const Task& task, std::int64_t group, std::int64_t panel, const float* factors,
               PanelRun product) {
  const ConvShape& shape = task.shape;
  const std::int64_t depth = shape.in_c / shape.groups;
  const std::int64_t taps = taps_of(shape);
  const float* packed = task.arguments.packed + group * group_floats(task.tiles, shape);
  product.vectors = task.panels.vectors(panel);
  product.columns = task.panels.columns(panel);
  product.bias = packed + task.panels.first_column(panel);
  const float* const* pointers = product.rows;
  const float* const residual = product.residual;
  // A slice is several whole taps or a part of one.
  const std::int64_t slice_taps = std::clamp<std::int64_t>(kDepthBlock / depth, 1, taps);
  const std::int64_t parts = ceil_divide(depth, kDepthBlock);
  const std::int64_t slice_depth = slice_taps > 1 ? depth : ceil_divide(depth, parts);
  for (std::int64_t tap = 0; tap < taps; tap += slice_taps) {
    product.segments = std::min(slice_taps, taps - tap);
    product.rows = pointers + tap * task.cut.block_rows;
    for (std::int64_t c = 0; c < depth; c += slice_depth) {
      product.first = group * depth + c;
      product.depth = std::min(slice_depth, depth - c);
      const bool is_last = tap + product.segments == taps && c + product.depth == depth;
      product.activation = is_last ? task.arguments.activation : Activation{};
      product.residual = is_last ? residual : nullptr;
      product.weights = panel_weights(task.panels, task.tiles, shape.half_weights, packed,
                                      shape.depth(), panel, tap * depth + c);
      if (factors != nullptr || widens_weights(shape, product.row_count)) {
        task.tiles.scale_panel({.weights = product.weights,
                                .half = shape.half_weights,
                                .factors = factors != nullptr ? factors + c : nullptr,
                                .depth = product.segments * product.depth,
                                .width = product.vectors * task.tiles.lanes,
                                .scaled = task.own_weights()});
        product.weights = task.own_weights();
        product.half = false;
      }
      task.tiles.run_panel(product);
      product.bias = nullptr;
    }
  }
}

/// All panels of the task on rows [first, first + count), at most a block, and of one image where
/// weights are scaled.
void run_block(const Task& task, std::int64_t first, std::int64_t count) {
  const ConvShape& shape = task.shape;
  fill_tap_pointers(shape, task.arguments.x, task.zeros, first, count, task.cut.block_rows,
                    task.pointers());
  const float* factors = nullptr;
  if (task.scales_weights) {
    factors = task.arguments.prologue_scale + first / shape.out_pixels() * shape.in_c;
  } else if (shape.prologue != ConvPrologue::kNone) {
    apply_prologue(task, first, count);
  }
  PanelRun product;
  product.rows = task.pointers();
  product.row_pitch = task.cut.block_rows;
  product.row_count = count;
  product.half = shape.half_weights;
  product.y_stride = shape.y_step();
  product.residual_stride = shape.residual_step();
  for (std::int64_t index = task.first_panel; index < task.end_panel; ++index) {
    const std::int64_t group = index / task.panels.count();
    const std::int64_t panel = index % task.panels.count();
    const std::int64_t column =
        group * (shape.out_c / shape.groups) + task.panels.first_column(panel);
    product.y = task.arguments.y + first * shape.y_step() + column;
    if (shape.has_residual) {
      product.residual = task.arguments.residual + first * shape.residual_step() + column;
    }
    run_panel(task, group, panel, factors, product);
  }
}

template <const TileSet& kTiles>
void run(const ConvShape& shape, const ConvArguments& arguments, std::int64_t index) {
  const Cut cut = cut_of(kTiles, shape);
  const ProductTask share = product_task(cut, index);
  const Task task{.tiles = kTiles,
                  .shape = shape,
                  .arguments = arguments,
                  .panels = PanelCut(kTiles, shape.out_c / shape.groups),
                  .cut = cut,
                  .scratch = scratch_of(kTiles, shape, cut),
                  .zeros = arguments.packed + shape.groups * group_floats(kTiles, shape),
                  .first_panel = share.panel_begin,
                  .end_panel = share.panel_end,
                  .scales_weights = scales_weights(shape, cut)};
  for (std::int64_t row = share.row_begin; row < share.row_end;) {
    std::int64_t count = std::min(cut.block_rows, share.row_end - row);
    if (task.scales_weights) count = std::min(count, shape.out_pixels() - row % shape.out_pixels());
    run_block(task, row, count);
    row += count;
  }
}

template <const TileSet& kTiles>
void prepare(ConvShape& shape) {
  shape.grid = cut_of(kTiles, shape).grid;
}

template <const TileSet& kTiles>
std::int64_t task_count(const ConvShape& shape) {
  return cut_of(kTiles, shape).task_count();
}

template <const TileSet& kTiles>
std::size_t scratch_bytes(const ConvShape& shape) {
  return scratch_of(kTiles, shape, cut_of(kTiles, shape)).bytes;
}

/// Each group's panels, then the zeros that padding reads.
template <const TileSet& kTiles>
std::size_t packed_floats(const ConvShape& shape) {
  return static_cast<std::size_t>(shape.groups * group_floats(kTiles, shape) + shape.in_c);
}

template <const TileSet& kTiles>
void pack(const ConvShape& shape, const ConvWeights& weights, float* packed) {
  const std::int64_t group_out = shape.out_c / shape.groups;
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    pack_into_panels(kTiles,
                     {.data = weights.oihw + group * group_out * shape.depth(),
                      .taps = taps_of(shape),
                      .depth = shape.in_c / shape.groups,
                      .n = group_out,
                      .tap_stride = 1,
                      .depth_stride = taps_of(shape),
                      .n_stride = shape.depth(),
                      .bias = weights.bias != nullptr ? weights.bias + group * group_out : nullptr},
                     shape.half_weights, packed + group * group_floats(kTiles, shape));
  }
  std::fill_n(packed + shape.groups * group_floats(kTiles, shape), shape.in_c, 0.0F);
}

std::string_view refuse(const ConvShape& shape) {
  return shape.x_is_plain ? "the input is not channels-last" : "";
}

template <const TileSet& kTiles>
constexpr ConvKernel make_kernel(std::string_view name, Isa isa, std::string_view strength) {
  return ConvKernel({.name = name,
                     .isa = isa,
                     .strength = strength,
                     .takes_bands = true,
                     .refuse = refuse,
                     .prepare = prepare<kTiles>,
                     .task_count = task_count<kTiles>,
                     .scratch_bytes = scratch_bytes<kTiles>,
                     .run = run<kTiles>},
                    packed_floats<kTiles>, pack<kTiles>);
}

}  // namespace

#if defined(__x86_64__)
const ConvKernel avx512_f32_conv = make_kernel<avx512_tiles>(
    "avx512_f32_conv", Isa::kAvx512, "pixels read through pointers, tiles of 6 x 64 or 8 x 48");
const ConvKernel avx2_f32_conv = make_kernel<avx2_tiles>(
    "avx2_f32_conv", Isa::kAvx2, "pixels read through pointers, tiles of 6 x 16 or 4 x 24");
#endif

}  // namespace lode::engine
