// Integer convolution on the register tiles of an instruction set, without im2col where the pixels
// can be read in place: a table of pointers says where each tap of each output pixel begins. Other
// pixels are gathered, a block at a time. Taps in the padding read the zero point.
#include <algorithm>

#include "engine/kernels/conv/product_cut.h"
#include "engine/kernels/conv/tap_pointers.h"
#include "engine/kernels/qconv/gather.h"
#include "engine/kernels/qconv/qpanels.h"

namespace lode::engine {

namespace {

constexpr std::int64_t kMaxBlockRows = 192;
/// Multiply-adds of a task at least, in the time of reading a weight, and of reading an input that
/// another worker has just written.
constexpr std::int64_t kTaskWork = 1 << 20;
constexpr std::int64_t kReadWork = 4;
constexpr std::int64_t kForeignReadWork = 8;
constexpr std::int64_t kLine = 64;

struct Cut : ProductCut {
  std::int64_t block_rows = 1;  ///< rows of a task that are worked on at once
};

Cut cut_of(const QTileSet& tiles, const QConvShape& shape) {
  const PanelCut panels = panel_cut(tiles, shape);
  const std::int64_t tile_rows = tiles.tile_rows[panels.vectors(0) - 1];
  Cut cut{cut_product(shape, {.panels = panels.count() * shape.groups,
                              .panel_columns = panels.vectors(0) * tiles.lanes,
                              .tile_rows = tile_rows,
                              .task_work = kTaskWork,
                              .read_work = kReadWork,
                              .foreign_read_work = kForeignReadWork})};
  const std::int64_t row_bytes = std::max<std::int64_t>(1, 4 * depth_of(tiles, shape).all_steps());
  const std::int64_t most =
      std::clamp<std::int64_t>(tiles.block_bytes / row_bytes, 2 * tile_rows, kMaxBlockRows);
  cut.block_rows = std::max<std::int64_t>(1, most / tile_rows) * tile_rows;
  return cut;
}

/// A worker's scratch, offsets in bytes.
struct Scratch {
  std::int64_t padding;     ///< padding_bytes() of the zero point
  std::int64_t row_zeros;   ///< [block_rows] std::int32_t
  std::int64_t row_scales;  ///< [block_rows] float
  std::int64_t row_sums;    ///< [block_rows] std::int32_t
  std::int64_t start;       ///< of a panel, std::int32_t
  std::int64_t factors;     ///< of a panel, float
  std::int64_t gathered;    ///< [block_rows] rows
  std::int64_t bytes;
};

/// Pointers [segments][block_rows] come first.
Scratch scratch_of(const QTileSet& tiles, const QConvShape& shape, const QDepth& depth,
                   const Cut& cut) {
  Scratch scratch{};
  const auto pointer = static_cast<std::int64_t>(sizeof(const std::uint8_t*));
  const std::int64_t words = round_up(4 * cut.block_rows, kLine);
  scratch.padding = round_up(depth.segments() * cut.block_rows * pointer, kLine);
  scratch.row_zeros = scratch.padding + padding_bytes(shape.in_c);
  scratch.row_scales = scratch.row_zeros + words;
  scratch.row_sums = scratch.row_scales + words;
  const std::int64_t panel = round_up(4 * tiles.max_vectors * tiles.lanes, kLine);
  scratch.start = scratch.row_sums + words;
  scratch.factors = scratch.start + panel;
  scratch.gathered = scratch.factors + panel;
  scratch.bytes = scratch.gathered +
                  (depth.gathers ? cut.block_rows * 4 * depth.all_steps() + kGatherSlack : 0);
  return scratch;
}

/// All that the parts of a task share.
struct Task {
  const QTileSet& tiles;
  const QConvShape& shape;
  const QConvArguments& arguments;
  PanelCut panels;
  QDepth depth;
  QPacked places;
  Cut cut;
  Scratch scratch;
  QConstants constants;
  ProductTask share;
  std::int64_t index;
  bool stays_in_image;  ///< the rows of a block are one image's
  RangeLanes* range;    ///< of what is made of an image; null: nobody asks

