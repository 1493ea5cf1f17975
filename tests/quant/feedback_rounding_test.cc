// Rounding with feedback makes a layer's output better on the inputs that it saw.
#include "quant/feedback_rounding.h"

#include <gtest/gtest.h>

#include "tests/engine/graph_builder.h"

namespace lode::quant {
namespace {

using engine::Tensor;

constexpr std::size_t kInputs = 16;
constexpr std::size_t kOutputs = 4;
constexpr std::size_t kSamples = 64;

/// Inputs that go up and down together, as pixels beside each other do.
Tensor input(std::size_t sample) {
  Tensor tensor = engine::random_tensor({1, kInputs}, sample, 0.0F, 0.2F);
  const Tensor level = engine::random_tensor({1}, 100 + sample, 0.0F, 1.0F);
  for (float& value : tensor.mutable_view().as<float>()) value += level.as<float>()[0];
  return tensor;
}

/// Sum of squared errors of the layer's outputs.
double output_error(const Tensor& weights, const Tensor& rounded) {
  double sum = 0.0;
  for (std::size_t s = 0; s < kSamples; ++s) {
    const Tensor x = input(s);
    for (std::size_t o = 0; o < kOutputs; ++o) {
      double error = 0.0;
      for (std::size_t i = 0; i < kInputs; ++i) {
        const std::size_t at = o * kInputs + i;
        error += (weights.as<float>()[at] - rounded.as<float>()[at]) * x.as<float>()[i];
      }
      sum += error * error;
    }
  }
  return sum;
}

TEST(FeedbackRounding, LowersTheErrorOfWhatTheLayerMakes) {
  engine::GraphBuilder b;
  const engine::ValueId x = b.input("x", {-1, kInputs});
  const engine::ValueId w = b.constant("w", engine::random_tensor({kOutputs, kInputs}, 7));
  const engine::ValueId y = b.node("y", "Gemm", {x, w}, {{"transB", std::int64_t{1}}});
  b.output(y);
  const Layer layer = match_layer(b.graph, b.graph.node(b.producer(y))).layer;
  WeightScheme scheme;
  scheme.bits = 7;
  LayerEncoding encoding;
  encoding.weights = quantize_weights(layer.weights, 0, scheme, {}, 0.0F);
  const double nearest = output_error(layer.weights, encoding.weights.decode());
  const auto done = round_with_feedback(b.graph, layer, scheme, kSamples, input, encoding);
  ASSERT_TRUE(done.ok() && *done);
  EXPECT_LT(output_error(layer.weights, encoding.weights.decode()), 0.25 * nearest);
}

}  // namespace
}  // namespace lode::quant
