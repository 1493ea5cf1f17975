// Integer convolutions to the last bit of their reference: hand-computed cases for the reference
// itself, then every variant around its tiles.
#include "engine/kernels/qconv/qconv.h"

#include <gtest/gtest.h>

#include "engine/kernels/qeltwise/qeltwise.h"
#include "tests/engine/kernels/bytes_runner.h"

namespace lode::engine {
namespace {

// ---- the reference

struct HandMade {
  std::vector<std::uint8_t> x = {10, 20, 30, 250};
  std::vector<std::int8_t> w = {1, -2, 3, 4};
  std::vector<std::int32_t> bias = {7};
  std::vector<float> scales = {0.5F};
  QConvShape shape = square_qconv(1, 4, 1);
  QConvWeights weights{.oihw = w.data(),
                       .scales = scales.data(),
                       .bias = bias.data(),
                       .x_scale = 2.0F,
                       .x_zero = 20,
                       .y_scale = 4.0F,
                       .y_zero = 3};

  std::uint8_t run(const Activation& activation = {}) {
    std::uint8_t y = 0;
    qconv_reference(shape, weights, {.x = x.data(), .y = &y, .activation = activation});
    return y;
  }
};

TEST(QConvReference, ByHand) {
  HandMade hand;
  // (-10)*1 + 0*-2 + 10*3 + 230*4 + 7 = 947; 947 * 2 * 0.5 / 4 = 236.75; 237 + 3.
  EXPECT_EQ(hand.run(), 240);
  hand.x = {10, 20, 20, 20};  // -10 + 7 = -3; -3 * 0.25 = -0.75; -1 + 3
  EXPECT_EQ(hand.run(), 2);
  EXPECT_EQ(hand.run({ActivationKind::kRelu, 0.0F, 0.0F}), 3);
  EXPECT_EQ(hand.run({ActivationKind::kClip, 8.0F, 100.0F}), 5);  // real 8 is two steps
  hand.x = {15, 20, 20, 20};                                      // -5 + 7 = 2; 0.5 rounds to 0
  EXPECT_EQ(hand.run(), 3);
  hand.x = {19, 20, 20, 20};  // 6; 1.5 rounds to 2
  EXPECT_EQ(hand.run(), 5);
}

TEST(QConvReference, WeightZeroPointsAndUnsignedWeights) {
  HandMade hand;
  const std::vector<std::int32_t> zeros = {2};
  hand.weights.zeros = zeros.data();
  hand.shape.has_weight_zeros = true;
  hand.x = {22, 20, 20, 30};  // 2*(1-2) + 10*(4-2) + 7 = 25; 6.25
  EXPECT_EQ(hand.run(), 9);
  hand.w[3] = static_cast<std::int8_t>(200);
  hand.weights.is_unsigned = true;
  hand.x = {20, 20, 20, 21};  // 200 - 2 + 7 = 205; 51.25
  EXPECT_EQ(hand.run(), 54);
}

TEST(QConvReference, DynamicAndResidual) {
  HandMade hand;
  hand.shape.is_dynamic = true;
  hand.shape.output = QOutput::kFloat;
  hand.shape.has_residual = true;
  hand.weights.bias = nullptr;
  const std::vector<float> float_bias = {0.25F};
  hand.weights.float_bias = float_bias.data();
  const float x_scale = 0.125F;
  const std::uint8_t x_zero = 10;
  const float residual = 1.0F;
  float y = 0.0F;
  QConvArguments arguments;
  arguments.x = hand.x.data();
  arguments.y = &y;
  arguments.residual = &residual;
  arguments.x_scales = &x_scale;
  arguments.x_zeros = &x_zero;
  qconv_reference(hand.shape, hand.weights, arguments);
  // 0 - 20 + 60 + 960 = 1000; times 0.125 * 0.5, + 0.25 + 1
  EXPECT_EQ(y, 63.75F);
}

TEST(QConvReference, AddsTheByteThatIsStored) {
  HandMade hand;
  hand.shape.has_residual = hand.shape.adds_bytes = true;
  hand.weights.residual_scale = 0.5F;
  hand.weights.residual_zero = 10;
  hand.weights.sum_scale = 2.0F;
  hand.weights.sum_zero = 1;
  std::uint8_t residual = 15;
  const auto run = [&](const Activation& activation = {}) {
    std::uint8_t y = 0;
    QConvArguments arguments{.x = hand.x.data(), .y = &y, .activation = activation};
    arguments.residual = &residual;
    qconv_reference(hand.shape, hand.weights, arguments);
    return y;
  };
  hand.x = {19, 20, 20, 20};  // 6; 1.5 rounds to 2, times 4 / 2; 5 * 0.5 / 2; 5.25 rounds to 5
  EXPECT_EQ(run(), 6);
  residual = 0;
  hand.x = {10, 20, 20, 20};  // -3; -0.75 rounds to -1; -2 - 2.5 = -4.5 rounds to -4, cut at -1
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(run({ActivationKind::kRelu, 0.0F, 0.0F}), 1);
  // Steps below the own zero point, 3 of them, are cut in front of the sum: -6 + 61.25 = 55.25.
  residual = 255;
  hand.x = {200, 220, 20, 20};
  hand.w = {-1, -1, 0, 0};
  EXPECT_EQ(run(), 56);
}

// ---- the variants

void check(const QConvShape& shape, const Activation& activation = {}, bool is_unsigned = false) {
  check_qconv(qconv_kernels(), shape, activation, is_unsigned);
}

TEST(QConv, EveryNumberOfRowsAndColumns) {
  for (std::int64_t columns = 1; columns <= 140; columns += columns < 70 ? 1 : 7) {
    QConvShape shape = square_qconv(1, 36, columns);
    shape.in_w = shape.out_w = columns % 17 + 1;
    check(shape);
  }
  for (std::int64_t rows = 1; rows <= 50; ++rows) {
    for (const std::int64_t columns : {16, 32, 48, 64}) {
      for (const std::int64_t depth : {20, 100}) {
        QConvShape shape = square_qconv(1, depth, columns);
        shape.in_w = shape.out_w = rows;
        check(shape);
      }
    }
  }
}

TEST(QConv, EveryDepth) {
  for (std::int64_t depth = 1; depth <= 140; ++depth) {
    check(square_qconv(3, depth, 24));
    check(square_qconv(4, depth, 9, 3, 1, 1));
  }
  check(square_qconv(2, 1500, 70));
}

TEST(QConv, WindowsStridesDilationsPaddings) {
  check(square_qconv(9, 3, 40, 7, 2, 3));
  check(square_qconv(9, 16, 24, 3, 2, 1));
  check(square_qconv(9, 20, 24, 5, 1, 4));
  check(square_qconv(7, 16, 16, 1, 2, 0));
  check(square_qconv(5, 16, 16, 1, 1, 2));
  QConvShape shape = square_qconv(11, 16, 33, 3, 1, 2);
  shape.dilation_h = shape.dilation_w = 2;
  check(shape);
  shape = square_qconv(11, 5, 33, 3, 1, 2);
  shape.dilation_h = shape.dilation_w = 2;
  check(shape);
  shape = square_qconv(11, 16, 20, 3, 1, 0);
  shape.kernel_w = 1;
  shape.out_w = 11;
  check(shape);
}

TEST(QConv, GroupsAndBatches) {
  for (const std::int64_t groups : {2, 4}) {
    check(square_qconv(6, 16 * groups, 20 * groups, 3, 1, 1, groups));
    check(square_qconv(6, 6 * groups, 3 * groups, 3, 1, 1, groups));
  }
  QConvShape shape = square_qconv(13, 24, 80, 3, 1, 1);
  shape.batch = 3;
  check(shape);
  shape = square_qconv(1, 256, 100);
  shape.batch = 35;
  check(shape);
}

TEST(QConv, OutputsResidualsActivationsAndSlices) {
  for (const QOutput output : {QOutput::kUint8, QOutput::kFloat}) {
    for (const Activation& activation : all_activations()) {
      const bool is_exact =
          activation.kind != ActivationKind::kSigmoid && activation.kind != ActivationKind::kSilu;
      if (!is_exact) continue;
      QConvShape shape = square_qconv(7, 20, 44, 3, 1, 1);
      shape.output = output;
      check(shape, activation);
      shape.has_residual = true;
      check(shape, activation);
      shape.x_stride = 31;
      shape.y_stride = 50;
      shape.residual_stride = 47;
      check(shape, activation);
      if (output == QOutput::kFloat) continue;
      shape.adds_bytes = true;
      check(shape, activation);
    }
  }
}

/// A convolution that adds bytes.
QConvShape with_sum(QConvShape shape) {
  shape.has_residual = shape.adds_bytes = true;
  return shape;
}

TEST(QConv, AddsBytesInEveryTile) {
  for (std::int64_t rows = 1; rows <= 34; ++rows) {
    for (const std::int64_t columns : {1, 7, 16, 17, 32, 40, 48, 63, 64, 65, 130}) {
      QConvShape shape = with_sum(square_qconv(1, 36, columns));
      shape.in_w = shape.out_w = rows;
      check(shape, rows % 2 == 0 ? Activation{} : Activation{ActivationKind::kRelu, 0.0F, 0.0F});
    }
  }
  QConvShape shape = with_sum(square_qconv(5, 70, 48, 3, 1, 1));
  shape.weight_bits = 7;
  check(shape);
  shape.has_weight_zeros = true;
  check(shape);
}

TEST(QConv, AddsWhatItStoresAsASumOfBytesDoes) {
  for (const Activation& activation : all_activations()) {
    QConvShape alone = square_qconv(7, 20, 44, 3, 1, 1);
    if (!allows_activation(alone, activation.kind)) continue;
    const QConvData data(alone);
    const std::vector<std::uint8_t> stored = qconv_reference_of(alone, data);
    std::vector<std::uint8_t> want(stored.size());
    const Shape extents{static_cast<std::int64_t>(want.size())};
    qbinary_reference(binary_shape(BinaryOp::kAdd, extents, extents.strides(), extents.strides(),
                                   extents.strides()),
                      {.a = stored.data(),
                       .b = data.residual.data(),
                       .y = want.data(),
                       .a_scale = {data.weights.y_scale, data.weights.y_zero},
                       .b_scale = {data.weights.residual_scale, data.weights.residual_zero},
                       .y_scale = {data.weights.sum_scale, data.weights.sum_zero},
                       .activation = activation});
    EXPECT_EQ(first_unequal(qconv_reference_of(with_sum(alone), data, activation), want), "");
  }
}

TEST(QConv, AddsBytesOfAnyScale) {
  for (const float scale : {1e-7F, 1e-3F, 0.3F, 1e4F}) {
    for (const float residual_scale : {1e-7F, 0.3F, 1e8F}) {
      for (const float sum_scale : {1e-7F, 0.021F, 1e4F}) {
        const QConvShape shape = with_sum(square_qconv(4, 40, 70));
        QConvData data(shape);
        data.weights.y_scale = scale;
        data.weights.residual_scale = residual_scale;
        data.weights.sum_scale = sum_scale;
        check_qconv_on(qconv_kernels(), shape, data);
      }
    }
  }
}

TEST(QConv, WeightsOfEveryKind) {
  for (const bool is_unsigned : {false, true}) {
    for (const std::int64_t in_c : {7, 32}) {
      QConvShape shape = square_qconv(6, in_c, 40, 3, 1, 1);
      shape.has_weight_zeros = true;
      check(shape, {}, is_unsigned);
      shape.groups = in_c == 32 ? 2 : 1;
      check(shape, {}, is_unsigned);
    }
  }
  for (const std::int64_t depth : {16, 64, 70, 512}) {
    QConvShape shape = square_qconv(5, depth, 48, 3, 1, 1);
    shape.weight_bits = 7;
    check(shape);
  }
}

TEST(QConv, EachImageHasItsOwnScale) {
  for (const bool has_weight_zeros : {false, true}) {
    for (const std::int64_t kernel : {1, 3}) {
      QConvShape shape = square_qconv(kernel == 1 ? 3 : 7, 24, 40, kernel, 1, kernel / 2);
      shape.batch = 5;
      shape.is_dynamic = true;
      shape.output = QOutput::kFloat;
      shape.has_weight_zeros = has_weight_zeros;
      check(shape, {ActivationKind::kClip, -0.5F, 0.75F});
      shape.has_residual = true;
      check(shape);
    }
  }
}

TEST(QConv, RangesOfEachImageWhateverTheCut) {
  for (std::int64_t columns = 1; columns <= 70; ++columns) {
    check_ranges(qconv_kernels(), false, square_qconv(3, 40, columns));
  }
  for (const Activation& activation : all_activations()) {
    for (const std::int64_t kernel : {1, 3}) {
      for (const std::int64_t workers : {1, 2, 3}) {
        QConvShape shape = square_qconv(16, 36, 90, kernel, 1, kernel / 2);
        shape.batch = 3;
        shape.workers = workers;
        check_ranges(qconv_kernels(), false, shape, activation);
        shape.has_residual = true;
        shape.y_stride = 100;
        check_ranges(qconv_kernels(), false, shape, activation);
      }
    }
  }
}

TEST(QConv, ExtremesDoNotSaturate) {
  QConvShape shape = square_qconv(4, 640, 64);
  QConvData data(shape);
  for (const int weight : {-128, 127}) {
    std::fill(data.w.begin(), data.w.end(), static_cast<std::int8_t>(weight));
    std::fill(data.x.begin(), data.x.end(), std::uint8_t{255});
    data.weights.y_scale = 100.0F;
    const auto want = qconv_reference_of(shape, data);
    for (const QConvKernel* kernel : qconv_kernels()) {
      if (!takes(*kernel, shape)) continue;
      EXPECT_EQ(run_qconv(*kernel, shape, data), want) << kernel->name;
    }
  }
}

TEST(QConv, TheCutChangesNothing) {
  for (const std::int64_t workers : {1, 2, 3, 8}) {
    QConvShape shape = square_qconv(20, 32, 200, 3, 1, 1);
    shape.workers = workers;
    check(shape);
    for (const QConvKernel* kernel : qconv_kernels()) {
      if (!takes(*kernel, shape)) continue;
      QConvShape prepared = shape;
      kernel->prepare(prepared);
      EXPECT_EQ(kernel->task_count(prepared), kernel->task_count(shape));
    }
  }
}

TEST(QConv, TilesAreForLongSumsAndManyRows) {
  const auto name = [](std::int64_t size, std::int64_t in_c) {
    return select_qconv(square_qconv(size, in_c, 64), Isa::kAvx512Amx).kernel->name;
  };
#if defined(__x86_64__)
  EXPECT_EQ(name(3, 33), "avx512amx_u8_conv");
  EXPECT_EQ(name(3, 32), "avx512vnni_u8_conv");
  EXPECT_EQ(name(2, 64), "avx512vnni_u8_conv");
#endif
}

TEST(QConv, SigmoidAndSiluInFloat) {
  QConvShape shape = square_qconv(6, 20, 24, 3, 1, 1);
  shape.output = QOutput::kFloat;
  const QConvData data(shape);
  for (const ActivationKind kind : {ActivationKind::kSigmoid, ActivationKind::kSilu}) {
    const auto want = qconv_reference_of(shape, data, {kind, 0.0F, 0.0F});
    for (const QConvKernel* kernel : qconv_kernels()) {
      if (!takes(*kernel, shape)) continue;
      const auto got = run_qconv(*kernel, shape, data, {kind, 0.0F, 0.0F});
      for (std::size_t i = 0; i < got.size(); i += sizeof(float)) {
        float pair[2];
        std::memcpy(&pair[0], got.data() + i, sizeof(float));
        std::memcpy(&pair[1], want.data() + i, sizeof(float));
        ASSERT_NEAR(pair[0], pair[1], 1e-6 * (1.0 + std::fabs(pair[1]))) << kernel->name;
      }
    }
  }
}

}  // namespace
}  // namespace lode::engine
