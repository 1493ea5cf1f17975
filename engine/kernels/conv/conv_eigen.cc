// The baseline convolution as a product of packed weights with rows of input pixels: 1x1 kernels
// read the pixels where they are, others gather a tile of them (im2col) into the worker's scratch,
// one depth block at a time so that it stays in the second-level cache.
//
// A task is a tile of output pixels of one image times a chunk of output channels. With groups, a
// task does all groups of its pixels.
#include <algorithm>
#include <array>
#include <cstring>

#include "engine/kernels/aligned_floats.h"
#include "engine/kernels/conv/conv.h"
#include "engine/kernels/gemm/tile_eigen.h"

namespace lode::engine {

namespace {

constexpr std::int64_t kMaxTilePixels = 192;
/// Gathered floats of a tile's depth block: 96 KiB.
constexpr std::int64_t kTileFloats = 24 * 1024;
/// Tasks that an image should give at least, so that a few workers share it evenly.
constexpr std::int64_t kTasksPerImage = 8;

struct Cut {
  std::int64_t tile_pixels;
  std::int64_t tiles;
  std::int64_t panels_per_chunk;
  std::int64_t chunks;
  std::int64_t group_panels;
};

Cut cut_of(const ConvShape& shape) {
  Cut cut{};
  const std::int64_t pixels = shape.out_pixels();
  const std::int64_t most =
      std::clamp<std::int64_t>(kTileFloats / depth_block(shape.depth()), 32, kMaxTilePixels);
  cut.tile_pixels =
      round_up(ceil_divide(pixels, std::max<std::int64_t>(1, ceil_divide(pixels, most))), 4);
  cut.tile_pixels = std::max<std::int64_t>(cut.tile_pixels, 4);
  cut.tiles = ceil_divide(pixels, cut.tile_pixels);
  cut.group_panels = ceil_divide(shape.out_c / shape.groups, panel_columns());
  cut.panels_per_chunk = std::max<std::int64_t>(1, cut.group_panels);
  if (shape.groups == 1 && cut.tiles > 0) {
    // At least 8 panels a chunk: gathering is repeated for each chunk.
    const std::int64_t wanted = ceil_divide(kTasksPerImage, cut.tiles);
    cut.panels_per_chunk = std::max<std::int64_t>(std::min<std::int64_t>(8, cut.panels_per_chunk),
                                                  ceil_divide(cut.group_panels, wanted));
  }
  cut.chunks = std::max<std::int64_t>(1, ceil_divide(cut.group_panels, cut.panels_per_chunk));
  return cut;
}

std::int64_t task_count(const ConvShape& shape) {
  const Cut cut = cut_of(shape);
  return shape.batch * cut.tiles * cut.chunks;
}

std::size_t im2col_scratch_bytes(const ConvShape& shape) {
  return static_cast<std::size_t>(cut_of(shape).tile_pixels * depth_block(shape.depth())) *
         sizeof(float);
}

std::size_t packed_floats(const ConvShape& shape) {
  return static_cast<std::size_t>(shape.groups *
                                  panels_floats(shape.depth(), shape.out_c / shape.groups));
}

/// Depth order is (ky, kx, channel): a kernel row of an NHWC image is then contiguous.
void pack(const ConvShape& shape, const ConvWeights& weights, float* packed) {
  const std::int64_t group_c = shape.in_c / shape.groups;
  const std::int64_t group_out = shape.out_c / shape.groups;
  const std::int64_t taps = shape.kernel_h * shape.kernel_w;
  AlignedFloats reordered(static_cast<std::size_t>(group_out * shape.depth()));
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    const float* from = weights.oihw + group * group_out * shape.depth();
    for (std::int64_t out = 0; out < group_out; ++out) {
      for (std::int64_t c = 0; c < group_c; ++c) {
        for (std::int64_t tap = 0; tap < taps; ++tap) {
          reordered.data()[out * shape.depth() + tap * group_c + c] =
              from[(out * group_c + c) * taps + tap];
        }
      }
    }
    GemmWeights columns;
    columns.data = reordered.data();
    columns.k_stride = 1;
    columns.n_stride = shape.depth();
    columns.bias = weights.bias != nullptr ? weights.bias + group * group_out : nullptr;
    pack_panels(shape.depth(), group_out, columns, shape.half_weights,
                packed + group * panels_floats(shape.depth(), group_out));
  }
}

/// Writes elements [begin, end) of one gathered row. Runs are announced in order of depth.
class RowWriter {
 public:
  RowWriter(std::int64_t begin, std::int64_t end, float* to) : begin_(begin), end_(end), to_(to) {}

