// Every convolution variant, depthwise ones included, against the reference at the edges of tiles:
// odd channels, tails, paddings, dilations, groups, strides.
#include "engine/kernels/conv/conv.h"

#include <gtest/gtest.h>

#include "engine/kernels/dwconv/dwconv.h"
#include "tests/engine/kernels/conv_runner.h"

namespace lode::engine {
namespace {

ConvShape asymmetric() {
  ConvShape shape;
  shape.in_h = 9;
  shape.in_w = 13;
  shape.in_c = 5;
  shape.out_c = 11;
  shape.kernel_h = 2;
  shape.kernel_w = 5;
  shape.stride_h = 1;
  shape.stride_w = 2;
  shape.dilation_h = 3;
  shape.pad_top = 2;
  shape.pad_left = 1;
  shape.pad_bottom = 0;
  shape.pad_right = 3;
  shape.out_h = (9 + 2 - 3 - 1) / 1 + 1;
  shape.out_w = (13 + 4 - 4 - 1) / 2 + 1;
  return shape;
}

std::vector<ConvShape> conv_shapes() {
  std::vector<ConvShape> shapes = {
      square(7, 3, 8, 3, 2, 1),
      square(5, 16, 24, 1, 1, 0),
      square(5, 7, 9, 1, 1, 0),
      square(6, 7, 9, 1, 2, 0),
      square(6, 4, 5, 1, 1, 1),
      square(8, 8, 17, 3, 1, 1),
      square(9, 5, 3, 5, 2, 2),
      square(11, 4, 6, 3, 1, 2, 2, 2),
      square(6, 12, 18, 3, 1, 1, 3),
      square(6, 12, 24, 1, 1, 0, 4),
      square(3, 600, 10, 1, 1, 0),
      square(4, 70, 33, 3, 1, 1),
      square(1, 2048, 3, 1, 1, 0),
      square(20, 3, 1, 7, 3, 3),
      square(2, 1, 1, 3, 1, 2),
      square(4, 6, 6, 3, 1, 1, 6),
      square(5, 16, 40, 1, 1, 0, 1, 1, 3),
      asymmetric(),
      square(3, 2, 4, 3, 1, 3),  // windows that lie in the padding alone
  };
  // More rows than a block, more depth than a slice, more tasks than one.
  shapes.push_back(square(20, 70, 150, 1, 1, 0, 1, 1, 2));
  shapes.push_back(square(9, 200, 100, 3, 1, 1));
  shapes.push_back(square(3, 1400, 70, 1, 1, 0));
  for (const std::int64_t channels : {23, 24, 25, 47, 48, 49, 63, 64, 65, 79, 80, 81, 129, 160}) {
    shapes.push_back(square(5, 6, channels, 1, 1, 0));
  }
  // Output pixels and channels on both sides of every tile.
  for (const std::int64_t size : {1, 2, 3, 4, 5, 13, 14, 15}) {
    shapes.push_back(square(size, 9, 15, 1, 1, 0));
    shapes.push_back(square(size, 3, 16, 3, 1, 1));
  }
  for (std::int64_t channels = 1; channels <= 18; ++channels) {
    shapes.push_back(square(3, channels, 19 - channels, 3, 1, 1));
  }
  return shapes;
}

/// First layers: few channels, NCHW.
std::vector<ConvShape> stem_shapes() {
  std::vector<ConvShape> shapes;
  for (const std::int64_t channels : {1, 3, 4}) {
    for (const std::int64_t outputs : {7, 16, 24, 32, 48, 64, 70, 100}) {
      shapes.push_back(square(13, channels, outputs, 3, 2, 1));
      shapes.push_back(square(31, channels, outputs, 3, 1, 1, 1, 1, 2));
    }
    shapes.push_back(square(41, channels, 64, 7, 2, 3));
    shapes.push_back(square(6, channels, 20, 5, 2, 4));
  }
  shapes.push_back(asymmetric());
  shapes.back().in_c = 3;
  shapes.back().dilation_h = 1;
  shapes.back().out_h = (9 + 2 - 1 - 1) / 1 + 1;
  shapes.push_back(square(224, 3, 32, 3, 2, 1));
  shapes.back().y_stride = 40;
  for (ConvShape& shape : shapes) shape.x_is_plain = true;
  return shapes;
}

/// 3x3 kernels at stride 1 by Winograd, whatever it costs.
std::vector<ConvShape> winograd_shapes(std::int64_t outputs) {
  std::vector<ConvShape> shapes;
  for (const std::int64_t size : {1, 2, 3, 4, 5, 6, 7, 11, 13}) {
    shapes.push_back(square(size, 5, 9, 3, 1, 1));
    shapes.push_back(square(size + 2, 17, 35, 3, 1, 0, 1, 1, 2));
  }
  shapes.push_back(square(8, 3, 150, 3, 1, 2));
  shapes.push_back(square(24, 16, 16, 3, 1, 1));
  shapes.push_back(square(40, 40, 200, 3, 1, 1));
  for (const bool half : {false, true}) {
    ConvShape shape = square(9, 12, 70, 3, 1, 1, 1, 1, 2);
    shape.half_weights = half;
    shape.x_stride = 15;
    shape.y_stride = 77;
    shapes.push_back(shape);
    shape.has_residual = true;
    shape.residual_stride = 74;
    shapes.push_back(shape);
  }
  ConvShape uneven = square(7, 6, 20, 3, 1, 1);
  uneven.in_w = 12;
  uneven.pad_left = 0;
  uneven.pad_right = 2;
  uneven.out_w = 12;
  shapes.push_back(uneven);
  for (ConvShape& shape : shapes) shape.winograd_outputs = outputs;
  return shapes;
}

/// Everything beyond a plain convolution: slices of wider buffers, residuals, prologues, halves.
std::vector<ConvShape> decorated_shapes() {
  std::vector<ConvShape> shapes;
  for (ConvShape shape : {square(5, 20, 37, 1, 1, 0, 1, 1, 2), square(9, 16, 64, 1, 2, 0),
                          square(3, 1200, 20, 1, 1, 0),  // more channels than a slice
                          square(9, 37, 20, 1, 1, 0, 1, 1, 2), square(6, 7, 18, 3, 1, 1, 1, 1, 2),
                          square(7, 12, 24, 3, 2, 1, 2)}) {
    for (const bool half : {false, true}) {
      shape.half_weights = half;
      shape.has_residual = false;
      shape.x_stride = shape.in_c + 5;
      shape.y_stride = shape.out_c + 3;
      shapes.push_back(shape);
      shape.has_residual = true;
      shape.residual_stride = shape.out_c + 7;
      shapes.push_back(shape);
      shape.x_stride = shape.y_stride = shape.residual_stride = 0;
      shapes.push_back(shape);
      if (!allows_prologue(shape)) continue;
      for (const auto prologue : {ConvPrologue::kAffineRelu, ConvPrologue::kScale}) {
        ConvShape with = shape;
        with.prologue = prologue;
        shapes.push_back(with);
        with.x_stride = shape.in_c + 9;
        shapes.push_back(with);
      }
    }
  }
  return shapes;
}

/// Shapes of any kind that ONNX allows, small ones.
std::vector<ConvShape> random_shapes(bool depthwise) {
  Rng rng = make_rng(5, depthwise ? "depthwise shapes" : "shapes");
  const auto up_to = [&](std::uint32_t most) {
    return 1 + static_cast<std::int64_t>(uniform_below(rng, most));
  };
  std::vector<ConvShape> shapes;
  while (shapes.size() < 150) {
    ConvShape shape;
    shape.batch = up_to(2);
    shape.in_h = up_to(12);
    shape.in_w = up_to(12);
    shape.kernel_h = up_to(4);
    shape.kernel_w = up_to(4);
    shape.stride_h = up_to(3);
    shape.stride_w = up_to(3);
    shape.dilation_h = up_to(3);
    shape.dilation_w = up_to(3);
    shape.pad_top = up_to(4) - 1;
    shape.pad_left = up_to(4) - 1;
    shape.pad_bottom = up_to(4) - 1;
    shape.pad_right = up_to(4) - 1;
    shape.groups = depthwise ? up_to(40) : up_to(3);
    shape.in_c = shape.groups * (depthwise ? 1 : up_to(12));
    shape.out_c = shape.groups * (depthwise ? 1 : up_to(20));
    if (shapes.size() % 3 == 0) {  // what has kernels of its own
      shape.kernel_h = shape.kernel_w = depthwise ? 1 + 2 * up_to(2) : 1;
      shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = 0;
      if (depthwise) {
        shape.stride_h = shape.stride_w = up_to(2);
        shape.dilation_h = shape.dilation_w = 1;
        shape.pad_top = shape.pad_left = up_to(4) - 1;
      }
    }
    const std::int64_t room_h =
        shape.in_h + shape.pad_top + shape.pad_bottom - (shape.kernel_h - 1) * shape.dilation_h - 1;
    const std::int64_t room_w =
        shape.in_w + shape.pad_left + shape.pad_right - (shape.kernel_w - 1) * shape.dilation_w - 1;
    if (room_h < 0 || room_w < 0) continue;
    shape.out_h = room_h / shape.stride_h + 1;
    shape.out_w = room_w / shape.stride_w + 1;
    shapes.push_back(shape);
  }
  return shapes;
}

std::vector<ConvShape> depthwise_shapes() {
  std::vector<ConvShape> shapes;
  for (const std::int64_t channels : {1, 2, 3, 4, 5, 8, 15, 16, 17, 19, 32, 35, 67}) {
    for (const std::int64_t kernel : {1, 3, 5}) {
      for (const std::int64_t stride : {1, 2}) {
        shapes.push_back(square(7, channels, channels, kernel, stride, kernel / 2, channels));
      }
    }
  }
  shapes.push_back(square(9, 6, 6, 3, 1, 2, 6, 2));
  shapes.push_back(square(2, 6, 6, 5, 1, 2, 6));
  shapes.push_back(square(5, 21, 21, 3, 1, 0, 21, 1, 3));
  shapes.push_back(square(40, 64, 64, 3, 2, 1, 64));
  return shapes;
}

TEST(Conv, EveryVariantMatchesTheReference) {
  check_family(conv_kernels(), conv_shapes());
}

TEST(Conv, EveryStemVariantMatchesTheReference) {
  check_family(conv_kernels(), stem_shapes());
  const bool has_tiles = best_isa() >= Isa::kAvx2;
  EXPECT_EQ(takes_plain_input(stem_shapes().front(), best_isa()), has_tiles);
  EXPECT_FALSE(takes_plain_input(stem_shapes().front(), Isa::kGeneric));
}

TEST(Conv, EveryVariantTakesSlicesResidualsProloguesAndHalves) {
  check_family(conv_kernels(), decorated_shapes());
}

TEST(Conv, EveryVariantMatchesTheReferenceOnRandomShapes) {
  check_family(conv_kernels(), random_shapes(false));
}

TEST(DwConv, EveryVariantMatchesTheReferenceOnRandomShapes) {
  check_family(dwconv_kernels(), random_shapes(true));
}

TEST(DwConv, EveryVariantMatchesTheReference) {
  check_family(dwconv_kernels(), depthwise_shapes());
}

TEST(Conv, FusesBiasAndEveryActivation) {
  check_activations(conv_kernels(), square(6, 10, 21, 3, 1, 1));
  check_activations(conv_kernels(), square(5, 10, 21, 1, 1, 0));
}

TEST(DwConv, FusesBiasAndEveryActivation) {
  check_activations(dwconv_kernels(), square(6, 23, 23, 3, 1, 1, 23));
}

TEST(Conv, AnImageDoesNotDependOnItsBatch) {
  check_images_are_independent(conv_kernels(), square(7, 13, 21, 3, 1, 1));
  check_images_are_independent(conv_kernels(), square(7, 13, 21, 1, 1, 0));
  check_images_are_independent(conv_kernels(), square(15, 13, 21, 1, 2, 0));
  ConvShape scaled = square(9, 13, 37, 1, 1, 0);
  scaled.prologue = ConvPrologue::kAffineRelu;
  check_images_are_independent(conv_kernels(), scaled);
  scaled.prologue = ConvPrologue::kScale;
  check_images_are_independent(conv_kernels(), scaled);
  scaled.out_c = 7;  // fewer than the pixels: the weights are scaled
  check_images_are_independent(conv_kernels(), scaled);
}

TEST(DwConv, AnImageDoesNotDependOnItsBatch) {
  check_images_are_independent(dwconv_kernels(), square(7, 13, 13, 3, 1, 1, 13));
}

TEST(Conv, WinogradMatchesTheReference) {
  for (const std::int64_t outputs : {2, 4, 6}) {
    int variants = 0;
    for (const ConvKernel* kernel : conv_kernels()) {
      if (!is_winograd(*kernel)) continue;
      if (!takes(*kernel, winograd_shapes(outputs).front())) continue;
      ++variants;
      check_family({&kernel, 1}, winograd_shapes(outputs));
      check_activations({&kernel, 1}, winograd_shapes(outputs)[15]);
      check_images_are_independent({&kernel, 1}, winograd_shapes(outputs)[14]);
    }
    EXPECT_EQ(variants, best_isa() >= Isa::kAvx512 ? 2 : best_isa() >= Isa::kAvx2 ? 1 : 0);
  }
}

TEST(Conv, WinogradIsChosenWhereItPaysWhateverTheBatch) {
  if (best_isa() < Isa::kAvx512) GTEST_SKIP() << "this machine has no AVX-512";
  const auto chosen = [](ConvShape shape) {
    return std::string(select_conv(shape, Isa::kAvx512).kernel->name);
  };
  EXPECT_EQ(chosen(square(28, 128, 128, 3, 1, 1)), "avx512_f32_conv_winograd4");
  EXPECT_EQ(chosen(square(56, 64, 64, 3, 1, 1)), "avx512_f32_conv_winograd6");
  EXPECT_EQ(chosen(square(7, 512, 512, 3, 1, 1)), "avx512_f32_conv_winograd2");
  EXPECT_EQ(chosen(square(56, 64, 64, 3, 2, 1)), "avx512_f32_conv");
  EXPECT_EQ(chosen(square(56, 64, 64, 1, 1, 0)), "avx512_f32_conv");
  EXPECT_EQ(chosen(square(1, 64, 64, 3, 1, 1)), "avx512_f32_conv");
  ConvShape disabled = square(56, 64, 64, 3, 1, 1);
  disabled.allow_winograd = false;
  EXPECT_EQ(chosen(disabled), "avx512_f32_conv");
  EXPECT_NE(select_conv(disabled, Isa::kAvx512).reason.find("Winograd is disabled"),
            std::string::npos);
  for (const std::int64_t size : {7, 14, 28, 56}) {
    ConvShape shape = square(size, 256, 256, 3, 1, 1);
    const std::string alone = chosen(shape);
    shape.batch = 64;
    EXPECT_EQ(chosen(shape), alone) << size;
  }
}

TEST(Conv, APaddedTapAddsNothing) {
  const ConvShape shape = square(3, 2, 4, 3, 1, 1);
  Case data(shape);
  std::fill(data.x.begin(), data.x.end(), 1.0F);
  std::fill(data.weights.begin(), data.weights.end(), 1.0F);
  for (const ConvKernel* kernel : conv_kernels()) {
    if (!takes(*kernel, shape)) continue;
    const auto y = run_kernel(*kernel, shape, data, data.view(false), Activation{});
    EXPECT_EQ(y[0], 8.0F) << kernel->name;       // corner: 4 taps of 2 channels
    EXPECT_EQ(y[4], 12.0F) << kernel->name;      // edge
    EXPECT_EQ(y[4 * 4], 18.0F) << kernel->name;  // centre
  }
}

TEST(Conv, SelectionIsAFunctionOfTheShapeAndSaysWhy) {
  const auto pointwise = select_conv(square(7, 16, 16, 1, 1, 0), Isa::kGeneric);
  EXPECT_EQ(pointwise.kernel->name, "eigen_f32_conv_1x1");
  const auto padded = select_conv(square(7, 16, 16, 1, 1, 1), Isa::kGeneric);
  EXPECT_EQ(padded.kernel->name, "eigen_f32_conv_im2col");
  EXPECT_NE(padded.reason.find("not eigen_f32_conv_1x1: the kernel is not 1x1 without padding"),
            std::string::npos)
      << padded.reason;
  for (const Isa isa : kAllIsas) {
    const auto selected = select_conv(square(7, 3, 16, 3, 2, 1), isa);
    ASSERT_NE(selected.kernel, nullptr);
    EXPECT_LE(selected.kernel->isa, isa);
  }
}

TEST(Conv, NamesAreUnique) {
  std::vector<std::string_view> names;
  for (const ConvKernel* kernel : conv_kernels()) names.push_back(kernel->name);
  for (const ConvKernel* kernel : dwconv_kernels()) names.push_back(kernel->name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(Conv, TapsInsideCountsWhatLiesInTheInput) {
  const auto expect = [](TapRange range, std::int64_t begin, std::int64_t end) {
    EXPECT_EQ(range.begin, begin);
    EXPECT_EQ(range.end, end);
  };
  expect(taps_inside(0, 1, 3, 5), 0, 3);
  expect(taps_inside(-1, 1, 3, 5), 1, 3);
  expect(taps_inside(3, 1, 3, 5), 0, 2);
  expect(taps_inside(-3, 2, 3, 5), 2, 3);
  expect(taps_inside(5, 1, 3, 5), 0, 0);
  EXPECT_EQ(taps_inside(-9, 2, 3, 5).begin, taps_inside(-9, 2, 3, 5).end);
}

/// Each by the kernels that take it: whoever shares the tasks, the bits are the same, and the grid
/// that prepare() puts into the shape is the one that the tasks would find.
TEST(Conv, TheCutChangesNothing) {
  std::vector<ConvShape> shapes = {square(20, 70, 150, 1, 1, 0, 1, 1, 2),
                                   square(15, 24, 200, 3, 1, 1), square(41, 3, 64, 7, 2, 3),
                                   square(9, 1200, 70, 1, 1, 0)};
  // Tasks that begin in the middle of a row, halos, and slices of half weights.
  shapes.push_back(square(15, 40, 100, 1, 2, 0, 1, 1, 3));
  shapes.push_back(square(17, 24, 100, 3, 2, 2, 1, 2, 2));
  shapes.push_back(square(9, 200, 70, 3, 1, 1, 1, 1, 2));
  shapes.back().half_weights = true;
  shapes[2].x_is_plain = true;
  shapes[3].prologue = ConvPrologue::kAffineRelu;
  shapes.push_back(square(24, 40, 200, 3, 1, 1));
  shapes.back().winograd_outputs = 4;
  for (const ConvShape& alone : shapes) {
    const Case data(alone);
    for (const ConvKernel* kernel : conv_kernels()) {
      if (!takes(*kernel, alone) || reads_plain(*kernel) != alone.x_is_plain) continue;
      const auto want = run_kernel(*kernel, alone, data, data.view(), {});
      for (const std::int64_t workers : {1, 2, 3, 4, 8}) {
        ConvShape shape = alone;
        shape.workers = workers;
        EXPECT_EQ(run_kernel(*kernel, shape, data, data.view(), {}), want) << kernel->name;
        if (kernel->prepare == nullptr) continue;
        ConvShape prepared = shape;
        kernel->prepare(prepared);
        EXPECT_EQ(kernel->task_count(prepared), kernel->task_count(shape)) << kernel->name;
        EXPECT_EQ(run_kernel(*kernel, prepared, data, data.view(), {}), want) << kernel->name;
      }
    }
  }
}

}  // namespace
}  // namespace lode::engine
