// The first layer: few channels, read as NCHW without a conversion in front.
//
// A task is a band of output rows of one image. Its input rows are brought into the worker's
// scratch with the padding around them; neighbouring output pixels then stand `stride` floats apart
// for each tap and channel, and the tile needs one address a product step.
#include <algorithm>
#include <cstring>

#include "base/dtype.h"
#include "engine/kernels/conv/conv.h"
#include "engine/kernels/gemm/panels.h"

namespace lode::engine {

namespace {

constexpr std::int64_t kMaxChannels = 4;
/// Scratch floats that a band's input should not exceed: 64 KiB.
constexpr std::int64_t kBandFloats = 1 << 14;

/// What an image gives at least, so that a few workers share it evenly.
constexpr std::int64_t kMostBands = 8;

struct Cut {
  std::int64_t rows;     ///< output rows of a band
  std::int64_t bands;    ///< of an image
  std::int64_t in_rows;  ///< input rows of a band
  std::int64_t width;    ///< of a padded input row
};

std::int64_t in_rows_of(const ConvShape& shape, std::int64_t rows) {
  return (rows - 1) * shape.stride_h + shape.kernel_h;
}

Cut cut_of(const ConvShape& shape) {
  Cut cut{};
  cut.width =
      std::max(shape.pad_left + shape.in_w, (shape.out_w - 1) * shape.stride_w + shape.kernel_w);
  cut.rows = 1;
  const std::int64_t bands = wanted_tasks(shape.workers, kTasksPerWorker, kMostBands);
  while (cut.rows * bands < shape.out_h &&
         in_rows_of(shape, cut.rows + 1) * cut.width * shape.in_c <= kBandFloats) {
    ++cut.rows;
  }
  cut.bands = ceil_divide(shape.out_h, cut.rows);
  cut.in_rows = in_rows_of(shape, cut.rows);
  return cut;
}

std::int64_t task_count(const ConvShape& shape) {
  return shape.out_w == 0 ? 0 : shape.batch * cut_of(shape).bands;
}

/// The offsets stand behind the band.
std::size_t band_bytes(const ConvShape& shape, const Cut& cut) {
  return static_cast<std::size_t>(shape.in_c * cut.in_rows * cut.width) * sizeof(float);
}

std::size_t scratch_bytes(const ConvShape& shape) {
  return band_bytes(shape, cut_of(shape)) +
         static_cast<std::size_t>(shape.depth()) * sizeof(std::int32_t);
}

/// Input rows from `first_y` on, zeros around the image.
void fill_band(const ConvShape& shape, const Cut& cut, const float* image, std::int64_t first_y,
               float* to) {
  for (std::int64_t c = 0; c < shape.in_c; ++c) {
    for (std::int64_t row = 0; row < cut.in_rows; ++row, to += cut.width) {
      const std::int64_t y = first_y + row;
      if (y < 0 || y >= shape.in_h) {
        std::fill_n(to, cut.width, 0.0F);
        continue;
      }
      std::fill_n(to, shape.pad_left, 0.0F);
      std::copy_n(image + c * shape.x_plane_step() + y * shape.in_w, shape.in_w,
                  to + shape.pad_left);
      const std::int64_t end = shape.pad_left + shape.in_w;
      std::fill_n(to + end, cut.width - end, 0.0F);
    }
  }
}

void fill_offsets(const ConvShape& shape, const Cut& cut, std::int32_t* to) {
  for (std::int64_t c = 0; c < shape.in_c; ++c) {
    for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
      for (std::int64_t kx = 0; kx < shape.kernel_w; ++kx) {
        *to++ = static_cast<std::int32_t>((c * cut.in_rows + ky) * cut.width + kx);
      }
    }
  }
}

template <const TileSet& kTiles>
void run(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  const Cut cut = cut_of(shape);
  const PanelCut panels(kTiles, shape.out_c);
  const std::int64_t image = task / cut.bands;
  const std::int64_t first = task % cut.bands * cut.rows;
  const std::int64_t end = std::min(shape.out_h, first + cut.rows);
  auto* band = reinterpret_cast<float*>(arguments.scratch);
  auto* offsets = reinterpret_cast<std::int32_t*>(arguments.scratch + band_bytes(shape, cut));
  fill_band(shape, cut, arguments.x + image * shape.in_c * shape.x_plane_step(),
            first * shape.stride_h - shape.pad_top, band);
  fill_offsets(shape, cut, offsets);
  StemRun product;
  product.offsets = offsets;
  product.depth = shape.depth();
  product.step = shape.stride_w;
  product.row_count = shape.out_w;
  product.y_stride = shape.y_step();
  product.activation = arguments.activation;
  for (std::int64_t panel = 0; panel < panels.count(); ++panel) {
    product.vectors = panels.vectors(panel);
    product.columns = panels.columns(panel);
    product.bias = arguments.packed + panels.first_column(panel);
    product.weights = static_cast<const float*>(
        panel_weights(panels, kTiles, false, arguments.packed, shape.depth(), panel, 0));
    for (std::int64_t y = first; y < end; ++y) {
      product.x = band + (y - first) * shape.stride_h * cut.width;
      product.y = arguments.y + (image * shape.out_h + y) * shape.out_w * shape.y_step() +
                  panels.first_column(panel);
      kTiles.run_stem(product);
    }
  }
}

template <const TileSet& kTiles>
std::size_t packed_floats(const ConvShape& shape) {
  return static_cast<std::size_t>(packed_panels_floats(kTiles, shape.depth(), shape.out_c, false));
}

template <const TileSet& kTiles>
void pack(const ConvShape& shape, const ConvWeights& weights, float* packed) {
  pack_into_panels(kTiles,
                   {.data = weights.oihw,
                    .depth = shape.depth(),
                    .n = shape.out_c,
                    .depth_stride = 1,
                    .n_stride = shape.depth(),
                    .bias = weights.bias},
                   false, packed);
  if (!shape.half_weights) return;
  // Rounded, but kept as floats: there are so few that widening would cost more than it saves.
  const PanelCut panels(kTiles, shape.out_c);
  float* const end = packed + packed_floats<kTiles>(shape);
  for (float* at = packed + panels.padded_columns(); at != end; ++at) {
    *at = f16_to_f32(f32_to_f16(*at));
  }
}

std::string_view refuse(const ConvShape& shape) {
  if (!shape.x_is_plain) return "the input is channels-last";
  if (shape.in_c > kMaxChannels) return "it is for at most 4 input channels";
  if (shape.groups != 1) return "there are groups";
  if (shape.stride_w > 2) return "the stride is above 2";
  if (shape.dilation_h != 1 || shape.dilation_w != 1) return "the kernel is dilated";
  if (shape.has_residual) return "there is a residual";
  return "";
}

template <const TileSet& kTiles>
constexpr ConvKernel make_kernel(std::string_view name, Isa isa, std::string_view strength) {
  return ConvKernel({.name = name,
                     .isa = isa,
                     .strength = strength,
                     .takes_bands = true,
                     .refuse = refuse,
                     .task_count = task_count,
                     .scratch_bytes = scratch_bytes,
                     .run = run<kTiles>},
                    packed_floats<kTiles>, pack<kTiles>);
}

}  // namespace

#if defined(__x86_64__)
const ConvKernel avx512_f32_conv_stem = make_kernel<avx512_tiles>(
    "avx512_f32_conv_stem", Isa::kAvx512, "first layer: NCHW read in place, tiles of 14 x 32");
const ConvKernel avx2_f32_conv_stem = make_kernel<avx2_tiles>(
    "avx2_f32_conv_stem", Isa::kAvx2, "first layer: NCHW read in place, tiles of 6 x 16");
#endif

}  // namespace lode::engine
