// Integer depthwise convolutions to the last bit of qconv.h's reference, around their tiles.
#include "engine/kernels/qdwconv/qdwconv.h"

#include <gtest/gtest.h>

#include "tests/engine/kernels/bytes_runner.h"

namespace lode::engine {
namespace {

struct Window {
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t pad_begin = 1;
  std::int64_t pad_end = 1;
};

QConvShape depthwise(std::int64_t height, std::int64_t width, std::int64_t channels,
                     const Window& window) {
  QConvShape shape;
  shape.in_h = height;
  shape.in_w = width;
  shape.in_c = shape.out_c = shape.groups = channels;
  shape.kernel_h = shape.kernel_w = window.kernel;
  shape.stride_h = shape.stride_w = window.stride;
  shape.pad_top = shape.pad_left = window.pad_begin;
  shape.pad_bottom = shape.pad_right = window.pad_end;
  const std::int64_t pads = window.pad_begin + window.pad_end;
  shape.out_h = (height + pads - window.kernel) / window.stride + 1;
  shape.out_w = (width + pads - window.kernel) / window.stride + 1;
  return shape;
}

void check(const QConvShape& shape, const Activation& activation = {}, bool is_unsigned = false) {
  check_qconv(qdwconv_kernels(), shape, activation, is_unsigned);
}

TEST(QDwConv, EveryWidthAndHeightAroundATile) {
  for (const Window& window : {Window{3, 1, 1, 1}, Window{3, 2, 1, 1}, Window{3, 2, 0, 1},
                               Window{5, 1, 2, 2}, Window{5, 2, 2, 2}, Window{5, 2, 1, 2},
                               Window{3, 1, 0, 0}, Window{5, 1, 4, 4}, Window{3, 2, 3, 3}}) {
    for (std::int64_t size = 1; size <= 20; ++size) {
      if (size + window.pad_begin + window.pad_end < window.kernel) continue;
      check(depthwise(std::max(window.kernel, 21 - size), size, 9, window));
    }
  }
}

TEST(QDwConv, EveryChannelTail) {
  for (std::int64_t channels = 1; channels <= 150; ++channels) {
    check(depthwise(5, 6, channels, {3, 1, 1, 1}));
    check(depthwise(5, 6, channels, {5, 2, 2, 2}));
  }
}

TEST(QDwConv, OtherWindows) {
  check(depthwise(9, 9, 40, {7, 1, 3, 3}));
  check(depthwise(9, 9, 40, {1, 1, 0, 0}));
  check(depthwise(9, 9, 40, {3, 3, 1, 1}));
  QConvShape shape = depthwise(9, 9, 40, {3, 1, 2, 2});
  shape.dilation_h = shape.dilation_w = 2;
  shape.out_h = shape.out_w = 9;
  check(shape);
  shape = depthwise(9, 9, 40, {3, 1, 1, 1});
  shape.kernel_w = 5;
  shape.pad_left = shape.pad_right = 2;
  check(shape);
}

TEST(QDwConv, OutputsResidualsActivationsAndSlices) {
  for (const QOutput output : {QOutput::kUint8, QOutput::kFloat}) {
    for (const Activation& activation : all_activations()) {
      if (activation.kind == ActivationKind::kSigmoid || activation.kind == ActivationKind::kSilu) {
        continue;
      }
      QConvShape shape = depthwise(7, 8, 44, {3, 1, 1, 1});
      shape.batch = 2;
      shape.output = output;
      check(shape, activation);
      shape.x_stride = 50;
      shape.y_stride = 60;
      check(shape, activation);
      shape.has_residual = true;
      shape.residual_stride = 47;
      check(shape, activation);
      if (output == QOutput::kFloat) continue;
      shape.adds_bytes = true;
      check(shape, activation);
    }
  }
}

TEST(QDwConv, WeightsAndScalesOfEveryKind) {
  for (const bool is_unsigned : {false, true}) {
    QConvShape shape = depthwise(7, 8, 44, {3, 1, 1, 1});
    shape.has_weight_zeros = true;
    check(shape, {}, is_unsigned);
  }
  QConvShape shape = depthwise(7, 8, 72, {3, 1, 1, 1});
  shape.weight_bits = 7;
  check(shape);
  shape = depthwise(7, 8, 72, {5, 1, 2, 2});
  shape.batch = 3;
  shape.is_dynamic = true;
  shape.output = QOutput::kFloat;
  check(shape, {ActivationKind::kRelu, 0.0F, 0.0F});
}

TEST(QDwConv, RangesOfEachImageWhateverTheCut) {
  for (std::int64_t channels = 1; channels <= 150; ++channels) {
    check_ranges(qdwconv_kernels(), true, depthwise(5, 6, channels, {3, 1, 1, 1}));
  }
  for (const Activation& activation : all_activations()) {
    for (const std::int64_t workers : {1, 2, 3}) {
      QConvShape shape = depthwise(23, 9, 140, {3, 1, 1, 1});
      shape.batch = 3;
      shape.workers = workers;
      check_ranges(qdwconv_kernels(), true, shape, activation);
      shape.y_stride = 150;
      check_ranges(qdwconv_kernels(), true, shape, activation);
      check_ranges(qdwconv_kernels(), true, depthwise(9, 9, 40, {7, 1, 3, 3}), activation);
    }
  }
}

TEST(QDwConv, ManyBandsOfManyImages) {
  QConvShape shape = depthwise(57, 33, 40, {3, 1, 1, 1});
  shape.batch = 2;
  shape.workers = 2;
  check(shape);
  check(depthwise(14, 14, 1000, {3, 2, 1, 1}));
}

}  // namespace
}  // namespace lode::engine
