// Work in front of a convolution becomes a part of it: BatchNormalization and Relu, gates, Pad.
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;
using Ints = std::vector<std::int64_t>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

struct ConvCase {
  std::int64_t kernel = 1;
  std::int64_t groups = 1;
  Attributes attributes;
};

ValueId add_conv(GraphBuilder& b, std::string_view name, ValueId x, const ConvCase& conv = {}) {
  const auto weights = b.constant(std::string(name) + "_w",
                                  random_tensor({6, 4 / conv.groups, conv.kernel, conv.kernel}, 3));
  Attributes attributes = conv.attributes;
  attributes["group"] = conv.groups;
  return b.node(name, "Conv", {x, weights}, attributes);
}

ValueId add_norm(GraphBuilder& b, ValueId x) {
  return b.node(
      "norm", "BatchNormalization",
      {x, b.constant("s", random_tensor({4}, 2)), b.constant("b", random_tensor({4}, 3)),
       b.constant("m", random_tensor({4}, 4)), b.constant("v", random_tensor({4}, 5, 0.5F, 1))});
}

/// After fuse_activation, as the list has it.
Rewritten fuse(const GraphBuilder& b) {
  return rewrite(rewrite(b.graph, fuse_activation).graph, fuse_prologue);
}

TEST(FusePrologue, NormalisationAndReluInFrontOf1x1) {
  for (const std::int64_t stride : {1, 2}) {
    GraphBuilder b;
    const ValueId relu = b.node("relu", "Relu", {add_norm(b, b.input("x", {2, 4, 5, 3}))});
    b.output(add_conv(b, "y", relu, {1, 1, {{"strides", Ints{stride, stride}}}}));
    const Rewritten after = fuse(b);
    EXPECT_EQ(after.graph.node_count(), 1U);
    EXPECT_THAT(dump(after.graph), HasSubstr("lode_prologue='AffineRelu'"));
    EXPECT_EQ(rewrite(after.graph, fuse_prologue).report.changes, 0);
  }
}

TEST(FusePrologue, ASumAndAnActivationMayFollow) {
  GraphBuilder b;
  const ValueId relu = b.node("relu", "Relu", {add_norm(b, b.input("x", {2, 4, 5, 3}))});
  const ValueId sum = b.node("sum", "Add", {add_conv(b, "conv", relu), b.input("z", {2, 6, 5, 3})});
  b.output(b.node("y", "Sigmoid", {sum}));
  GraphBuilder summed;
  summed.graph = rewrite(b.graph, fuse_residual).graph;
  const Rewritten after = fuse(summed);
  EXPECT_EQ(after.graph.node_count(), 1U);
  EXPECT_THAT(dump(after.graph), HasSubstr("lode_residual"));
}

TEST(FusePrologue, SaysWhyNot) {
  const auto refusal = [](const ConvCase& conv, bool has_relu, bool is_read_twice) {
    GraphBuilder b;
    ValueId x = add_norm(b, b.input("x", {2, 4, 5, 5}));
    if (has_relu) x = b.node("relu", "Relu", {x});
    b.output(add_conv(b, "y", x, conv));
    if (is_read_twice) b.output(b.node("z", "Sigmoid", {x}));
    const Rewritten after = fuse(b);
    EXPECT_EQ(after.report.changes, 0);
    return after.refusal("norm");
  };
  const std::string form = "the convolution behind it is not 1x1 in one group without padding";
  EXPECT_EQ(refusal({3, 1, {}}, true, false), form);
  EXPECT_EQ(refusal({1, 2, {}}, true, false), form);
  EXPECT_EQ(refusal({1, 1, {{"pads", Ints{0, 1, 0, 0}}}}, true, false), form);
  EXPECT_EQ(refusal({}, false, false), "no Relu is fused into it");
  EXPECT_EQ(refusal({}, true, true), "no Conv is its one reader");
}

TEST(FuseGate, FactorsOfImageAndChannel) {
  for (const bool swapped : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {2, 4, 5, 3});
    const ValueId gate = b.node("gate", "Sigmoid", {b.node("mean", "GlobalAveragePool", {x})});
    const ValueId scaled =
        swapped ? b.node("scaled", "Mul", {gate, x}) : b.node("scaled", "Mul", {x, gate});
    b.output(add_conv(b, "y", scaled));
    const Rewritten after = rewrite(b.graph, fuse_gate);
    EXPECT_EQ(after.report.changes, 1);
    EXPECT_THAT(dump(after.graph), HasSubstr("y: Conv(x, y_w, -, -, gate) -> y"));
  }
}

