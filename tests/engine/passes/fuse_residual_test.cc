// Sums become part of the convolution before them, and Sum becomes Adds.
#include "engine/ops/activation.h"
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;
using Ints = std::vector<std::int64_t>;

ValueId add_conv(GraphBuilder& b, std::string_view name, ValueId x, std::int64_t channels,
                 std::int64_t stride = 1) {
  const auto weights =
      b.constant(std::string(name) + "_w", random_tensor({channels, channels, 3, 3}, name.size()));
  return b.node(name, "Conv", {x, weights},
                {{"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{stride, stride}}});
}

TEST(FuseResidual, ReluBehindTheSumFollows) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3, 5, 5});
  const ValueId sum = b.node("sum", "Add", {x, add_conv(b, "conv", x, 3)});
  b.output(b.node("y", "Relu", {sum}));
  const Rewritten after = rewrite(b.graph, fuse_residual);
  ASSERT_EQ(after.graph.node_count(), 2U);
  EXPECT_THAT(dump(after.graph), HasSubstr("conv: Conv(x, conv_w, -, x) -> sum"));
  const Rewritten both = rewrite(after.graph, fuse_activation);
  ASSERT_EQ(both.graph.node_count(), 1U);
  EXPECT_THAT(dump(both.graph), HasSubstr("-> y {lode_activation='Relu'"));
}

TEST(FuseResidual, OfTwoConvolutionsTheLaterTakesTheSum) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 3, 6, 6});
  const ValueId first = add_conv(b, "first", x, 3, 2);
  const ValueId second = add_conv(b, "second", x, 3, 2);
  b.output(b.node("y", "Add", {second, first}));
  const Rewritten after = rewrite(b.graph, fuse_residual);
  EXPECT_THAT(dump(after.graph), HasSubstr("second: Conv(x, second_w, -, first) -> y"));
}

TEST(FuseResidual, SymbolicExtentsAreProvedEqual) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 4, 9, 9});
  const ValueId conv = add_conv(b, "conv", x, 4, 2);
  const ValueId pool =
      b.node("pool", "MaxPool", {x},
             {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 2}}});
  b.output(b.node("y", "Add", {conv, pool}));
  GraphEditor(b.graph).declare(x, DType::kF32, Shape{-1, 4, -1, -1}, {});
  Graph after = b.graph;
  PassReport report;
  ASSERT_TRUE(fuse_residual(after, report).ok());
  EXPECT_EQ(report.changes, 1);
}

/// Why the Add "y" of `data` and `other` was left alone.
std::string refusal(GraphBuilder& b, ValueId data, ValueId other) {
  b.output(b.node("y", "Add", {data, other}));
  const Rewritten after = rewrite(b.graph, fuse_residual);
  EXPECT_EQ(after.report.changes, 0);
  return after.refusal("y");
}

TEST(FuseResidual, ShapesMustBeEqual) {
  const Shape others[] = {{1, 3, 1, 1}, {1, 1, 5, 5}, {5, 5}, {2, 3, 5, 5}};
  for (const Shape& other : others) {
    GraphBuilder b;
    const ValueId conv = add_conv(b, "conv", b.input("x", {1, 3, 5, 5}), 3);
    EXPECT_THAT(refusal(b, conv, b.input("z", other)), HasSubstr("of one shape"))
        << other.to_string();
  }
}

TEST(FuseResidual, ConstantsOtherReadersAndActivationsAreRefused) {
  {
    GraphBuilder b;
    const ValueId conv = add_conv(b, "conv", b.input("x", {1, 3, 5, 5}), 3);
    EXPECT_EQ(refusal(b, conv, b.constant("c", random_tensor({1, 3, 5, 5}, 3))),
              "the other operand is a constant");
  }
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, 3, 5, 5});
    const ValueId conv = add_conv(b, "conv", x, 3);
    b.output(conv);
    EXPECT_EQ(refusal(b, conv, x), "the value before it has another reader");
  }
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, 3, 5, 5});
    const ValueId conv = add_conv(b, "conv", x, 3);
    b.editor.set_attribute(b.producer(conv), "lode_activation", std::string("Relu"));
    EXPECT_EQ(refusal(b, conv, x), "an activation is fused already");
  }
}

TEST(FuseResidual, TwoSumsBehindOneConvolution) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 3, 5, 5});
  const ValueId sum = b.node("sum", "Add", {add_conv(b, "conv", x, 3), x});
  b.output(b.node("y", "Add", {sum, b.input("z", {1, 3, 5, 5})}));
  const Rewritten after = rewrite(b.graph, fuse_residual);
  EXPECT_EQ(after.report.changes, 1);
  EXPECT_EQ(after.refusal("y"), "a sum is fused already");
}

TEST(FuseResidual, DoubleStaysAsItIs) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 1, 2, 2}, DType::kF64);
  const ValueId conv =
      b.node("conv", "Conv", {x, b.constant("w", tensor_of<double>({2.0}, {1, 1, 1, 1}))});
  EXPECT_EQ(refusal(b, conv, x), "its input is not known to be f32");
}

TEST(SplitSum, BecomesAChainOfAdds) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId sum = b.node("sum", "Sum", {x, b.input("y", {3}), b.input("z", {2, 1})});
  b.output(b.node("two", "Sum", {sum, x}));
  b.output(b.node("one", "Sum", {x}));
  const Rewritten after = rewrite(b.graph, split_sum, 0.0F);
  EXPECT_EQ(after.report.changes, 2);
  EXPECT_EQ(after.graph.node_count(), 4U);
  EXPECT_THAT(dump(after.graph), testing::Not(HasSubstr("sum: Sum")));
}

TEST(SplitSum, OldOperatorSetsStay) {
  GraphBuilder b;
  b.opset = 6;
  b.output(b.node("y", "Sum", {b.input("x", {2}), b.input("z", {2})}));
  EXPECT_EQ(rewrite(b.graph, split_sum).refusal("y"), "its operator set is older than 8");
}

}  // namespace
}  // namespace lode::engine
