// The variant for every machine: for each output pixel a block of channels is summed up over the
// taps that lie inside the image. A task is a band of output rows of one image.
#include <algorithm>
#include <cstring>

#include "engine/kernels/dwconv/plan.h"
#include "engine/kernels/qconv/constants.h"
#include "engine/kernels/qconv/finish.h"
#include "engine/kernels/qdwconv/qdwconv.h"
#include "engine/kernels/value_range.h"

namespace lode::engine {

namespace {

/// Channels whose sums stay in the nearest cache.
constexpr std::int64_t kBlock = 64;

/// Behind the constants: bias, factor and float bias of each channel, then [tap][channel] words:
/// weight less its zero point.
std::size_t packed_floats(const QConvShape& shape) {
  return static_cast<std::size_t>(kConstantFloats + 3 * shape.out_c +
                                  ceil_divide(shape.depth() * shape.out_c, 2));
}

void pack(const QConvShape& shape, const QConvWeights& weights, float* packed) {
  write_constants(constants_of(shape, weights), packed);
  const std::int64_t channels = shape.out_c;
  const std::int64_t taps = shape.depth();
  auto* bias = reinterpret_cast<std::int32_t*>(packed + kConstantFloats);
  float* factors = packed + kConstantFloats + channels;
  auto* words = reinterpret_cast<std::int16_t*>(factors + 2 * channels);
  for (std::int64_t c = 0; c < channels; ++c) {
    bias[c] = weights.bias != nullptr ? weights.bias[c] : 0;
    factors[c] = factor_of(shape, weights, c);
    factors[channels + c] = weights.float_bias != nullptr ? weights.float_bias[c] : 0.0F;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      words[tap * channels + c] = static_cast<std::int16_t>(signed_weight(weights, c * taps + tap) -
                                                            signed_zero(weights, c));
    }
  }
}

/// The taps of one output pixel that lie inside the image, all channels.
struct Window {
  const std::uint8_t* x;        ///< input pixel of the first tap, channel 0
  const std::int16_t* weights;  ///< its weights
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t x_row_step;
  std::int64_t x_column_step;
  std::int64_t weight_row_step;
  std::int64_t weight_column_step;
};

void sum_taps(const Window& window, std::int32_t x_zero, std::int64_t first, std::int64_t count,
              std::uint32_t* sums) {
  for (std::int64_t row = 0; row < window.rows; ++row) {
    const std::uint8_t* x = window.x + row * window.x_row_step + first;
    const std::int16_t* w = window.weights + row * window.weight_row_step + first;
    for (std::int64_t column = 0; column < window.columns; ++column) {
      for (std::int64_t c = 0; c < count; ++c) {
        sums[c] += static_cast<std::uint32_t>((x[c] - x_zero) * w[c]);
      }
      x += window.x_column_step;
      w += window.weight_column_step;
    }
  }
}

struct Task {
  const QConvShape& shape;
  const QConvArguments& arguments;
  DwConvTask share;
  QFinish finish;
  std::int32_t x_zero;
  float x_scale;
  RangeLanes* range;  ///< null: nobody asks
};

void run_pixel(const Task& task, const Window& window, std::int64_t pixel) {
  const std::int64_t channels = task.shape.out_c;
  const auto* bias = reinterpret_cast<const std::int32_t*>(task.arguments.packed + kConstantFloats);
  const float* factors = task.arguments.packed + kConstantFloats + channels;
  QFinish finish = task.finish;
  for (std::int64_t first = task.share.c_begin; first < task.share.c_end; first += kBlock) {
    const std::int64_t count = std::min(kBlock, task.share.c_end - first);
    std::uint32_t sums[kBlock];
    std::memcpy(sums, bias + first, static_cast<std::size_t>(count) * sizeof(sums[0]));
    sum_taps(window, task.x_zero, first, count, sums);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t c = first + i;
      const std::int64_t at = pixel * task.shape.y_step() + c;
      finish.factor = task.shape.is_dynamic ? task.x_scale * factors[c] : factors[c];
      finish.bias = factors[channels + c];
      finish_sum(finish, static_cast<std::int32_t>(sums[i]), task.arguments.residual,
                 pixel * task.shape.residual_step() + c, task.arguments.y, at);
      if (task.range != nullptr) task.range->take(static_cast<const float*>(task.arguments.y)[at]);
    }
  }
}

void run_row(const Task& task, std::int64_t out_y) {
  const QConvShape& shape = task.shape;
  const std::int64_t channels = shape.out_c;
  const std::int64_t first_y = out_y * shape.stride_h - shape.pad_top;
  const TapRange rows = taps_inside(first_y, shape.dilation_h, shape.kernel_h, shape.in_h);
  const std::int64_t x_step = shape.x_step();
  const std::uint8_t* x = task.arguments.x + task.share.image * shape.in_h * shape.in_w * x_step;
  const auto* weights =
      reinterpret_cast<const std::int16_t*>(task.arguments.packed + kConstantFloats + 3 * channels);
  Window window{};
  window.rows = rows.end - rows.begin;
  window.x_row_step = shape.dilation_h * shape.in_w * x_step;
  window.x_column_step = shape.dilation_w * x_step;
  window.weight_row_step = shape.kernel_w * channels;
  window.weight_column_step = channels;
  for (std::int64_t out_x = 0; out_x < shape.out_w; ++out_x) {
    const std::int64_t first_x = out_x * shape.stride_w - shape.pad_left;
    const TapRange columns = taps_inside(first_x, shape.dilation_w, shape.kernel_w, shape.in_w);
    window.columns = columns.end - columns.begin;
    window.x = x + ((first_y + rows.begin * shape.dilation_h) * shape.in_w + first_x +
                    columns.begin * shape.dilation_w) *
                       x_step;
    window.weights = weights + (rows.begin * shape.kernel_w + columns.begin) * channels;
    run_pixel(task, window, (task.share.image * shape.out_h + out_y) * shape.out_w + out_x);
  }
}

void run(const QConvShape& shape, const QConvArguments& arguments, std::int64_t index) {
  const QConstants constants = read_constants(arguments.packed);
  RangeLanes range;
  range.clear();
  Task task{
      .shape = shape,
      .arguments = arguments,
      .share = dwconv_task(shape, index),
      .finish = {.output = shape.output,
                 .to = requantisation(arguments.activation, constants.y_scale, constants.y_zero),
                 .activation = arguments.activation,
                 .has_residual = shape.has_residual,
                 .residual = constants.residual},
      .x_zero = constants.x_zero,
      .x_scale = 1.0F,
      .range = arguments.ranges != nullptr ? &range : nullptr};
  if (shape.is_dynamic) {
    task.x_zero = arguments.x_zeros[task.share.image];
    task.x_scale = arguments.x_scales[task.share.image];
  }
  for (std::int64_t out_y = task.share.row_begin; out_y < task.share.row_end; ++out_y) {
    run_row(task, out_y);
  }
  if (task.range != nullptr) range.store(arguments.ranges + 2 * index);
}

std::int64_t task_count(const QConvShape& shape) {
  return dwconv_task_count(shape);
}

std::string_view refuse(const QConvShape& shape) {
  return refuse_unless_depthwise(shape);
}

}  // namespace

const QDwConvKernel generic_u8_dwconv({.name = "generic_u8_dwconv",
                                       .isa = Isa::kGeneric,
                                       .strength = "depthwise: direct, channels side by side",
                                       .refuse = refuse,
                                       .task_count = task_count,
                                       .run = run},
                                      packed_floats, pack);

}  // namespace lode::engine
