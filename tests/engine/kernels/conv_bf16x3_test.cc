// Convolutions that multiply floats as pairs of bfloat16: every geometry, the error, what is not
// finite, and where they are chosen.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/engine/kernels/conv_runner.h"

namespace lode::engine {
namespace {

/// Those of the processor; none is no failure.
std::vector<const ConvKernel*> kernels_here() {
  std::vector<const ConvKernel*> found;
  for (const ConvKernel* kernel : conv_kernels()) {
    const bool is_one = kernel->name.find("bf16x3") != std::string_view::npos;
    if (is_one && kernel->isa <= best_isa()) found.push_back(kernel);
  }
  return found;
}

class ConvBf16x3 : public testing::Test {
 protected:
  void SetUp() override {
    if (kernels_here().empty()) GTEST_SKIP() << "this processor has no tiles for bfloat16";
  }

  /// Whole numbers of ten bits times such of two, either way round, are exact: an element that
  /// comes from elsewhere shows, and so does a term that is left out.
  static void check(const std::vector<ConvShape>& shapes) {
    for (const ConvShape& shape : shapes) {
      SCOPED_TRACE(describe(shape));
      for (const bool long_weights : {false, true}) {
        const Case data = whole_numbers(shape, long_weights ? 3 : 1023, long_weights ? 1023 : 3);
        const auto want = reference(shape, data, data.view(), {});
        for (const ConvKernel* kernel : kernels_here()) {
          ASSERT_TRUE(takes(*kernel, shape)) << kernel->refuse(shape);
          const auto got = run_kernel(*kernel, shape, data, data.view(), {});
          // Bits: NaN stands where nothing is to be written.
          EXPECT_TRUE(same_bits(got, want)) << kernel->name << first_difference(got, want, want, 0);
        }
      }
    }
  }

  static Case whole_numbers(const ConvShape& shape, std::int64_t x, std::int64_t weights) {
    Case data(shape);
    round_to(data.x, x);
    round_to(data.weights, weights);
    for (auto* values : {&data.bias, &data.residual, &data.shift}) round_to(*values, 100);
    round_to(data.scale, 2);
    return data;
  }