  /// The next `count` elements are those at `from`, or zeros if it is null.
  void run(const float* from, std::int64_t count) {
    const std::int64_t low = std::max(begin_, position_);
    const std::int64_t high = std::min(end_, position_ + count);
    if (low < high) {
      float* to = to_ + (low - begin_);
      if (from == nullptr) {
        std::fill_n(to, high - low, 0.0F);
      } else {
        std::copy_n(from + (low - position_), high - low, to);
      }
    }
    position_ += count;
  }

 private:
  std::int64_t begin_;
  std::int64_t end_;
  std::int64_t position_ = 0;
  float* to_;
};

/// Elements [k_begin, k_end) of the row of output pixel `pixel`, in depth order.
void gather_row(const ConvShape& shape, const float* image, std::int64_t group, std::int64_t pixel,
                std::int64_t k_begin, std::int64_t k_end, float* to) {
  const std::int64_t group_c = shape.in_c / shape.groups;
  const std::int64_t kernel_row = shape.kernel_w * group_c;
  const std::int64_t first_y = pixel / shape.out_w * shape.stride_h - shape.pad_top;
  const std::int64_t first_x = pixel % shape.out_w * shape.stride_w - shape.pad_left;
  const TapRange inside = taps_inside(first_x, shape.dilation_w, shape.kernel_w, shape.in_w);
  const std::int64_t step = shape.x_step();
  const bool is_contiguous = shape.groups == 1 && shape.dilation_w == 1 && step == shape.in_c;
  RowWriter writer(k_begin, k_end, to);
  for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
    const std::int64_t y = first_y + ky * shape.dilation_h;
    if (y < 0 || y >= shape.in_h) {
      writer.run(nullptr, kernel_row);
      continue;
    }
    const float* row = image + y * shape.in_w * step + group * group_c;
    writer.run(nullptr, inside.begin * group_c);
    if (is_contiguous) {
      writer.run(row + (first_x + inside.begin) * step, (inside.end - inside.begin) * group_c);
    } else {
      for (std::int64_t kx = inside.begin; kx < inside.end; ++kx) {
        writer.run(row + (first_x + kx * shape.dilation_w) * step, group_c);
      }
    }
    writer.run(nullptr, (shape.kernel_w - inside.end) * group_c);
  }
}

/// The prologue on channels [begin, end) of a pixel, in place.
void apply_prologue(const ConvShape& shape, const ConvArguments& arguments, std::int64_t image,
                    std::int64_t begin, std::int64_t end, float* row) {
  if (shape.prologue == ConvPrologue::kNone) return;
  const bool is_affine = shape.prologue == ConvPrologue::kAffineRelu;
  const float* scale = arguments.prologue_scale + (is_affine ? 0 : image * shape.in_c);
  for (std::int64_t c = begin; c < end; ++c, ++row) {
    *row *= scale[c];
    if (!is_affine) continue;
    *row += arguments.prologue_shift[c];
    *row = *row < 0.0F ? 0.0F : *row;
  }
}

/// The place of a task in the output.
struct Place {
  std::int64_t image_index;
  const float* image;
  std::int64_t first_pixel;
  std::int64_t pixel_count;
  PanelProduct product;  ///< with everything set that does not depend on group and depth block
};

