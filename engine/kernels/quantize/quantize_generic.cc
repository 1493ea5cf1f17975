// The variants for every machine, in loops that a compiler can make vectors of.
#include "engine/kernels/quantize/quantize.h"
#include "engine/kernels/quantize/spans.h"

namespace lode::engine {

namespace {

/// x / scale rounded, + zero, for `count` elements x_step and y_step apart.
template <typename Byte>
void quantize_row(const LinearScale& to, const float* x, std::int64_t x_step, std::int64_t count,
                  Byte* y, std::int64_t y_step) {
  const float lowest = (std::is_signed_v<Byte> ? -128.0F : 0.0F) - static_cast<float>(to.zero);
  for (std::int64_t i = 0; i < count; ++i) {
    const float v = clamped(x[i * x_step] / to.scale, lowest, lowest + 255.0F);
    y[i * y_step] = static_cast<Byte>(nearest_even(v) + to.zero);
  }
}

template <typename Byte>
void quantize_share(const QuantizeShape& shape, const QuantizeArguments& arguments,
                    const QuantizeTask& share) {
  const LinearScale to = scale_of_task(shape, arguments, share);
  const std::int64_t first = share.sample * shape.pixels + share.begin;
  const std::int64_t count = share.end - share.begin;
  Byte* y = static_cast<Byte*>(arguments.y) + first * shape.y_step();
  if (shape.x_is_plain) {
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      const float* x =
          arguments.x + (share.sample * shape.channels + c) * shape.pixels + share.begin;
      quantize_row(to, x, 1, count, y + c, shape.y_step());
    }
    return;
  }
  const float* x = arguments.x + first * shape.x_step();
  for (std::int64_t pixel = 0; pixel < count; ++pixel) {
    quantize_row(to, x + pixel * shape.x_step(), 1, shape.channels, y + pixel * shape.y_step(), 1);
  }
}

void run_quantize(const QuantizeShape& shape, const QuantizeArguments& arguments,
                  std::int64_t task) {
  const QuantizeTask share = quantize_task(shape, task);
  if (shape.is_signed) return quantize_share<std::int8_t>(shape, arguments, share);
  quantize_share<std::uint8_t>(shape, arguments, share);
}

void run_range(const RangeShape& shape, const RangeArguments& arguments, std::int64_t task) {
  const RowCut cut = cut_of(shape);
  const std::int64_t pieces = cut.task_count();
  const RowTask share = row_task(cut, task % pieces);
  const float* x = arguments.x + task / pieces * shape.rows * range_stride(shape);
  float low = 0.0F;
  float high = 0.0F;
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    for (std::int64_t i = share.begin; i < share.end; ++i) {
      const float value = x[row * range_stride(shape) + i];
      low = least_of(value, low);
      high = greatest_of(value, high);
    }
  }
  arguments.ranges[task * 2] = low;
  arguments.ranges[task * 2 + 1] = high;
}

template <typename Byte>
void dequantize_share(const DequantizeShape& shape, const DequantizeArguments& arguments,
                      const RowTask& share) {
  const std::int64_t x_stride = shape.x_stride != 0 ? shape.x_stride : shape.columns;
  const std::int64_t y_stride = shape.y_stride != 0 ? shape.y_stride : shape.columns;
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    const Byte* x = static_cast<const Byte*>(arguments.x) + row * x_stride;
    float* y = arguments.y + row * y_stride;
    for (std::int64_t i = share.begin; i < share.end; ++i) {
      y[i] = static_cast<float>(x[i] - arguments.zero) * arguments.scale;
    }
  }
}

void run_dequantize(const DequantizeShape& shape, const DequantizeArguments& arguments,
                    std::int64_t task) {
  const RowTask share = row_task(cut_of(shape), task);
  if (shape.is_signed) return dequantize_share<std::int8_t>(shape, arguments, share);
  dequantize_share<std::uint8_t>(shape, arguments, share);
}

}  // namespace

const QuantizeKernel generic_quantize = {.name = "generic_quantize",
                                         .isa = Isa::kGeneric,
                                         .strength = "element by element",
                                         .task_count = quantize_task_count,
                                         .run = run_quantize};

const RangeKernel generic_range = {.name = "generic_range",
                                   .isa = Isa::kGeneric,
                                   .strength = "element by element",
                                   .task_count = range_task_count,
                                   .run = run_range};

const DequantizeKernel generic_dequantize = {.name = "generic_dequantize",
                                             .isa = Isa::kGeneric,
                                             .strength = "element by element",
                                             .task_count = dequantize_task_count,
                                             .run = run_dequantize};

}  // namespace lode::engine
