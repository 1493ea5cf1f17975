// Winograd's convolution for 3x3 kernels at stride 1 on the register tiles of an instruction set.
//
// A task is a block of output tiles times a group of panels. It transforms its inputs into the
// worker's scratch, runs one product a frequency on them, and transforms the sums back. Weights are
// transformed once, at load. Whether Winograd is worth it is decided for one image: the choice
// changes the rounding, and an image's result must not hang on its batch.
#include <algorithm>
#include <array>

#include "base/dtype.h"
#include "engine/kernels/conv/conv.h"
#include "engine/kernels/conv/winograd.h"
#include "engine/kernels/gemm/panels.h"
#include "engine/kernels/task_grid.h"

namespace lode::engine {

namespace {

struct Winograd {
  const TileSet& tiles;
  const WinogradTransforms& transforms;
  std::int64_t outputs;  ///< m
  double error_growth;

  [[nodiscard]] constexpr std::int64_t size() const { return outputs + 2; }
  [[nodiscard]] constexpr std::int64_t frequencies() const { return size() * size(); }
};

/// A block's transformed inputs and sums, where the weights stay in the second-level cache beside
/// them: 512 KiB.
constexpr std::int64_t kBlockFloats = 1 << 17;
/// Weights that do.
constexpr std::int64_t kCachedWeights = 1 << 17;
constexpr std::int64_t kMinBlockTiles = 12;
/// Larger weights are read anew for each block, so that blocks are larger.
constexpr std::int64_t kMaxBlockTiles = 96;
/// Multiply-adds of a task at least: each reads its weights and transforms its inputs.
constexpr std::int64_t kTaskWork = 1 << 20;

// What things cost, in multiply-adds of the register tile.

/// A transform's work for one channel of one frequency, by m / 2.
constexpr std::array<std::int64_t, 4> kTransformWork = {0, 4, 9, 13};
/// Reading a weight that the second-level cache does not keep: from a larger cache, where those of
/// a small layer may still be, and from memory.
constexpr std::int64_t kNearReadWork = 3;
constexpr std::int64_t kReadWork = 10;
constexpr std::int64_t kNearWeights = 3 << 18;

struct Cut {
  TaskGrid grid;
  std::int64_t tiles_h;  ///< of an image
  std::int64_t tiles_w;
  std::int64_t tiles;        ///< of all images
  std::int64_t block_tiles;  ///< of a task
  std::int64_t blocks;
  std::int64_t panels;
  std::int64_t panel_tasks;
};

/// Fills the cut of the tiles into about `asked` blocks of at most `most`.
void cut_blocks(Cut& cut, std::int64_t asked, std::int64_t most) {
  const std::int64_t blocks = std::max(asked, ceil_divide(cut.tiles, most));
  cut.block_tiles = std::max(std::min(kMinBlockTiles, cut.tiles), ceil_divide(cut.tiles, blocks));
  cut.blocks = ceil_divide(cut.tiles, cut.block_tiles);
}

TaskGrid grid_of(const Winograd& w, const ConvShape& shape, const Cut& cut, std::int64_t most) {
  const std::int64_t weights = w.frequencies() * shape.in_c * shape.out_c;
  // Blocks read the weights anew, groups of panels transform the inputs anew.
  const std::int64_t reads = weights <= kCachedWeights ? 0 : weights * kReadWork;
  const std::int64_t transforms = cut.tiles * w.frequencies() * shape.in_c *
                                  kTransformWork[static_cast<std::size_t>(w.outputs / 2)];
  return cheapest_grid(
      shape.workers, cut.tiles * weights / kTaskWork, cut.panels, [&](const TaskGrid& tried) {
        Cut own = cut;
        cut_blocks(own, tried.rows, most);
        const std::int64_t tasks = own.blocks * tried.columns;
        const std::int64_t work = own.block_tiles * w.frequencies() * shape.in_c *
                                  ceil_divide(cut.panels, tried.columns) * w.tiles.max_vectors *
                                  w.tiles.lanes;
        return slowest_worker(shape.workers, tasks,
                              work + transforms / own.blocks + reads / tried.columns);
      });
}

Cut cut_of(const Winograd& w, const ConvShape& shape) {
  Cut cut{};
  cut.tiles_h = ceil_divide(shape.out_h, w.outputs);
  cut.tiles_w = ceil_divide(shape.out_w, w.outputs);
  cut.tiles = shape.batch * cut.tiles_h * cut.tiles_w;
  cut.panels = PanelCut(w.tiles, shape.out_c).count();
  const std::int64_t weights = w.frequencies() * shape.in_c * shape.out_c;
  const std::int64_t room = kBlockFloats / (w.frequencies() * (shape.in_c + shape.out_c));
  const std::int64_t most =
      weights <= kCachedWeights ? std::clamp(room, kMinBlockTiles, kMaxBlockTiles) : kMaxBlockTiles;
  cut.grid = shape.grid.rows != 0 ? shape.grid : grid_of(w, shape, cut, most);
  cut_blocks(cut, cut.grid.rows, most);
  cut.panel_tasks = cut.grid.columns;
  return cut;
}

/// Frequencies stand an odd number of cache lines apart, so that those of one channel spread over
/// the sets of the first-level cache.
std::int64_t odd_lines(std::int64_t floats) {
  constexpr std::int64_t kLine = 16;
  return (ceil_divide(floats, kLine) | 1) * kLine;
}

/// A worker's scratch: row pointers of a block, transformed inputs, sums.
struct Scratch {
  std::int64_t channels;  ///< floats of a tile's inputs in one frequency
  std::int64_t columns;   ///< and of its sums
  std::int64_t in_pitch;  ///< from frequency to frequency
  std::int64_t sums_pitch;
  std::size_t inputs_at;
  std::size_t sums_at;
  std::size_t bytes;
};

Scratch scratch_of(const Winograd& w, const ConvShape& shape, const Cut& cut) {
  Scratch scratch{};
  const PanelCut panels(w.tiles, shape.out_c);
  const std::int64_t most_panels = ceil_divide(cut.panels, cut.panel_tasks);
  scratch.channels = round_up(shape.in_c, w.tiles.lanes);
  scratch.columns =
      std::min(panels.padded_columns(), most_panels * w.tiles.max_vectors * w.tiles.lanes);
  scratch.in_pitch = odd_lines(cut.block_tiles * scratch.channels);
  scratch.sums_pitch = odd_lines(cut.block_tiles * scratch.columns);
  const auto bytes = [](std::int64_t floats) {
    return static_cast<std::size_t>(
        round_up(floats * static_cast<std::int64_t>(sizeof(float)), 64));
  };
  scratch.inputs_at = bytes(2 * cut.block_tiles);
  scratch.sums_at = scratch.inputs_at + bytes(w.frequencies() * scratch.in_pitch);
  scratch.bytes = scratch.sums_at + bytes(w.frequencies() * scratch.sums_pitch);
  return scratch;
}

/// Packed: bias (padded), zeros for in_c channels and a panel's columns, then for each frequency
/// the panels.
struct Packed {
  std::int64_t zeros_at;
  std::int64_t weights_at;
  std::int64_t frequency;  ///< floats of one
  std::int64_t floats;
};

Packed packed_of(const Winograd& w, const ConvShape& shape) {
  const PanelCut panels(w.tiles, shape.out_c);
  Packed packed{};
  packed.zeros_at = panels.padded_columns();
  const std::int64_t zeros =
      round_up(std::max(shape.in_c, w.tiles.max_vectors * w.tiles.lanes), w.tiles.lanes);
  packed.weights_at = packed.zeros_at + zeros;
  packed.frequency = panels.padded_columns() * shape.in_c;
  packed.floats = packed.weights_at + w.frequencies() * packed.frequency;
  return packed;
}

/// All that the parts of a task share.
struct Task {
  const Winograd& winograd;
  const ConvShape& shape;
  const ConvArguments& arguments;
  PanelCut panels;
  Cut cut;
  Scratch scratch;
  Packed packed;
  std::int64_t first_panel;
  std::int64_t end_panel;
  std::int64_t first_tile;
  std::int64_t tile_count;