Place place_of(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  const Cut cut = cut_of(shape);
  const std::int64_t chunk = task % cut.chunks;
  const std::int64_t tile = task / cut.chunks % cut.tiles;
  const std::int64_t image = task / (cut.chunks * cut.tiles);
  Place place{};
  place.image_index = image;
  place.image = arguments.x + image * shape.in_h * shape.in_w * shape.x_step();
  place.first_pixel = tile * cut.tile_pixels;
  place.pixel_count = std::min(cut.tile_pixels, shape.out_pixels() - place.first_pixel);
  place.product.k = shape.depth();
  place.product.n = shape.out_c / shape.groups;
  place.product.panel_begin = chunk * cut.panels_per_chunk;
  place.product.panel_end =
      std::min(cut.group_panels, place.product.panel_begin + cut.panels_per_chunk);
  const std::int64_t first = image * shape.out_pixels() + place.first_pixel;
  place.product.y = arguments.y + first * shape.y_step();
  place.product.y_stride = shape.y_step();
  if (shape.has_residual) {
    place.product.residual = arguments.residual + first * shape.residual_step();
    place.product.residual_stride = shape.residual_step();
  }
  place.product.activation = arguments.activation;
  return place;
}

/// Runs a task; `row_at(place, group, k_begin, k_end, i)` says where elements [k_begin, k_end) of
/// the i-th pixel's row are.
template <typename RowAt>
void run_task(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task,
              const RowAt& row_at) {
  Place place = place_of(shape, arguments, task);
  PanelProduct& product = place.product;
  const std::int64_t group_floats = panels_floats(product.k, product.n);
  const std::int64_t step = depth_block(product.k);
  std::array<const float*, kMaxTilePixels> rows{};
  float* const y = product.y;
  const float* const residual = product.residual;
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    product.packed = arguments.packed + group * group_floats;
    product.y = y + group * product.n;
    if (residual != nullptr) product.residual = residual + group * product.n;
    product.k_begin = 0;
    do {
      product.k_end = std::min(product.k, product.k_begin + step);
      for (std::int64_t i = 0; i < place.pixel_count; ++i) {
        rows[static_cast<std::size_t>(i)] = row_at(place, group, product.k_begin, product.k_end, i);
      }
      product.rows = std::span(rows).first(static_cast<std::size_t>(place.pixel_count));
      multiply_panels(product);
      product.k_begin = product.k_end;
    } while (product.k_end < product.k);
  }
}

void run_1x1(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  const std::int64_t group_c = shape.in_c / shape.groups;
  run_task(shape, arguments, task,
           [&](const Place& place, std::int64_t group, std::int64_t k_begin, std::int64_t,
               std::int64_t i) {
             const std::int64_t pixel = place.first_pixel + i;
             const std::int64_t y = pixel / shape.out_w * shape.stride_h;
             const std::int64_t x = pixel % shape.out_w * shape.stride_w;
             return place.image + (y * shape.in_w + x) * shape.x_step() + group * group_c + k_begin;
           });
}

void run_im2col(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  auto* gathered = reinterpret_cast<float*>(arguments.scratch);
  run_task(shape, arguments, task,
           [&](const Place& place, std::int64_t group, std::int64_t k_begin, std::int64_t k_end,
               std::int64_t i) {
             float* row = gathered + i * (k_end - k_begin);
             gather_row(shape, place.image, group, place.first_pixel + i, k_begin, k_end, row);
             apply_prologue(shape, arguments, place.image_index, k_begin, k_end, row);
             return static_cast<const float*>(row);
           });
}

std::string_view refuse_plain(const ConvShape& shape) {
  return shape.x_is_plain ? "the input is not channels-last" : "";
}

std::string_view refuse_unless_1x1(const ConvShape& shape) {
  if (!shape.is_pointwise()) return "the kernel is not 1x1 without padding";
  if (shape.prologue != ConvPrologue::kNone) return "there is a prologue";
  return refuse_plain(shape);
}

}  // namespace

const ConvKernel eigen_f32_conv_1x1({.name = "eigen_f32_conv_1x1",
                                     .isa = Isa::kGeneric,
                                     .strength = "1x1: pixels are read in place",
                                     .takes_bands = true,
                                     .refuse = refuse_unless_1x1,
                                     .task_count = task_count,
                                     .run = run_1x1},
                                    packed_floats, pack);

const ConvKernel eigen_f32_conv_im2col({.name = "eigen_f32_conv_im2col",
                                        .isa = Isa::kGeneric,
                                        .strength = "any convolution, pixels gathered by tile",
                                        .takes_bands = true,
                                        .refuse = refuse_plain,
                                        .task_count = task_count,
                                        .scratch_bytes = im2col_scratch_bytes,
                                        .run = run_im2col},
                                       packed_floats, pack);

}  // namespace lode::engine