TEST(FuseGate, SaysWhyNot) {
  const auto refusal = [](const Shape& factor, const ConvCase& conv, bool is_constant) {
    GraphBuilder b;
    const ValueId x = b.input("x", {2, 4, 5, 5});
    const ValueId gate =
        is_constant ? b.constant("gate", random_tensor(factor, 1)) : b.input("gate", factor);
    b.output(add_conv(b, "y", b.node("scaled", "Mul", {x, gate}), conv));
    const Rewritten after = rewrite(b.graph, fuse_gate);
    EXPECT_EQ(after.report.changes, 0);
    return after.refusal("scaled");
  };
  const std::string shape = "no operand is known to be a factor for each image and channel";
  EXPECT_EQ(refusal({1, 4, 1, 1}, {}, false), shape);
  EXPECT_EQ(refusal({2, 1, 1, 1}, {}, false), shape);
  EXPECT_EQ(refusal({2, 4, 5, 5}, {}, false), shape);
  EXPECT_EQ(refusal({4, 1, 1}, {}, false), shape);
  EXPECT_EQ(refusal({2, 4, 1, 1}, {}, true), "an operand is a constant");
  EXPECT_THAT(refusal({2, 4, 1, 1}, {3, 1, {}}, false), HasSubstr("not 1x1"));
}

ValueId add_pad(GraphBuilder& b, ValueId x, const Ints& amounts, float value = 0.0F) {
  const auto pads = b.constant("pads", tensor_of<std::int64_t>(amounts, {8}));
  return b.node("pad", "Pad", {x, pads, b.constant("value", tensor_of<float>({value}, {}))});
}

TEST(FusePad, JoinsThePaddingOfTheConvolution) {
  for (const char* auto_pad : {"NOTSET", "VALID"}) {
    GraphBuilder b;
    const ValueId padded = add_pad(b, b.input("x", {1, 4, 5, 6}), {0, 0, 1, 2, 0, 0, 0, 3});
    Attributes attributes{{"auto_pad", std::string(auto_pad)}};
    if (std::string(auto_pad) == "NOTSET") attributes["pads"] = Ints{1, 0, 0, 1};
    b.output(add_conv(b, "y", padded, {3, 1, attributes}));
    const Rewritten after = rewrite(b.graph, fuse_pad);
    EXPECT_EQ(after.graph.node_count(), 1U);
  }
}

TEST(FusePad, AttributesOfOldOperatorSets) {
  GraphBuilder b;
  b.opset = 9;
  const ValueId x = b.input("x", {1, 4, 5, 6});
  const ValueId padded = b.node("pad", "Pad", {x}, {{"pads", Ints{0, 0, 1, 1, 0, 0, 1, 1}}});
  b.output(add_conv(b, "y", padded, {3, 1, {}}));
  EXPECT_EQ(rewrite(b.graph, fuse_pad).graph.node_count(), 1U);
}

TEST(FusePad, SaysWhyNot) {
  const auto refusal = [](const Ints& amounts, float value, const Attributes& attributes) {
    GraphBuilder b;
    const ValueId padded = add_pad(b, b.input("x", {1, 4, 6, 6}), amounts, value);
    b.output(add_conv(b, "y", padded, {3, 1, attributes}));
    const Rewritten after = rewrite(b.graph, fuse_pad);
    EXPECT_EQ(after.report.changes, 0);
    return after.refusal("pad");
  };
  const Ints one = {0, 0, 1, 1, 0, 0, 1, 1};
  EXPECT_EQ(refusal(one, 0.5F, {}), "it does not pad with zeros");
  EXPECT_EQ(refusal({0, 0, -1, 0, 0, 0, 0, 0}, 0, {}), "it crops, or pads batch or channels");
  EXPECT_EQ(refusal({1, 0, 0, 0, 0, 0, 0, 0}, 0, {}), "it crops, or pads batch or channels");
  EXPECT_EQ(refusal(one, 0, {{"auto_pad", std::string("SAME_UPPER")}}),
            "the convolution's padding follows from its input's extents");
}

TEST(FusePad, PoolsKeepTheirPad) {
  GraphBuilder b;
  const ValueId padded = add_pad(b, b.input("x", {1, 4, 6, 6}), {0, 0, 1, 1, 0, 0, 1, 1});
  b.output(b.node("y", "MaxPool", {padded}, {{"kernel_shape", Ints{3, 3}}}));
  EXPECT_EQ(rewrite(b.graph, fuse_pad).refusal("pad"), "no Conv is its one reader");
}

}  // namespace
}  // namespace lode::engine
