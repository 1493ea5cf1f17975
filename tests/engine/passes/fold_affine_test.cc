// fold_scale and fold_batch_norm: per-channel maps go into the weights, or say why not.
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kChannels = 4;

struct ConvOptions {
  bool bias = true;
  std::int64_t group = 1;
};

// conv(x [2,4,5,5]) with 4 output channels, 3x3.
ValueId add_conv(GraphBuilder& b, ConvOptions options = {}) {
  const ValueId x = b.input("x", {2, kChannels, 5, 5});
  std::vector<ValueId> inputs = {
      x, b.constant("w", random_tensor({kChannels, kChannels / options.group, 3, 3}, 1))};
  if (options.bias) inputs.push_back(b.constant("b", random_tensor({kChannels}, 2)));
  return b.node("conv", "Conv", inputs,
                {{"group", options.group}, {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
}

ValueId add_batch_norm(GraphBuilder& b, ValueId data, std::int64_t channels) {
  return b.node("bn", "BatchNormalization",
                {data, b.constant("scale", random_tensor({channels}, 3, 0.5F, 2)),
                 b.constant("shift", random_tensor({channels}, 4)),
                 b.constant("mean", random_tensor({channels}, 5)),
                 b.constant("var", random_tensor({channels}, 6, 0.1F, 3))},
                {{"epsilon", 1e-3F}});
}

TEST(FoldBatchNorm, GoesIntoConv) {
  for (const ConvOptions options :
       {ConvOptions{}, ConvOptions{.bias = false}, ConvOptions{.group = kChannels},
        ConvOptions{.bias = false, .group = 2}}) {
    GraphBuilder b;
    b.output(add_batch_norm(b, add_conv(b, options), kChannels));
    const Rewritten after = rewrite(b.graph, fold_batch_norm);
    EXPECT_EQ(after.report.changes, 1);
    EXPECT_EQ(after.graph.node_count(), 1U);
    EXPECT_THAT(dump(after.graph), HasSubstr("-> bn"));
  }
}

TEST(FoldBatchNorm, GoesIntoGemm) {
  for (const std::int64_t transposed : {0, 1}) {
    for (const int bias : {0, 1, 2, 3}) {
      GraphBuilder b;
      const ValueId x = b.input("x", {3, 6});
      const Shape shape = transposed != 0 ? Shape{kChannels, 6} : Shape{6, kChannels};
      std::vector<ValueId> inputs = {x, b.constant("w", random_tensor(shape, 1))};
      const Shape biases[] = {{kChannels}, {1, kChannels}, {1}};
      if (bias > 0) inputs.push_back(b.constant("b", random_tensor(biases[bias - 1], 2)));
      const ValueId gemm =
          b.node("gemm", "Gemm", inputs, {{"transB", transposed}, {"alpha", 0.5F}, {"beta", 2.0F}});
      b.output(add_batch_norm(b, gemm, kChannels));
      const Rewritten after = rewrite(b.graph, fold_batch_norm);
      EXPECT_EQ(after.graph.node_count(), 1U) << transposed << bias;
    }
  }
}

TEST(FoldBatchNorm, WeightsOfOthersStayAsTheyAre) {
  GraphBuilder b;
  const ValueId conv = add_conv(b);
  b.output(add_batch_norm(b, conv, kChannels));
  const Node& first = b.graph.node(b.producer(conv));
  b.output(b.node("other", "Conv", {first.inputs[0], first.inputs[1], first.inputs[2]},
                  {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}}));
  const Rewritten after = rewrite(b.graph, fold_batch_norm);
  EXPECT_EQ(after.report.changes, 1);
}

TEST(FoldBatchNorm, SaysWhyNot) {
  {
    GraphBuilder b;
    const ValueId conv = add_conv(b);
    b.output(add_batch_norm(b, conv, kChannels));
    b.output(conv);
    EXPECT_EQ(rewrite(b.graph, fold_batch_norm).refusal("bn"),
              "the value before it has another reader");
  }
  {
    GraphBuilder b;
    b.output(add_batch_norm(b, b.input("x", {1, kChannels, 2, 2}), kChannels));
    EXPECT_EQ(rewrite(b.graph, fold_batch_norm).refusal("bn"), "no Conv or Gemm stands before it");
  }
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, kChannels, 5, 5});
    const ValueId w = b.input("w", {kChannels, kChannels, 3, 3});
    b.output(add_batch_norm(b, b.node("conv", "Conv", {x, w}), kChannels));
    EXPECT_EQ(rewrite(b.graph, fold_batch_norm).refusal("bn"),
              "the weights are not an f32 constant");
  }
  {
    GraphBuilder b;
    const ValueId bn = add_batch_norm(b, add_conv(b), kChannels);
    b.output(bn);
    b.editor.set_constant(b.graph.node(b.producer(bn)).inputs[4],
                          tensor_of<float>({1, -5, 1, 1}, {kChannels}));
    PassReport report;
    ASSERT_TRUE(fold_batch_norm(b.graph, report).ok());
    EXPECT_THAT(report.refused.at(0).why, HasSubstr("variance + epsilon of channel 1 is -4.99"));
  }
  {
    GraphBuilder b;
    const ValueId bn = add_batch_norm(b, add_conv(b), kChannels);
    b.output(bn);
    b.editor.set_attribute(b.producer(bn), "training_mode", std::int64_t{1});
    PassReport report;
    ASSERT_TRUE(fold_batch_norm(b.graph, report).ok());
    EXPECT_EQ(report.refused.at(0).why, "it is not known to be in inference mode");
  }
}

