// Codes against hand-computed ones.
#include "quant/scheme.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/graph_builder.h"

namespace lode::quant {
namespace {

using engine::Tensor;
using testing::ElementsAre;

TEST(ActivationParams, AsymmetricCoversTheRangeWithZeroExact) {
  const QuantParams params = activation_params({-1.0F, 4.1F}, Symmetry::kAsymmetric, 0.0F);
  EXPECT_FLOAT_EQ(params.scale, 5.1F / 255);
  EXPECT_EQ(params.zero_point, 50);
  EXPECT_EQ(params.encode(0.0F), 50);
  EXPECT_EQ(params.decode(50), 0.0F);
  EXPECT_EQ(params.encode(-100.0F), 0);
  EXPECT_EQ(params.encode(1e30F), 255);
}

TEST(ActivationParams, RoundsHalfToEven) {
  const QuantParams params = activation_params({0.0F, 255.0F}, Symmetry::kAsymmetric, 0.0F);
  EXPECT_EQ(params.encode(2.5F), 2);
  EXPECT_EQ(params.encode(3.5F), 4);
}

TEST(ActivationParams, SymmetricOnesHaveTheirZeroInTheMiddle) {
  const QuantParams restricted =
      activation_params({-1.0F, 12.7F}, Symmetry::kSymmetricRestricted, 0.0F);
  EXPECT_FLOAT_EQ(restricted.scale, 0.1F);
  EXPECT_EQ(restricted.zero_point, 128);
  EXPECT_EQ(restricted.encode(12.7F), 255);
  const QuantParams full = activation_params({-12.75F, 1.0F}, Symmetry::kSymmetricFull, 0.0F);
  EXPECT_FLOAT_EQ(full.scale, 0.1F);
  EXPECT_EQ(full.encode(-12.8F), 0);
}

TEST(ActivationParams, AFloorStandsUnderTheScale) {
  EXPECT_EQ(activation_params({}, Symmetry::kAsymmetric, 1e-6F).scale, 1e-6F);
  EXPECT_EQ(activation_params({}, Symmetry::kAsymmetric, 0.0F).scale, 0.0F);
}

std::vector<int> codes_of(const QuantizedWeights& weights) {
  std::vector<int> codes;
  if (weights.codes.dtype() == DType::kI8) {
    for (const std::int8_t code : weights.codes.as<std::int8_t>()) codes.push_back(code);
  } else {
    for (const std::uint8_t code : weights.codes.as<std::uint8_t>()) codes.push_back(code);
  }
  return codes;
}

const Tensor kWeights = engine::tensor_of<float>({-1.27F, 0.5F, 12.7F, -5.0F}, {2, 2});

TEST(QuantizeWeights, PerChannelOnEitherAxis) {
  const QuantizedWeights rows = quantize_weights(kWeights, 0, {}, {}, 0.0F);
  EXPECT_THAT(codes_of(rows), ElementsAre(-127, 50, 127, -50));
  EXPECT_THAT(rows.scales, ElementsAre(testing::FloatEq(0.01F), testing::FloatEq(0.1F)));
  const QuantizedWeights columns = quantize_weights(kWeights, 1, {}, {}, 0.0F);
  EXPECT_THAT(codes_of(columns), ElementsAre(-13, 13, 127, -127));
}

TEST(QuantizeWeights, PerTensorAndSevenBits) {
  WeightScheme scheme;
  scheme.granularity = Granularity::kPerTensor;
  EXPECT_THAT(codes_of(quantize_weights(kWeights, 0, scheme, {}, 0.0F)),
              ElementsAre(-13, 5, 127, -50));
  scheme.bits = 7;
  EXPECT_THAT(codes_of(quantize_weights(kWeights, 0, scheme, {}, 0.0F)),
              ElementsAre(-6, 2, 63, -25));
}

TEST(QuantizeWeights, AsymmetricOnesAreUnsigned) {
  WeightScheme scheme;
  scheme.symmetry = Symmetry::kAsymmetric;
  const QuantizedWeights weights = quantize_weights(kWeights, 0, scheme, {}, 0.0F);
  EXPECT_EQ(weights.codes.dtype(), DType::kU8);
  EXPECT_FLOAT_EQ(weights.scales[0], 1.77F / 255);
  EXPECT_EQ(weights.zero_points[0], 183);
  const Tensor reals = weights.decode();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(reals.as<float>()[i], kWeights.as<float>()[i], weights.scales[i / 2] * 0.51F);
  }
}

TEST(QuantizeWeights, SymmetricFullUsesTheLastCode) {
  WeightScheme scheme;
  scheme.symmetry = Symmetry::kSymmetricFull;
  const Tensor weights = engine::tensor_of<float>({-12.75F, 1.0F}, {1, 2});
  EXPECT_THAT(codes_of(quantize_weights(weights, 0, scheme, {}, 0.0F)), ElementsAre(-128, 10));
}

TEST(QuantizeWeights, ADeadChannelHasAScaleAllTheSame) {
  const Tensor weights = engine::tensor_of<float>({0.0F, 0.0F, 1.27F, 0.0F}, {2, 2});
  const QuantizedWeights quantized = quantize_weights(weights, 0, {}, {}, 0.0F);
  EXPECT_GT(quantized.scales[0], 0.0F);
  EXPECT_LT(quantized.scales[0], quantized.scales[1]);
  EXPECT_THAT(codes_of(quantized), ElementsAre(0, 0, 127, 0));
}

TEST(QuantizeWeights, LeastSquaredErrorIsNeverWorse) {
  Tensor weights = engine::random_tensor({4, 256}, 3);
  weights.mutable_view().as<float>()[5] = 9.0F;
  const auto error = [&](const WeightScheme& scheme) {
    const Tensor reals = quantize_weights(weights, 0, scheme, {}, 0.0F).decode();
    double sum = 0.0;
    for (std::size_t i = 0; i < 1024; ++i) {
      const double difference = reals.as<float>()[i] - weights.as<float>()[i];
      sum += difference * difference;
    }
    return sum;
  };
  WeightScheme least;
  least.least_mse = true;
  EXPECT_LE(error(least), error({}));
}

TEST(BiasGuard, WidensTheScaleUntilTheBiasFits) {
  const std::vector<float> bias = {0.1F, 3e6F};
  const float input_scale = 1e-3F;
  const std::vector<double> floors = bias_scale_floors(bias, input_scale);
  const Tensor weights = engine::tensor_of<float>({1e-4F, 1e-4F}, {2, 1});
  const QuantizedWeights quantized = quantize_weights(weights, 0, {}, floors, 0.0F);
  EXPECT_FLOAT_EQ(quantized.scales[0], 1e-4F / 127);
  EXPECT_GT(quantized.scales[1], quantized.scales[0]);
  std::vector<float> scales;
  for (const float scale : quantized.scales) scales.push_back(scale * input_scale);
  const Tensor codes = quantize_bias(bias, scales);
  EXPECT_NEAR(static_cast<double>(codes.as<std::int32_t>()[1]), 1 << 30, 200);
  EXPECT_NEAR(codes.as<std::int32_t>()[1] * double{scales[1]}, 3e6, 1.0);
}

TEST(Names, ReadBack) {
  for (const Symmetry each :
       {Symmetry::kSymmetricFull, Symmetry::kSymmetricRestricted, Symmetry::kAsymmetric}) {
    EXPECT_EQ(symmetry_from_name(symmetry_name(each)), each);
  }
  EXPECT_EQ(symmetry_from_name("symetric"), std::nullopt);
  EXPECT_EQ(granularity_from_name("per-tensor"), Granularity::kPerTensor);
  EXPECT_EQ(granularity_from_name("tensor"), std::nullopt);
}

}  // namespace
}  // namespace lode::quant
