// Convolution by pairs of bfloat16 (bf16_tile.h) on processors that multiply those in tiles.
//
// The pixels that a block of output rows reads are brought into the worker's scratch as pairs,
// padding with them, each once. There every tap of neighbouring output pixels is at equal
// distances, as tiles want it, with no copy a tap: the input pixels of each phase of the strides
// lie together as a plane, and the rows of a plane follow one another, so that an output pixel is a
// row of the product, with a few between the rows of an image that are computed and left out. All
// panels of the task meet the block there. Half weights are widened a panel's slice at a time.
// The work is cut as product_cut.h has it.
#include <algorithm>

#include "engine/kernels/conv/bf16_tile.h"
#include "engine/kernels/conv/product_cut.h"
#include "engine/kernels/gemm/panels.h"

namespace lode::engine {

namespace {

/// Steps of a slice of the sum where weights are halves: what is widened at once.
constexpr std::int64_t kHalfSliceSteps = 36;
/// Bytes of a block's pairs: a part of the second-level cache of 2 MiB.
constexpr std::int64_t kBlockBytes = 768 * 1024;
constexpr std::int64_t kMaxBlockPixels = 1024;
/// Multiply-adds of a task at least: large enough to hide the hand-out.
constexpr std::int64_t kTaskWork = 1 << 20;
/// Multiply-adds in the time of reading a weight, and of reading an input float that another worker
/// has just written and of splitting it.
constexpr std::int64_t kReadWork = 8;
constexpr std::int64_t kForeignReadWork = 64;
constexpr std::int64_t kLine = 64;
constexpr auto kElement = static_cast<std::int64_t>(sizeof(std::uint16_t));

PanelCut panel_cut(const Bf16Tiles& tiles, const ConvShape& shape) {
  return {kBf16Lanes, tiles.max_vectors, shape.out_c};
}

std::int64_t taps_of(const ConvShape& shape) {
  return shape.kernel_h * shape.kernel_w;
}

/// Steps of one tap: channels are padded to whole ones.
std::int64_t tap_steps(const ConvShape& shape) {
  return ceil_divide(shape.in_c, kBf16Step);
}

std::int64_t all_steps(const ConvShape& shape) {
  return taps_of(shape) * tap_steps(shape);
}

/// The geometry of a block. Output rows of all images are counted through.
struct Geometry {
  ConvShape shape;  ///< where nothing but pixels matters, images are one pixel wide
  std::int64_t phases_h;
  std::int64_t phases_w;
  std::int64_t halo_h;  ///< rows of a plane behind those of the output
  std::int64_t width;   ///< pixels of a plane's row
  std::int64_t pitch;   ///< elements of a pixel
  std::int64_t low;     ///< elements from its highs to its lows

  explicit Geometry(const ConvShape& asked) : shape(asked) {
    if (shape.is_pointwise() && shape.stride_h == 1 && shape.stride_w == 1) {
      shape.in_h = shape.out_h = asked.out_pixels();
      shape.in_w = shape.out_w = 1;
    }
    const std::int64_t reach_h = (shape.kernel_h - 1) * shape.dilation_h;
    const std::int64_t reach_w = (shape.kernel_w - 1) * shape.dilation_w;
    phases_h = std::min(shape.stride_h, reach_h + 1);
    phases_w = std::min(shape.stride_w, reach_w + 1);
    halo_h = reach_h / shape.stride_h;
    width = shape.out_w + reach_w / shape.stride_w;
    low = tap_steps(shape) * kBf16Step;
    // An odd number of lines: pixels fall into all sets of the first-level cache.
    pitch = 2 * low + kLine / kElement;
  }

