// The baseline depthwise convolution: for each output pixel a block of channels is summed up in
// registers over the taps that lie inside the image. A task is a band of output rows of one image.
#include "engine/kernels/dwconv/plan.h"
#include "engine/kernels/packet.h"

namespace lode::engine {

namespace {

std::size_t packed_floats(const ConvShape& shape) {
  return static_cast<std::size_t>(shape.out_c * (shape.kernel_h * shape.kernel_w + 1));
}

/// The bias, then [tap][channel].
void pack(const ConvShape& shape, const ConvWeights& weights, float* packed) {
  const std::int64_t taps = shape.kernel_h * shape.kernel_w;
  for (std::int64_t c = 0; c < shape.out_c; ++c) {
    packed[c] = weights.bias != nullptr ? weights.bias[c] : 0.0F;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      packed[(tap + 1) * shape.out_c + c] = dwconv_weight(shape, weights.oihw[c * taps + tap]);
    }
  }
}

/// The taps of one output pixel that lie inside the image, all channels.
struct Window {
  const float* x;        ///< input pixel of the first tap, channel 0
  const float* weights;  ///< its weights
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t x_row_step;
  std::int64_t x_column_step;
  std::int64_t weight_row_step;
  std::int64_t weight_column_step;
};

template <int kPackets>
void sum_packets(const Window& window, const float* bias, std::int64_t c,
                 const Activation& activation, const float* residual, float* y) {
  Packet sums[kPackets];
  for (int i = 0; i < kPackets; ++i) sums[i] = load(bias + c + i * kLanes);
  for (std::int64_t row = 0; row < window.rows; ++row) {
    const float* x = window.x + row * window.x_row_step + c;
    const float* w = window.weights + row * window.weight_row_step + c;
    for (std::int64_t column = 0; column < window.columns; ++column) {
      for (int i = 0; i < kPackets; ++i) {
        sums[i] = multiply_add(load(x + i * kLanes), load(w + i * kLanes), sums[i]);
      }
      x += window.x_column_step;
      w += window.weight_column_step;
    }
  }
  for (int i = 0; i < kPackets; ++i) {
    if (residual != nullptr) sums[i] = add(sums[i], load(residual + c + i * kLanes));
    store(y + c + i * kLanes, activate(activation, sums[i]));
  }
}

void sum_channel(const Window& window, const float* bias, std::int64_t c,
                 const Activation& activation, const float* residual, float* y) {
  float sum = bias[c];
  for (std::int64_t row = 0; row < window.rows; ++row) {
    const float* x = window.x + row * window.x_row_step + c;
    const float* w = window.weights + row * window.weight_row_step + c;
    for (std::int64_t column = 0; column < window.columns; ++column) {
      sum += x[column * window.x_column_step] * w[column * window.weight_column_step];
    }
  }
  if (residual != nullptr) sum += residual[c];
  y[c] = apply_activation(activation, sum);
}

void run_pixel(const DwConvTask& share, const Window& window, const ConvArguments& arguments,
               const float* residual, float* y) {
  const float* bias = arguments.packed;
  std::int64_t c = share.c_begin;
  for (; c + 4 * kLanes <= share.c_end; c += 4 * kLanes) {
    sum_packets<4>(window, bias, c, arguments.activation, residual, y);
  }
  for (; c + kLanes <= share.c_end; c += kLanes) {
    sum_packets<1>(window, bias, c, arguments.activation, residual, y);
  }
  for (; c < share.c_end; ++c) sum_channel(window, bias, c, arguments.activation, residual, y);
}

void run_row(const ConvShape& shape, const ConvArguments& arguments, const DwConvTask& share,
             std::int64_t out_y) {
  const std::int64_t channels = shape.out_c;
  const std::int64_t first_y = out_y * shape.stride_h - shape.pad_top;
  const TapRange rows = taps_inside(first_y, shape.dilation_h, shape.kernel_h, shape.in_h);
  const std::int64_t x_step = shape.x_step();
  const float* x = arguments.x + share.image * shape.in_h * shape.in_w * x_step;
  const std::int64_t first_pixel = (share.image * shape.out_h + out_y) * shape.out_w;
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
    window.weights =
        arguments.packed + (1 + rows.begin * shape.kernel_w + columns.begin) * channels;
    const std::int64_t pixel = first_pixel + out_x;
    run_pixel(share, window, arguments,
              shape.has_residual ? arguments.residual + pixel * shape.residual_step() : nullptr,
              arguments.y + pixel * shape.y_step());
  }
}

void run(const ConvShape& shape, const ConvArguments& arguments, std::int64_t task) {
  const DwConvTask share = dwconv_task(shape, task);
  for (std::int64_t out_y = share.row_begin; out_y < share.row_end; ++out_y) {
    run_row(shape, arguments, share, out_y);
  }
}

}  // namespace

const DwConvKernel eigen_f32_dwconv({.name = "eigen_f32_dwconv",
                                     .isa = Isa::kGeneric,
                                     .strength = "depthwise: direct, channels in vectors",
                                     .takes_bands = true,
                                     .refuse = refuse_unless_depthwise,
                                     .task_count = dwconv_task_count,
                                     .run = run},
                                    packed_floats, pack);

}  // namespace lode::engine