TEST(FoldScale, MulAndAddGoIntoConv) {
  const Shape shapes[] = {{kChannels, 1, 1}, {1, kChannels, 1, 1}, {1, 1, 1}, {1}, {}};
  for (const Shape& shape : shapes) {
    GraphBuilder b;
    const ValueId conv = add_conv(b, {.bias = false});
    const ValueId mul = b.node("mul", "Mul", {conv, b.constant("m", random_tensor(shape, 7))});
    b.output(b.node("add", "Add", {b.constant("a", random_tensor(shape, 8)), mul}));
    const Rewritten after = rewrite(b.graph, fold_scale);
    EXPECT_EQ(after.graph.node_count(), 1U) << shape.to_string();
    EXPECT_EQ(after.report.changes, 2);
  }
}

TEST(FoldScale, MulAndAddGoIntoBatchNormAndThatIntoConv) {
  GraphBuilder b;
  const ValueId bn = add_batch_norm(b, add_conv(b), kChannels);
  const ValueId mul = b.node("mul", "Mul", {bn, b.constant("m", random_tensor({4, 1, 1}, 7))});
  b.output(b.node("add", "Add", {mul, b.constant("a", random_tensor({4, 1, 1}, 8))}));
  const Rewritten after = rewrite(b.graph, fold_scale);
  EXPECT_EQ(after.graph.node_count(), 2U);
  EXPECT_EQ(rewrite(after.graph, fold_batch_norm).graph.node_count(), 1U);
}

TEST(FoldScale, BatchNormWithoutConvBeforeIt) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, kChannels, 3, 3});
  const ValueId pool =
      b.node("pool", "MaxPool", {x}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}});
  const ValueId bn = add_batch_norm(b, pool, kChannels);
  b.output(b.node("mul", "Mul", {bn, b.constant("m", random_tensor({4, 1, 1}, 7))}));
  EXPECT_EQ(rewrite(b.graph, fold_scale).graph.node_count(), 2U);
}

TEST(FoldScale, GemmTakesRows) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 6});
  const ValueId gemm = b.node("gemm", "Gemm", {x, b.constant("w", random_tensor({6, 4}, 1))});
  b.output(b.node("add", "Add", {gemm, b.constant("a", random_tensor({4}, 8))}));
  EXPECT_EQ(rewrite(b.graph, fold_scale).graph.node_count(), 1U);
}

TEST(FoldScale, RefusesWhatIsNotPerChannel) {
  // [4,1,1] against rank 3 is a scale of the batch, [5] of the columns; [2,1,1,1] of the batch.
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {4, kChannels, 5});
    const ValueId conv = b.node("conv", "Conv", {x, b.constant("w", random_tensor({4, 4, 1}, 1))});
    b.output(b.node("mul", "Mul", {conv, b.constant("m", random_tensor({4, 1, 1}, 7))}));
    const Rewritten after = rewrite(b.graph, fold_scale);
    EXPECT_EQ(after.refusal("mul"), "f32 [4,1,1] is not a constant per channel of 4");
  }
  for (const Shape& shape : {Shape{5}, Shape{2, 1, 1, 1}, Shape{1, 1, 1, 1, 1}, Shape{4, 5, 5}}) {
    GraphBuilder b;
    b.output(b.node("mul", "Mul", {add_conv(b), b.constant("m", random_tensor(shape, 7))}));
    const Rewritten after = rewrite(b.graph, fold_scale);
    EXPECT_THAT(after.refusal("mul"), HasSubstr("is not a constant per channel of 4"));
    EXPECT_EQ(after.report.changes, 0);
  }
}

TEST(FoldScale, RefusesWhatOthersRead) {
  GraphBuilder b;
  const ValueId conv = add_conv(b);
  b.output(b.node("mul", "Mul", {conv, b.constant("m", random_tensor({1}, 7))}));
  b.output(b.node("relu", "Relu", {conv}));
  EXPECT_EQ(rewrite(b.graph, fold_scale).refusal("mul"), "the value before it has another reader");
}

TEST(FoldScale, ResidualAddIsNoScale) {
  GraphBuilder b;
  const ValueId conv = add_conv(b);
  b.output(b.node("add", "Add", {conv, b.graph.inputs()[0]}));
  const Rewritten after = rewrite(b.graph, fold_scale);
  EXPECT_EQ(after.report.changes, 0);
  EXPECT_TRUE(after.report.refused.empty());
}

}  // namespace
}  // namespace lode::engine