 private:
  static void round_to(std::vector<float>& values, std::int64_t limit) {
    for (float& value : values) value = std::round(value * static_cast<float>(limit));
  }
};

TEST_F(ConvBf16x3, EveryStrideDilationAndPadding) {
  std::vector<ConvShape> shapes;
  for (const std::int64_t kernel : {1, 2, 3, 5}) {
    for (const std::int64_t stride : {1, 2, 3, 4}) {
      for (const std::int64_t dilation : {1, 2, 3}) {
        for (const std::int64_t pad : {0, 1, 3}) {
          shapes.push_back(square(33, 20, 35, kernel, stride, pad, 1, dilation, 2));
        }
      }
    }
  }
  ConvShape uneven = square(19, 40, 33, 3, 1, 1);
  uneven.in_w = 11;
  uneven.kernel_w = 5;
  uneven.stride_w = 2;
  uneven.dilation_h = 2;
  uneven.pad_left = 3;
  uneven.pad_right = 0;
  uneven.out_h = 17;
  uneven.out_w = 5;
  shapes.push_back(uneven);
  check(shapes);
}

TEST_F(ConvBf16x3, EveryTailOfRowsColumnsAndSteps) {
  std::vector<ConvShape> shapes;
  for (std::int64_t height = 8; height <= 50; ++height) {
    shapes.push_back(square(1, 33, 17, 1, 1, 0));
    shapes.back().in_h = shapes.back().out_h = height;
  }
  for (std::int64_t channels = 17; channels <= 66; ++channels) {
    shapes.push_back(square(4, channels, 83 - channels, 1, 1, 0));
    shapes.push_back(square(5, channels - 5, channels, 3, 1, 1));
  }
  check(shapes);
}

TEST_F(ConvBf16x3, MoreThanABlock) {
  check({square(60, 64, 33, 3, 1, 1), square(61, 96, 33, 3, 2, 1, 1, 1, 2),
         square(45, 600, 20, 1, 1, 0), square(33, 500, 20, 1, 2, 0, 1, 1, 3),
         square(11, 700, 20, 3, 1, 1), square(4, 3000, 20, 3, 1, 1),
         square(7, 20, 20, 1, 1, 0, 1, 1, 40)});
}

TEST_F(ConvBf16x3, HalfWeightsResidualsAndProloguesInSlices) {
  std::vector<ConvShape> shapes = {
      square(9, 200, 70, 3, 1, 1, 1, 1, 2), square(9, 40, 70, 3, 2, 1, 1, 1, 2),
      square(9, 40, 70, 1, 2, 0, 1, 1, 3), square(6, 1300, 50, 1, 1, 0, 1, 1, 2)};
  const std::size_t plain = shapes.size();
  for (std::size_t i = 0; i < plain; ++i) {
    ConvShape shape = shapes[i];
    shape.half_weights = true;
    shapes.push_back(shape);
    shape.x_stride = shape.in_c + 7;
    shape.y_stride = shape.out_c + 3;
    shape.has_residual = true;
    shape.residual_stride = shape.out_c + 5;
    shapes.push_back(shape);
    if (!allows_prologue(shape)) continue;
    for (const ConvPrologue prologue : {ConvPrologue::kAffineRelu, ConvPrologue::kScale}) {
      shape.prologue = prologue;
      shapes.push_back(shape);
    }
  }
  check(shapes);
  check_activations(kernels_here(), shapes[4]);
  check_images_are_independent(kernels_here(), square(9, 200, 70, 3, 2, 1));
  check_images_are_independent(kernels_here(), square(5, 70, 20, 1, 1, 0));
}

// A pair holds sixteen bits.
TEST_F(ConvBf16x3, PairsHoldSixteenBits) {
  const ConvShape shape = square(8, 40, 33, 1, 1, 0);
  constexpr std::int64_t kLongest = (1 << 15) - 1;
  for (const bool long_weights : {false, true}) {
    const Case data =
        long_weights ? whole_numbers(shape, 7, kLongest) : whole_numbers(shape, kLongest, 7);
    const auto want = reference(shape, data, data.view(), {});
    for (const ConvKernel* kernel : kernels_here()) {
      EXPECT_EQ(run_kernel(*kernel, shape, data, data.view(), {}), want) << kernel->name;
    }
  }
}

// Errors of products are independent: those of long sums are far below the bound of a single one.
TEST_F(ConvBf16x3, LongSumsAreMuchMoreExactThanOneProduct) {
  for (const std::int64_t depth : {64, 256, 2048}) {
    const ConvShape shape = square(8, depth, 64, 1, 1, 0);
    const Case data(shape);
    const auto want = reference(shape, data, data.view(), {});
    for (const ConvKernel* kernel : kernels_here()) {
      const auto got = run_kernel(*kernel, shape, data, data.view(), {});
      EXPECT_EQ(first_difference(got, want, scale_of(shape, data),
                                 0x1p-15 / std::sqrt(static_cast<double>(depth))),
                "")
          << kernel->name;
    }
  }
}

/// Which outputs are NaN where one element of x or of the weights is `value`.
void expect_nan(float value, bool in_weights, bool is_nan) {
  const ConvShape shape = square(4, 40, 20, 1, 1, 0);
  constexpr std::int64_t kPixel = 5;
  constexpr std::int64_t kColumn = 18;
  Case data(shape);
  (in_weights ? data.weights : data.x)[(in_weights ? kColumn : kPixel) * shape.in_c + 21] = value;
  for (const ConvKernel* kernel : kernels_here()) {
    const auto y = run_kernel(*kernel, shape, data, data.view(), {});
    for (std::int64_t i = 0; i < std::ssize(y); ++i) {
      const bool reads_it = in_weights ? i % shape.out_c == kColumn : i / shape.out_c == kPixel;
      EXPECT_EQ(std::isnan(y[static_cast<std::size_t>(i)]), reads_it && is_nan)
          << kernel->name << " output " << i;
    }
  }
}

TEST_F(ConvBf16x3, WhatIsNotFiniteIsNotHidden) {
  using Limits = std::numeric_limits<float>;
  const float all_ones = std::bit_cast<float>(0xFFFFFFFFU);
  for (const float value : {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::signaling_NaN(),
                            all_ones, Limits::infinity(), -Limits::infinity(), Limits::max()}) {
    expect_nan(value, false, true);
    expect_nan(value, true, true);
  }
  expect_nan(0x1.FEp127F, false, false);
  expect_nan(0x1.FEp127F, true, false);
}

TEST(ConvBf16x3Choice, ManyPixelsAndLongSumsWhateverTheBatch) {
#if defined(__x86_64__)
  const auto chosen = [](const ConvShape& shape) {
    return select_conv(shape, Isa::kAvx512Amx).kernel->name;
  };
  EXPECT_EQ(chosen(square(56, 64, 64, 3, 1, 1)), "avx512amx_f32_conv_bf16x3");
  EXPECT_EQ(chosen(square(7, 320, 1280, 1, 1, 0)), "avx512amx_f32_conv_bf16x3");
  EXPECT_EQ(chosen(square(112, 17, 96, 1, 1, 0)), "avx512amx_f32_conv_bf16x3");
  EXPECT_EQ(chosen(square(112, 16, 96, 1, 1, 0)), "avx512_f32_conv");
  EXPECT_EQ(chosen(square(112, 12, 96, 3, 2, 1)), "avx512amx_f32_conv_bf16x3");
  EXPECT_EQ(chosen(square(112, 11, 96, 3, 2, 1)), "avx512_f32_conv");
  EXPECT_EQ(chosen(square(1, 960, 240, 1, 1, 0)), "avx512_f32_conv");
  EXPECT_EQ(chosen(square(1, 960, 240, 1, 1, 0, 1, 1, 64)), "avx512_f32_conv");
  EXPECT_EQ(chosen(square(14, 64, 64, 3, 1, 1, 2)), "avx512_f32_conv");
  EXPECT_EQ(chosen(square(33, 2048, 256, 3, 1, 36, 1, 36)), "avx512_f32_conv");
  EXPECT_EQ(chosen(square(33, 2048, 256, 3, 1, 6, 1, 6)), "avx512_f32_conv");
  EXPECT_EQ(chosen(square(33, 256, 256, 3, 1, 2, 1, 2)), "avx512amx_f32_conv_bf16x3");
  ConvShape narrow = square(64, 64, 64, 3, 1, 1);
  narrow.in_w = narrow.out_w = 1;
  EXPECT_EQ(chosen(narrow), "avx512_f32_conv");
  ConvShape disabled = square(56, 64, 64, 3, 1, 1);
  disabled.allow_bf16x3 = false;
  EXPECT_EQ(chosen(disabled), "avx512_f32_conv_winograd6");
  const auto without = select_conv(disabled, Isa::kAvx512Amx);
  EXPECT_NE(without.reason.find("products of bfloat16 are disabled"), std::string::npos);
#endif
}

}  // namespace
}  // namespace lode::engine