  /// Rows of several images may be one block.
  [[nodiscard]] bool joins_images() const { return shape.is_pointwise(); }
  [[nodiscard]] std::int64_t plane_pixels(std::int64_t rows) const {
    return (rows + halo_h) * width;
  }
  [[nodiscard]] std::int64_t bytes(std::int64_t rows) const {
    return phases_h * phases_w * plane_pixels(rows) * pitch * kElement;
  }
  /// Of a block.
  [[nodiscard]] std::int64_t most_rows() const {
    std::int64_t rows = std::max<std::int64_t>(1, kMaxBlockPixels / width);
    if (!joins_images()) rows = std::min(rows, shape.out_h);
    const std::int64_t each = bytes(1) - bytes(0);
    const std::int64_t room = (kBlockBytes - bytes(0)) / each;
    return std::clamp<std::int64_t>(room, 1, rows);
  }
};

ProductCut cut_of(const Bf16Tiles& tiles, const ConvShape& shape) {
  const PanelCut panels = panel_cut(tiles, shape);
  return cut_product(shape, {.panels = panels.count(),
                             .panel_columns = panels.vectors(0) * kBf16Lanes,
                             .tile_rows = shape.is_pointwise() ? tiles.tile_rows : shape.out_w,
                             .task_work = kTaskWork,
                             .read_work = kReadWork,
                             .foreign_read_work = kForeignReadWork});
}

/// A worker's scratch; offsets in bytes.
struct Scratch {
  std::int64_t spans_at;    ///< of a block
  std::int64_t pairs_at;    ///< of a block
  std::int64_t weights_at;  ///< a panel's slice, of half weights
  std::int64_t bytes;
};

/// Offsets of the steps come first.
Scratch scratch_of(const Bf16Tiles& tiles, const Geometry& geometry) {
  const std::int64_t rows = geometry.most_rows();
  const std::int64_t steps = all_steps(geometry.shape);
  Scratch scratch{};
  scratch.spans_at = round_up(steps * static_cast<std::int64_t>(sizeof(std::int32_t)), kLine);
  scratch.pairs_at =
      scratch.spans_at + round_up(rows * static_cast<std::int64_t>(sizeof(Bf16Span)), kLine);
  scratch.weights_at = scratch.pairs_at + geometry.bytes(rows);
  const std::int64_t slice = std::min(steps, kHalfSliceSteps) * tiles.max_vectors;
  scratch.bytes =
      scratch.weights_at + (geometry.shape.half_weights ? slice * kBf16TileElements * kElement : 0);
  return scratch;
}

/// Where panels are in the packed weights, in floats: behind the bias.
std::int64_t weights_at(const Bf16Tiles& tiles, const ConvShape& shape) {
  return panel_cut(tiles, shape).padded_columns();
}

/// Elements of a step and vector of packed weights.
std::int64_t tile_elements(const ConvShape& shape) {
  return shape.half_weights ? kBf16TileElements / 2 : kBf16TileElements;
}

/// Elements of packed weights in front of a panel's `step`.
std::int64_t panel_offset(const Bf16Tiles& tiles, const ConvShape& shape, std::int64_t panel,
                          std::int64_t step) {
  const PanelCut panels = panel_cut(tiles, shape);
  const std::int64_t vectors = panels.first_column(panel) / kBf16Lanes;
  return (vectors * all_steps(shape) + step * panels.vectors(panel)) * tile_elements(shape);
}

/// All that the parts of a task share.
struct Task {
  const Bf16Tiles& tiles;
  const Geometry geometry;
  const ConvArguments& arguments;
  PanelCut panels;
  Scratch scratch;
  ProductTask share;

  template <typename T>
  [[nodiscard]] T* at(std::int64_t offset) const {
    return reinterpret_cast<T*>(arguments.scratch + offset);
  }
};

/// Output pixels [begin, end) of all images, and the rows of output that they are in.
struct Block {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t row_begin;
  std::int64_t row_end;