  template <typename T>
  [[nodiscard]] T* at(std::int64_t offset) const {
    return reinterpret_cast<T*>(arguments.scratch + offset);
  }
  [[nodiscard]] const std::uint8_t** pointers() const { return at<const std::uint8_t*>(0); }
  [[nodiscard]] const std::int32_t* words(std::int64_t place) const {
    return reinterpret_cast<const std::int32_t*>(arguments.packed + place);
  }
};

/// The rows of a block, for a group.
void bring_rows(const Task& task, std::int64_t group, std::int64_t first, std::int64_t count) {
  const QConvShape& shape = task.shape;
  const std::uint8_t** pointers = task.pointers();
  const auto* padding = task.at<const std::uint8_t>(task.scratch.padding);
  if (!task.depth.gathers) {
    fill_tap_pointers(shape, task.arguments.x, padding, first, count, task.cut.block_rows,
                      pointers);
    return;
  }
  const QGather gather{.x = task.arguments.x,
                       .padding = padding,
                       .first = first,
                       .count = count,
                       .channel = group * task.depth.channels,
                       .channels = task.depth.channels,
                       .row_bytes = 4 * task.depth.all_steps(),
                       .to = task.at<std::uint8_t>(task.scratch.gathered)};
  (task.tiles.widens ? gather_words : gather_bytes)(shape, gather);
  for (std::int64_t row = 0; row < count; ++row) pointers[row] = gather.to + row * gather.row_bytes;
}

/// The scales and zero points of the images that a block's rows belong to, where there are several.
void set_row_scales(const Task& task, std::int64_t first, std::int64_t count) {
  auto* zeros = task.at<std::int32_t>(task.scratch.row_zeros);
  auto* scales = task.at<float>(task.scratch.row_scales);
  for (std::int64_t row = 0; row < count; ++row) {
    const std::int64_t image = (first + row) / task.shape.out_pixels();
    zeros[row] = task.arguments.x_zeros[image];
    scales[row] = task.arguments.x_scales[image];
  }
}

/// What all panels of a block have in common.
QPanelRun block_run(const Task& task, std::int64_t count) {
  const QConvShape& shape = task.shape;
  QPanelRun run;
  run.rows = task.pointers();
  run.row_pitch = task.cut.block_rows;
  run.row_count = count;
  run.segments = task.depth.segments();
  run.steps = task.depth.steps;
  if (shape.is_dynamic && !task.stays_in_image) {
    run.row_zeros = task.at<const std::int32_t>(task.scratch.row_zeros);
    run.row_scales = task.at<const float>(task.scratch.row_scales);
  }
  if (shape.has_weight_zeros) run.row_sums = task.at<const std::int32_t>(task.scratch.row_sums);
  run.output = shape.output;
  run.to = requantisation(task.arguments.activation, task.constants.y_scale, task.constants.y_zero);
  run.activation = task.arguments.activation;
  run.is_plain = task.constants.is_small != 0 && !shape.has_weight_zeros &&
                 run.to.activation.kind == ActivationKind::kNone;
  run.least = nearest_even(run.to.low) + run.to.zero;
  run.greatest = nearest_even(run.to.high) + run.to.zero;
  run.residual_stride = shape.residual_step();
  run.residual_sum = task.constants.residual;
  run.y_stride = shape.y_step();
  run.range = task.range;
  return run;
}

const void* element_at(const QConvShape& shape, const void* values, std::int64_t index) {
  if (shape.output == QOutput::kFloat) return static_cast<const float*>(values) + index;
  return static_cast<const std::uint8_t*>(values) + index;
}

/// Takes the scale and the zero point of an image into the constants of a panel.
void fold_image(const Task& task, std::int64_t image, QPanelRun& run) {
  const std::uint32_t zero = task.arguments.x_zeros[image];
  const float scale = task.arguments.x_scales[image];
  auto* start = task.at<std::int32_t>(task.scratch.start);
  auto* factors = task.at<float>(task.scratch.factors);
  for (std::int64_t i = 0; i < run.vectors * task.tiles.lanes; ++i) {
    const auto off = zero * static_cast<std::uint32_t>(run.weight_sums[i]);
    start[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(run.start[i]) - off);
    factors[i] = scale * run.factors[i];
  }
  run.start = start;
  run.factors = factors;
}

/// Fills in panel `panel` of group `group`, for rows from `first` on.
void set_panel(const Task& task, std::int64_t group, std::int64_t panel, std::int64_t first,
               QPanelRun& run) {
  const QConvShape& shape = task.shape;
  const std::int64_t at = task.panels.first_column(panel);
  const std::int64_t column = group * (shape.out_c / shape.groups) + at;
  const std::int64_t bias = task.places.bias(group);
  run.weights = task.words(task.places.weights(group)) + at * task.depth.all_steps();
  run.vectors = task.panels.vectors(panel);
  run.columns = task.panels.columns(panel);
  run.start = task.words(task.places.start(group)) + at;
  run.weight_sums = task.words(task.places.weight_sums(group)) + at;
  run.weight_zeros = task.words(task.places.weight_zeros(group)) + at;
  run.factors = task.arguments.packed + task.places.factors(group) + at;
  run.bias = task.arguments.packed + bias + at;
  if (shape.is_dynamic && task.stays_in_image) fold_image(task, first / shape.out_pixels(), run);
  run.y = const_cast<void*>(element_at(shape, task.arguments.y, first * shape.y_step() + column));
  if (shape.has_residual) {
    run.residual =
        element_at(shape, task.arguments.residual, first * shape.residual_step() + column);
  }
}

/// All panels of the task on rows [first, first + count), at most a block.
void run_block(const Task& task, std::int64_t first, std::int64_t count) {
  const QConvShape& shape = task.shape;
  std::uint8_t padding = static_cast<std::uint8_t>(task.constants.x_zero);
  if (shape.is_dynamic) {
    if (!task.stays_in_image) set_row_scales(task, first, count);
    padding = task.arguments.x_zeros[first / shape.out_pixels()];
  }
  std::fill_n(task.at<std::uint8_t>(task.scratch.padding), padding_bytes(shape.in_c), padding);
  QPanelRun run = block_run(task, count);
  std::int64_t brought = -1;
  for (std::int64_t index = task.share.panel_begin; index < task.share.panel_end; ++index) {
    const std::int64_t group = index / task.panels.count();
    run.first = task.depth.gathers ? 0 : group * task.depth.channels;
    if (brought != group && (brought < 0 || task.depth.gathers)) {
      bring_rows(task, group, first, count);
    }
    if (brought != group && shape.has_weight_zeros) {
      task.tiles.sum_rows({.rows = run.rows,
                           .row_pitch = run.row_pitch,
                           .row_count = count,
                           .segments = run.segments,
                           .first = run.first,
                           .steps = run.steps,
                           .sums = task.at<std::int32_t>(task.scratch.row_sums)});
    }
    brought = group;
    set_panel(task, group, index % task.panels.count(), first, run);
    task.tiles.run_panel(run);
  }
}

/// The task's pair of image `image`.
float* range_of(const Task& task, std::int64_t image) {
  return task.arguments.ranges + (image * task.cut.task_count() + task.index) * 2;
}

/// Nothing is made of any image yet.
void clear_ranges(const Task& task) {
  task.range->clear();
  for (std::int64_t image = 0; image < task.shape.batch; ++image) {
    task.range->store(range_of(task, image));
  }
}

void leave_range(const Task& task, std::int64_t image) {
  task.range->store(range_of(task, image));
  task.range->clear();
}

/// Padding, constants of panels and ranges are those of one image.
bool stays_in_image(const QConvShape& shape, const QConvArguments& arguments) {
  if (arguments.ranges != nullptr) return true;
  return shape.is_dynamic && (!shape.is_pointwise() || shape.out_pixels() >= kImageRows);
}

template <const QTileSet& kTiles>
void run(const QConvShape& shape, const QConvArguments& arguments, std::int64_t index) {
  const Cut cut = cut_of(kTiles, shape);
  const QDepth depth = depth_of(kTiles, shape);
  RangeLanes lanes;
  const Task task{.tiles = kTiles,
                  .shape = shape,
                  .arguments = arguments,
                  .panels = panel_cut(kTiles, shape),
                  .depth = depth,
                  .places = QPacked(kTiles, shape),
                  .cut = cut,
                  .scratch = scratch_of(kTiles, shape, depth, cut),
                  .constants = read_constants(arguments.packed),
                  .share = product_task(cut, index),
                  .index = index,
                  .stays_in_image = stays_in_image(shape, arguments),
                  .range = arguments.ranges != nullptr ? &lanes : nullptr};
  if (task.range != nullptr) clear_ranges(task);
  for (std::int64_t row = task.share.row_begin; row < task.share.row_end;) {
    std::int64_t count = std::min(cut.block_rows, task.share.row_end - row);
    if (task.stays_in_image) count = std::min(count, shape.out_pixels() - row % shape.out_pixels());
    run_block(task, row, count);
    row += count;
    const bool ends_image = row == task.share.row_end || row % shape.out_pixels() == 0;
    if (task.range != nullptr && ends_image) leave_range(task, (row - 1) / shape.out_pixels());
  }
}

template <const QTileSet& kTiles>
void prepare(QConvShape& shape) {
  shape.grid = cut_of(kTiles, shape).grid;
}

template <const QTileSet& kTiles>
std::int64_t task_count(const QConvShape& shape) {
  return cut_of(kTiles, shape).task_count();
}

template <const QTileSet& kTiles>
std::size_t scratch_bytes(const QConvShape& shape) {
  return static_cast<std::size_t>(
      scratch_of(kTiles, shape, depth_of(kTiles, shape), cut_of(kTiles, shape)).bytes);
}

template <const QTileSet& kTiles>
std::size_t packed_floats(const QConvShape& shape) {
  return static_cast<std::size_t>(QPacked(kTiles, shape).floats());
}

template <const QTileSet& kTiles>
void pack(const QConvShape& shape, const QConvWeights& weights, float* packed) {
  pack_qpanels(kTiles, shape, weights, packed);
}

std::string_view refuse_unless_seven_bits(const QConvShape& shape) {
  return shape.weight_bits <= 7 ? "" : "the weights are not of seven bits";
}

/// Where making outputs of the sums is most of the work, tiles gain nothing.
std::string_view refuse_small_products(const QConvShape& shape) {
  if (shape.depth() <= 32) return "sums of at most 32 products are as fast without tiles";
  return shape.out_pixels() < 8 ? "fewer than eight rows an image fill no tile" : "";
}

using Refuse = std::string_view (*)(const QConvShape&);

template <const QTileSet& kTiles>
constexpr QConvKernel make_kernel(std::string_view name, Isa isa, std::string_view strength,
                                  Refuse refuse = nullptr) {
  return QConvKernel({.name = name,
                      .isa = isa,
                      .strength = strength,
                      .refuse = refuse,
                      .prepare = prepare<kTiles>,
                      .task_count = task_count<kTiles>,
                      .scratch_bytes = scratch_bytes<kTiles>,
                      .run = run<kTiles>},
                     packed_floats<kTiles>, pack<kTiles>);
}

}  // namespace

#if defined(__x86_64__)
const QConvKernel avx512amx_u8_conv = make_kernel<avx512amx_qtiles>(
    "avx512amx_u8_conv", Isa::kAvx512Amx, "products of tiles, 16 x 64 bytes times 64 x 16",
    refuse_small_products);
const QConvKernel avx512vnni_u8_conv = make_kernel<avx512vnni_qtiles>(
    "avx512vnni_u8_conv", Isa::kAvx512Vnni, "four products at once, tiles of 6 x 64 or 8 x 48");
const QConvKernel avx512_u8_conv_7bit = make_kernel<avx512_qtiles_7bit>(
    "avx512_u8_conv_7bit", Isa::kAvx512, "pairs of bytes that cannot saturate, tiles of 6 x 64",
    refuse_unless_seven_bits);
const QConvKernel avx512_u8_conv = make_kernel<avx512_qtiles>(
    "avx512_u8_conv", Isa::kAvx512, "pairs of words, tiles of 6 x 64 or 8 x 48");
const QConvKernel avx2_u8_conv_7bit = make_kernel<avx2_qtiles_7bit>(
    "avx2_u8_conv_7bit", Isa::kAvx2, "pairs of bytes that cannot saturate, tiles of 6 x 16",
    refuse_unless_seven_bits);
const QConvKernel avx2_u8_conv =
    make_kernel<avx2_qtiles>("avx2_u8_conv", Isa::kAvx2, "pairs of words, tiles of 6 x 16");
#endif
const QConvKernel generic_u8_conv = make_kernel<generic_qtiles>(
    "generic_u8_conv", Isa::kGeneric, "products of 16 bits, weights packed at load");

}  // namespace lode::engine