  [[nodiscard]] float* inputs() const {
    return reinterpret_cast<float*>(arguments.scratch + scratch.inputs_at);
  }
  [[nodiscard]] float* sums() const {
    return reinterpret_cast<float*>(arguments.scratch + scratch.sums_at);
  }
};

/// A tile's image and first output pixel.
struct Place {
  std::int64_t image;
  std::int64_t y;
  std::int64_t x;
};

Place place_of(const Task& task, std::int64_t tile) {
  const std::int64_t index = task.first_tile + tile;
  return {.image = index / (task.cut.tiles_h * task.cut.tiles_w),
          .y = index / task.cut.tiles_w % task.cut.tiles_h * task.winograd.outputs,
          .x = index % task.cut.tiles_w * task.winograd.outputs};
}

void transform_inputs(const Task& task) {
  const ConvShape& shape = task.shape;
  const std::int64_t size = task.winograd.size();
  const float* zeros = task.arguments.packed + task.packed.zeros_at;
  std::array<const float*, 64> pixels{};
  for (std::int64_t tile = 0; tile < task.tile_count; ++tile) {
    const Place place = place_of(task, tile);
    const float** to = pixels.data();
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int64_t y = place.y - shape.pad_top + i;
      const float* row =
          task.arguments.x + (place.image * shape.in_h + y) * shape.in_w * shape.x_step();
      for (std::int64_t j = 0; j < size; ++j) {
        const std::int64_t x = place.x - shape.pad_left + j;
        const bool is_inside = y >= 0 && y < shape.in_h && x >= 0 && x < shape.in_w;
        *to++ = is_inside ? row + x * shape.x_step() : zeros;
      }
    }
    task.winograd.transforms.input({.pixels = pixels.data(),
                                    .channels = shape.in_c,
                                    .to = task.inputs() + tile * task.scratch.channels,
                                    .pitch = task.scratch.in_pitch});
  }
}

void multiply(const Task& task) {
  auto** rows = reinterpret_cast<const float**>(task.arguments.scratch);
  for (std::int64_t tile = 0; tile < task.tile_count; ++tile) {
    rows[tile] = task.inputs() + tile * task.scratch.channels;
  }
  const std::int64_t first_column = task.panels.first_column(task.first_panel);
  const float* weights = task.arguments.packed + task.packed.weights_at;
  PanelRun product;
  product.rows = rows;
  product.row_count = task.tile_count;
  product.depth = task.shape.in_c;
  product.bias = task.arguments.packed + task.packed.zeros_at;
  product.y_stride = task.scratch.columns;
  for (std::int64_t f = 0; f < task.winograd.frequencies(); ++f) {
    product.first = f * task.scratch.in_pitch;
    for (std::int64_t panel = task.first_panel; panel < task.end_panel; ++panel) {
      product.vectors = task.panels.vectors(panel);
      product.columns = task.panels.columns(panel);
      product.weights = weights + f * task.packed.frequency +
                        panel_offset(task.panels, task.winograd.tiles, task.shape.in_c, panel, 0);
      product.ahead = panel + 1 < task.end_panel
                          ? nullptr
                          : weights + (f + 1) * task.packed.frequency +
                                panel_offset(task.panels, task.winograd.tiles, task.shape.in_c,
                                             task.first_panel, 0);
      product.y = task.sums() + f * task.scratch.sums_pitch +
                  (task.panels.first_column(panel) - first_column);
      task.winograd.tiles.run_panel(product);
    }
  }
}

void transform_outputs(const Task& task) {
  const ConvShape& shape = task.shape;
  const std::int64_t first = task.panels.first_column(task.first_panel);
  const std::int64_t last = task.end_panel - 1;
  WinogradOutput run;
  run.pitch = task.scratch.sums_pitch;
  run.channels = task.panels.first_column(last) + task.panels.columns(last) - first;
  run.bias = task.arguments.packed + first;
  run.residual_row = shape.out_w * shape.residual_step();
  run.residual_column = shape.residual_step();
  run.y_row = shape.out_w * shape.y_step();
  run.y_column = shape.y_step();
  run.activation = task.arguments.activation;
  for (std::int64_t tile = 0; tile < task.tile_count; ++tile) {
    const Place place = place_of(task, tile);
    const std::int64_t pixel = (place.image * shape.out_h + place.y) * shape.out_w + place.x;
    run.from = task.sums() + tile * task.scratch.columns;
    run.rows = std::min(task.winograd.outputs, shape.out_h - place.y);
    run.columns = std::min(task.winograd.outputs, shape.out_w - place.x);
    run.y = task.arguments.y + pixel * shape.y_step() + first;
    if (shape.has_residual) {
      run.residual = task.arguments.residual + pixel * shape.residual_step() + first;
    }
    task.winograd.transforms.output(run);
  }
}

template <const Winograd& kWinograd>
void run(const ConvShape& shape, const ConvArguments& arguments, std::int64_t index) {
  const Cut cut = cut_of(kWinograd, shape);
  const std::int64_t block = index % cut.blocks;
  const std::int64_t panel_task = index / cut.blocks;
  const std::int64_t first_tile = block * cut.block_tiles;
  const Task task{.winograd = kWinograd,
                  .shape = shape,
                  .arguments = arguments,
                  .panels = PanelCut(kWinograd.tiles, shape.out_c),
                  .cut = cut,
                  .scratch = scratch_of(kWinograd, shape, cut),
                  .packed = packed_of(kWinograd, shape),
                  .first_panel = cut.panels * panel_task / cut.panel_tasks,
                  .end_panel = cut.panels * (panel_task + 1) / cut.panel_tasks,
                  .first_tile = first_tile,
                  .tile_count = std::min(cut.block_tiles, cut.tiles - first_tile)};
  transform_inputs(task);
  multiply(task);
  transform_outputs(task);
}

template <const Winograd& kWinograd>
void prepare(ConvShape& shape) {
  shape.grid = cut_of(kWinograd, shape).grid;
}

template <const Winograd& kWinograd>
std::int64_t task_count(const ConvShape& shape) {
  const Cut cut = cut_of(kWinograd, shape);
  return cut.blocks * cut.panel_tasks;
}

template <const Winograd& kWinograd>
std::size_t scratch_bytes(const ConvShape& shape) {
  return scratch_of(kWinograd, shape, cut_of(kWinograd, shape)).bytes;
}

template <const Winograd& kWinograd>
std::size_t packed_floats(const ConvShape& shape) {
  return static_cast<std::size_t>(packed_of(kWinograd, shape).floats);
}

/// G: a kernel's three taps at the interpolation points of winograd.h, scaled as its B and A want.
std::array<std::array<double, 3>, 8> kernel_transform(std::int64_t outputs) {
  if (outputs == 2) return {{{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}}};
  if (outputs == 4) {
    return {{{1.0 / 4, 0, 0},
             {-1.0 / 6, -1.0 / 6, -1.0 / 6},
             {-1.0 / 6, 1.0 / 6, -1.0 / 6},
             {1.0 / 24, 1.0 / 12, 1.0 / 6},
             {1.0 / 24, -1.0 / 12, 1.0 / 6},
             {0, 0, 1}}};
  }
  return {{{1, 0, 0},
           {-2.0 / 9, -2.0 / 9, -2.0 / 9},
           {-2.0 / 9, 2.0 / 9, -2.0 / 9},
           {1.0 / 90, 1.0 / 45, 2.0 / 45},
           {1.0 / 90, -1.0 / 45, 2.0 / 45},
           {32.0 / 45, 16.0 / 45, 8.0 / 45},
           {32.0 / 45, -16.0 / 45, 8.0 / 45},
           {0, 0, 1}}};
}

/// G g G^T of the kernels from one channel to a panel's columns: `to` + f * `pitch` + column.
void transform_kernels(const Winograd& w, const ConvShape& shape, const float* oihw,
                       std::int64_t channel, std::int64_t first, std::int64_t columns, float* to,
                       std::int64_t pitch) {
  constexpr std::int64_t kMaxColumns = 64;
  const auto g = kernel_transform(w.outputs);
  std::array<std::array<double, kMaxColumns>, 9> taps{};
  for (std::int64_t column = 0; column < columns; ++column) {
    const float* from = oihw + ((first + column) * shape.in_c + channel) * 9;
    for (std::size_t i = 0; i < 9; ++i) {
      taps[i][static_cast<std::size_t>(column)] =
          shape.half_weights ? f16_to_f32(f32_to_f16(from[i])) : from[i];
    }
  }
  const auto size = static_cast<std::size_t>(w.size());
  for (std::size_t y = 0; y < size; ++y) {
    std::array<std::array<double, kMaxColumns>, 3> row{};
    for (std::size_t x = 0; x < 3; ++x) {
      for (std::size_t i = 0; i < kMaxColumns; ++i) {
        row[x][i] = g[y][0] * taps[x][i] + g[y][1] * taps[3 + x][i] + g[y][2] * taps[6 + x][i];
      }
    }
    for (std::size_t x = 0; x < size; ++x, to += pitch) {
      for (std::int64_t column = 0; column < columns; ++column) {
        const auto i = static_cast<std::size_t>(column);
        to[column] =
            static_cast<float>(g[x][0] * row[0][i] + g[x][1] * row[1][i] + g[x][2] * row[2][i]);
      }
    }
  }
}

template <const Winograd& kWinograd>
void pack(const ConvShape& shape, const ConvWeights& weights, float* to) {
  const PanelCut panels(kWinograd.tiles, shape.out_c);
  const Packed packed = packed_of(kWinograd, shape);
  std::fill_n(to, packed.weights_at, 0.0F);
  if (weights.bias != nullptr) std::copy_n(weights.bias, shape.out_c, to);
  for (std::int64_t panel = 0; panel < panels.count(); ++panel) {
    const std::int64_t width = panels.vectors(panel) * kWinograd.tiles.lanes;
    for (std::int64_t c = 0; c < shape.in_c; ++c) {
      float* row =
          to + packed.weights_at + panel_offset(panels, kWinograd.tiles, shape.in_c, panel, c);
      transform_kernels(kWinograd, shape, weights.oihw, c, panels.first_column(panel),
                        panels.columns(panel), row, packed.frequency);
      for (std::int64_t f = 0; f < kWinograd.frequencies(); ++f) {
        pad_panel_row(kWinograd.tiles, panels.columns(panel), width, row + f * packed.frequency);
      }
    }
  }
}

std::string_view refuse_form(const ConvShape& shape) {
  if (shape.kernel_h != 3 || shape.kernel_w != 3) return "the kernel is not 3x3";
  if (shape.stride_h != 1 || shape.stride_w != 1) return "the stride is not 1";
  if (shape.dilation_h != 1 || shape.dilation_w != 1) return "the kernel is dilated";
  if (shape.groups != 1) return "there are groups";
  if (shape.x_is_plain) return "the input is not channels-last";
  if (shape.prologue != ConvPrologue::kNone) return "there is a prologue";
  if (!shape.allow_winograd) return "Winograd is disabled";
  return "";
}

// ---- what is worth it

std::int64_t read_cost(std::int64_t weights) {
  if (weights <= 2 * kCachedWeights) return 0;
  return weights * (weights <= kNearWeights ? kNearReadWork : kReadWork);
}

std::int64_t direct_cost(const ConvShape& shape) {
  const std::int64_t weights = shape.depth() * shape.out_c;
  return shape.out_pixels() * weights + read_cost(weights);
}

/// Of one image.
std::int64_t winograd_cost(const ConvShape& shape, std::int64_t outputs) {
  const std::int64_t frequencies = (outputs + 2) * (outputs + 2);
  const std::int64_t tiles = ceil_divide(shape.out_h, outputs) * ceil_divide(shape.out_w, outputs);
  const std::int64_t weights = frequencies * shape.in_c * shape.out_c;
  const std::int64_t transforms = tiles * frequencies *
                                  kTransformWork[static_cast<std::size_t>(outputs / 2)] *
                                  (shape.in_c + shape.out_c);
  return tiles * weights + read_cost(weights) + transforms;
}

/// The m with the least cost, or 0: the direct convolution.
std::int64_t best_outputs(const ConvShape& shape) {
  std::int64_t best = 0;
  std::int64_t least = direct_cost(shape);
  for (const std::int64_t outputs : {2, 4, 6}) {
    const std::int64_t own = winograd_cost(shape, outputs);
    if (own < least) {
      least = own;
      best = outputs;
    }
  }
  return best;
}

template <std::int64_t kOutputs>
std::string_view refuse(const ConvShape& shape) {
  const std::string_view form = refuse_form(shape);
  if (!form.empty()) return form;
  const std::int64_t best =
      shape.winograd_outputs != 0 ? shape.winograd_outputs : best_outputs(shape);
  if (best == kOutputs) return "";
  return best == 0 ? "transforms and weights would cost more than they save"
                   : "another tile size costs less";
}

#if defined(__x86_64__)
constexpr Winograd kAvx512F2{avx512_tiles, avx512_winograd2, 2, 4};
constexpr Winograd kAvx512F4{avx512_tiles, avx512_winograd4, 4, 16};
constexpr Winograd kAvx512F6{avx512_tiles, avx512_winograd6, 6, 64};
constexpr Winograd kAvx2F2{avx2_tiles, avx2_winograd2, 2, 4};
constexpr Winograd kAvx2F4{avx2_tiles, avx2_winograd4, 4, 16};
constexpr Winograd kAvx2F6{avx2_tiles, avx2_winograd6, 6, 64};
#endif

template <const Winograd& kWinograd>
constexpr ConvKernel make_kernel(std::string_view name, Isa isa, std::string_view strength) {
  return ConvKernel({.name = name,
                     .isa = isa,
                     .strength = strength,
                     .error_growth = kWinograd.error_growth,
                     .refuse = refuse<kWinograd.outputs>,
                     .prepare = prepare<kWinograd>,
                     .task_count = task_count<kWinograd>,
                     .scratch_bytes = scratch_bytes<kWinograd>,
                     .run = run<kWinograd>},
                    packed_floats<kWinograd>, pack<kWinograd>);
}

constexpr std::string_view kStrength2 = "Winograd F(2x2, 3x3): 2.25 times fewer multiplications";
constexpr std::string_view kStrength4 = "Winograd F(4x4, 3x3): 4 times fewer multiplications";
constexpr std::string_view kStrength6 = "Winograd F(6x6, 3x3): 5 times fewer multiplications";

}  // namespace

#if defined(__x86_64__)
const ConvKernel avx512_f32_conv_winograd2 =
    make_kernel<kAvx512F2>("avx512_f32_conv_winograd2", Isa::kAvx512, kStrength2);
const ConvKernel avx512_f32_conv_winograd4 =
    make_kernel<kAvx512F4>("avx512_f32_conv_winograd4", Isa::kAvx512, kStrength4);
const ConvKernel avx512_f32_conv_winograd6 =
    make_kernel<kAvx512F6>("avx512_f32_conv_winograd6", Isa::kAvx512, kStrength6);
const ConvKernel avx2_f32_conv_winograd2 =
    make_kernel<kAvx2F2>("avx2_f32_conv_winograd2", Isa::kAvx2, kStrength2);
const ConvKernel avx2_f32_conv_winograd4 =
    make_kernel<kAvx2F4>("avx2_f32_conv_winograd4", Isa::kAvx2, kStrength4);
const ConvKernel avx2_f32_conv_winograd6 =
    make_kernel<kAvx2F6>("avx2_f32_conv_winograd6", Isa::kAvx2, kStrength6);
#endif

}  // namespace lode::engine