  [[nodiscard]] std::int64_t rows() const { return row_end - row_begin; }
};

/// From pixel `begin` on as much as fits.
Block next_block(const Geometry& geometry, std::int64_t begin, std::int64_t end) {
  const std::int64_t out_w = geometry.shape.out_w;
  const std::int64_t out_h = geometry.shape.out_h;
  Block block{.begin = begin, .end = end, .row_begin = begin / out_w, .row_end = 0};
  block.row_end = std::min(block.row_begin + geometry.most_rows(), ceil_divide(end, out_w));
  if (!geometry.joins_images()) {
    block.row_end = std::min(block.row_end, (block.row_begin / out_h + 1) * out_h);
  }
  block.end = std::min(end, block.row_end * out_w);
  return block;
}

/// Where the pairs of each step are, from those of the output pixel's first tap on.
void fill_offsets(const Geometry& geometry, std::int64_t rows, std::int32_t* offsets) {
  const ConvShape& shape = geometry.shape;
  for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
    for (std::int64_t kx = 0; kx < shape.kernel_w; ++kx) {
      const std::int64_t y = ky * shape.dilation_h;
      const std::int64_t x = kx * shape.dilation_w;
      const std::int64_t plane = y % shape.stride_h * geometry.phases_w + x % shape.stride_w;
      const std::int64_t pixel = plane * geometry.plane_pixels(rows) +
                                 y / shape.stride_h * geometry.width + x / shape.stride_w;
      for (std::int64_t c = 0; c < geometry.low; c += kBf16Step) {
        *offsets++ = static_cast<std::int32_t>(pixel * geometry.pitch + c);
      }
    }
  }
}

/// The rows of the product that are output pixels of the block, counted from its first pixel on.
std::int64_t fill_spans(const Geometry& geometry, const Block& block, Bf16Span* spans) {
  const std::int64_t out_w = geometry.shape.out_w;
  std::int64_t count = 0;
  for (std::int64_t pixel = block.begin; pixel < block.end; ++count) {
    const std::int64_t row = pixel / out_w;
    const std::int64_t end = geometry.width == out_w ? block.end : (row + 1) * out_w;
    spans[count] = {
        .row = (row - block.begin / out_w) * geometry.width + pixel % out_w - block.begin % out_w,
        .count = std::min(end, block.end) - pixel,
        .pixel = pixel - block.begin};
    pixel += spans[count].count;
  }
  return count;
}

/// Pixels [first, first + count) of an image's row, `count` of them every stride_w, through the
/// prologue.
void split_pixels(const Task& task, std::int64_t image, std::int64_t y, std::int64_t first,
                  std::int64_t count, std::uint16_t* to) {
  const ConvShape& shape = task.geometry.shape;
  Bf16Split split;
  split.x = task.arguments.x + ((image * shape.in_h + y) * shape.in_w + first) * shape.x_step();
  split.x_step = shape.stride_w * shape.x_step();
  split.pixels = count;
  split.channels = shape.in_c;
  split.pairs = to;
  split.pitch = task.geometry.pitch;
  split.low = task.geometry.low;
  if (shape.prologue != ConvPrologue::kNone) split.scale = task.arguments.prologue_scale;
  if (shape.prologue == ConvPrologue::kScale) split.scale += image * shape.in_c;
  if (shape.prologue == ConvPrologue::kAffineRelu) split.shift = task.arguments.prologue_shift;
  task.tiles.split(split);
}

/// One row of a plane: pixels px are x = px * stride + phase - pad of the image's row y.
void bring_row(const Task& task, std::int64_t image, std::int64_t y, std::int64_t phase,
               std::uint16_t* to) {
  const Geometry& geometry = task.geometry;
  const ConvShape& shape = geometry.shape;
  const std::int64_t shift = phase - shape.pad_left;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  if (y >= 0 && y < shape.in_h) {
    begin =
        std::min(geometry.width, ceil_divide(std::max<std::int64_t>(0, -shift), shape.stride_w));
    const std::int64_t last = std::max<std::int64_t>(0, shape.in_w - shift);
    end = std::clamp(ceil_divide(last, shape.stride_w), begin, geometry.width);
  }
  std::fill_n(to, begin * geometry.pitch, std::uint16_t{0});
  if (begin < end) {
    split_pixels(task, image, y, begin * shape.stride_w + shift, end - begin,
                 to + begin * geometry.pitch);
  }
  std::fill_n(to + end * geometry.pitch, (geometry.width - end) * geometry.pitch, std::uint16_t{0});
}

/// Images one pixel wide, without padding, are brought many rows at a time.
void bring_column(const Task& task, const Block& block, std::uint16_t* to) {
  const std::int64_t out_h = task.geometry.shape.out_h;
  for (std::int64_t row = block.row_begin; row < block.row_end;) {
    const std::int64_t image = row / out_h;
    const std::int64_t count = std::min(block.row_end, (image + 1) * out_h) - row;
    split_pixels(task, image, row % out_h, 0, count, to);
    to += count * task.geometry.pitch;
    row += count;
  }
}

/// The pairs of all planes.
void bring_block(const Task& task, const Block& block) {
  const Geometry& geometry = task.geometry;
  const ConvShape& shape = geometry.shape;
  auto* to = task.at<std::uint16_t>(task.scratch.pairs_at);
  if (shape.in_w == 1 && shape.stride_w == 1 && shape.stride_h == 1 && shape.is_pointwise()) {
    return bring_column(task, block, to);
  }
  for (std::int64_t phase_h = 0; phase_h < geometry.phases_h; ++phase_h) {
    for (std::int64_t phase_w = 0; phase_w < geometry.phases_w; ++phase_w) {
      for (std::int64_t row = 0; row < block.rows() + geometry.halo_h; ++row) {
        const std::int64_t joined = geometry.joins_images() ? row : 0;
        const std::int64_t image = (block.row_begin + joined) / shape.out_h;
        const std::int64_t out_y = block.row_begin + row - image * shape.out_h;
        bring_row(task, image, out_y * shape.stride_h + phase_h - shape.pad_top, phase_w, to);
        to += geometry.width * geometry.pitch;
      }
    }
  }
}

/// A panel's weights of a slice, as pairs.
const std::uint16_t* bring_weights(const Task& task, std::int64_t panel, std::int64_t step,
                                   std::int64_t steps) {
  const ConvShape& shape = task.geometry.shape;
  const float* first = task.arguments.packed + weights_at(task.tiles, shape);
  const std::uint16_t* packed =
      reinterpret_cast<const std::uint16_t*>(first) + panel_offset(task.tiles, shape, panel, step);
  if (!shape.half_weights) return packed;
  auto* widened = task.at<std::uint16_t>(task.scratch.weights_at);
  task.tiles.widen_panel({.halves = packed,
                          .steps = steps,
                          .vectors = task.panels.vectors(panel),
                          .weights = widened});
  return widened;
}

/// One panel on a block, slice after slice.
void run_panel(const Task& task, std::int64_t panel, Bf16PanelRun run) {
  const ConvShape& shape = task.geometry.shape;
  const std::int64_t all = all_steps(shape);
  const std::int64_t slice = shape.half_weights ? std::min(all, kHalfSliceSteps) : all;
  const std::int32_t* offsets = run.offsets;
  const float* residual = run.residual;
  for (std::int64_t step = 0; step < all; step += slice) {
    const bool is_last = step + slice >= all;
    run.steps = std::min(slice, all - step);
    run.offsets = offsets + step;
    run.weights = bring_weights(task, panel, step, run.steps);
    run.residual = is_last ? residual : nullptr;
    run.activation = is_last ? task.arguments.activation : Activation{};
    task.tiles.run_panel(run);
    run.bias = nullptr;
  }
}

void run_block(const Task& task, const Block& block) {
  const ConvShape& shape = task.geometry.shape;
  auto* offsets = task.at<std::int32_t>(0);
  auto* spans = task.at<Bf16Span>(task.scratch.spans_at);
  fill_offsets(task.geometry, block.rows(), offsets);
  bring_block(task, block);
  Bf16PanelRun run;
  run.pairs = task.at<const std::uint16_t>(task.scratch.pairs_at) +
              block.begin % shape.out_w * task.geometry.pitch;
  run.pitch = task.geometry.pitch;
  run.low = task.geometry.low;
  run.offsets = offsets;
  run.span_count = fill_spans(task.geometry, block, spans);
  run.spans = spans;
  run.row_count = spans[run.span_count - 1].row + spans[run.span_count - 1].count;
  run.residual_stride = shape.residual_step();
  run.y_stride = shape.y_step();
  for (std::int64_t panel = task.share.panel_begin; panel < task.share.panel_end; ++panel) {
    const std::int64_t column = task.panels.first_column(panel);
    run.vectors = task.panels.vectors(panel);
    run.columns = task.panels.columns(panel);
    run.bias = task.arguments.packed + column;
    run.y = task.arguments.y + block.begin * shape.y_step() + column;
    if (shape.has_residual) {
      run.residual = task.arguments.residual + block.begin * shape.residual_step() + column;
    }
    run_panel(task, panel, run);
  }
}

template <const Bf16Tiles& kTiles>
void run(const ConvShape& shape, const ConvArguments& arguments, std::int64_t index) {
  const Geometry geometry(shape);
  const Task task{.tiles = kTiles,
                  .geometry = geometry,
                  .arguments = arguments,
                  .panels = panel_cut(kTiles, shape),
                  .scratch = scratch_of(kTiles, geometry),
                  .share = product_task(cut_of(kTiles, shape), index)};
  for (std::int64_t pixel = task.share.row_begin; pixel < task.share.row_end;) {
    const Block block = next_block(geometry, pixel, task.share.row_end);
    run_block(task, block);
    pixel = block.end;
  }
}

template <const Bf16Tiles& kTiles>
void prepare(ConvShape& shape) {
  shape.grid = cut_of(kTiles, shape).grid;
}

template <const Bf16Tiles& kTiles>
std::int64_t task_count(const ConvShape& shape) {
  return cut_of(kTiles, shape).task_count();
}

template <const Bf16Tiles& kTiles>
std::size_t scratch_bytes(const ConvShape& shape) {
  return static_cast<std::size_t>(scratch_of(kTiles, Geometry(shape)).bytes);
}

template <const Bf16Tiles& kTiles>
std::size_t packed_floats(const ConvShape& shape) {
  const std::int64_t elements = panel_offset(kTiles, shape, panel_cut(kTiles, shape).count(), 0);
  return static_cast<std::size_t>(weights_at(kTiles, shape) + elements / 2);
}

// ---- packing, once at load

/// Weights of one vector of columns, of which `columns` are there, and of kBf16Step channels from
/// `first` on: all taps of them, which lie together.
void pack_channels(const Bf16Tiles& tiles, const ConvShape& shape, const float* oihw,
                   std::int64_t columns, std::int64_t first, std::uint16_t* to,
                   std::int64_t tap_pitch) {
  const std::int64_t channels = std::min(kBf16Step, shape.in_c - first);
  const std::int64_t taps = taps_of(shape);
  for (std::int64_t tap = 0; tap < taps; ++tap, to += tap_pitch) {
    alignas(kLine) float weights[kBf16Step * kBf16Lanes] = {};
    for (std::int64_t column = 0; column < columns; ++column) {
      const float* from = oihw + column * shape.depth() + first * taps + tap;
      for (std::int64_t c = 0; c < channels; ++c) {
        weights[c * kBf16Lanes + column] = from[c * taps];
      }
    }
    tiles.pack({.weights = weights, .half = shape.half_weights, .packed = to});
  }
}

template <const Bf16Tiles& kTiles>
void pack(const ConvShape& shape, const ConvWeights& weights, float* to) {
  const PanelCut panels = panel_cut(kTiles, shape);
  std::fill_n(to, weights_at(kTiles, shape), 0.0F);
  if (weights.bias != nullptr) std::copy_n(weights.bias, shape.out_c, to);
  auto* packed = reinterpret_cast<std::uint16_t*>(to + weights_at(kTiles, shape));
  for (std::int64_t panel = 0; panel < panels.count(); ++panel) {
    const std::int64_t step_pitch = panels.vectors(panel) * tile_elements(shape);
    for (std::int64_t vector = 0; vector < panels.vectors(panel); ++vector) {
      const std::int64_t column = panels.first_column(panel) + vector * kBf16Lanes;
      for (std::int64_t step = 0; step < tap_steps(shape); ++step) {
        pack_channels(
            kTiles, shape, weights.oihw + column * shape.depth(),
            std::min(kBf16Lanes, shape.out_c - column), step * kBf16Step,
            packed + panel_offset(kTiles, shape, panel, step) + vector * tile_elements(shape),
            tap_steps(shape) * step_pitch);
      }
    }
  }
}

/// Less than three eighths of a step's channels: others are as fast.
bool fills_no_step(const ConvShape& shape) {
  return 8 * shape.depth() < 3 * all_steps(shape) * kBf16Step;
}

std::string_view refuse(const ConvShape& shape) {
  if (shape.x_is_plain) return "the input is not channels-last";
  if (shape.groups != 1) return "there are groups";
  if (!shape.allow_bf16x3) return "products of bfloat16 are disabled";
  if (shape.winograd_outputs != 0) return "Winograd is asked for";
  if (shape.out_pixels() < 8) return "fewer than eight pixels an image fill no tile";
  if (fills_no_step(shape)) return "few channels leave most of a step empty";
  if (shape.depth() <= kBf16Step / 2) return "sums of at most 16 products are as fast without";
  const Geometry geometry(shape);
  if (geometry.width > 2 * geometry.shape.out_w) {
    return "more than half of the sums would fall between rows";
  }
  return geometry.bytes(1) > kBlockBytes ? "what a row reads does not fit the cache" : "";
}

template <const Bf16Tiles& kTiles>
constexpr ConvKernel make_kernel(std::string_view name, Isa isa, std::string_view strength) {
  return ConvKernel({.name = name,
                     .isa = isa,
                     .strength = strength,
                     // Of a single product 2^-14, where the tolerance is 5 2^-24.
                     .error_growth = 205.0,
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
const ConvKernel avx512amx_f32_conv_bf16x3 = make_kernel<avx512amx_bf16_tiles>(
    "avx512amx_f32_conv_bf16x3", Isa::kAvx512Amx,
    "three products of bfloat16 in tiles for one of floats, 32 x 32 sums");
#endif

}  // namespace lode::engine
