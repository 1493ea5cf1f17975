// Activations become attributes of the node before, with the same results.
#include "tests/engine/passes/rewrite_check.h"

#include "engine/ops/activation.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

ValueId add_producer(GraphBuilder& b, const std::string& op) {
  if (op == "Add") return b.node("p", "Add", {b.input("x", {2, 4}), b.input("z", {2, 4})});
  if (op == "BatchNormalization") {
    return b.node("p", op,
                  {b.input("x", {2, 3, 4}), b.constant("s", random_tensor({3}, 1)),
                   b.constant("b", random_tensor({3}, 2)), b.constant("m", random_tensor({3}, 3)),
                   b.constant("v", random_tensor({3}, 4, 0.5F, 1))});
  }
  if (op == "Gemm") {
    return b.node("p", "Gemm", {b.input("x", {2, 3}), b.constant("w", random_tensor({3, 4}, 1))});
  }
  return b.node("p", "Conv",
                {b.input("x", {1, 3, 4, 4}), b.constant("w", random_tensor({4, 3, 3, 3}, 1))});
}

struct Case {
  const char* op;
  std::map<std::string, Attribute, std::less<>> attributes;
  float alpha;
  float beta;
};

TEST(FuseActivation, EveryActivationIntoEveryProducer) {
  const Case cases[] = {{"Relu", {}, 0, 0},
                        {"LeakyRelu", {}, 0.01F, 0},
                        {"LeakyRelu", {{"alpha", 0.3F}}, 0.3F, 0},
                        {"Sigmoid", {}, 0, 0},
                        {"HardSigmoid", {}, 0.2F, 0.5F},
                        {"HardSigmoid", {{"alpha", 0.4F}, {"beta", 0.1F}}, 0.4F, 0.1F},
                        {"HardSwish", {}, 0, 0},
                        {"Swish", {}, 0, 0}};
  for (const char* producer : {"Conv", "Gemm", "Add", "BatchNormalization"}) {
    for (const Case& c : cases) {
      GraphBuilder b;
      b.opset = 24;
      b.output(b.node("act", c.op, {add_producer(b, producer)}, c.attributes));
      const Rewritten after = rewrite(b.graph, fuse_activation);
      ASSERT_EQ(after.graph.node_count(), 1U) << producer << c.op;
      const Node& node = after.graph.node(0);
      EXPECT_EQ(node.op_type, producer);
      EXPECT_EQ(after.graph.value(node.outputs[0]).name, "act");
      EXPECT_EQ(attribute_string(node, "lode_activation", "").value(), c.op);
      const Activation activation = fused_activation(node).value();
      EXPECT_EQ(activation.alpha, c.alpha);
      EXPECT_EQ(activation.beta, c.beta);
    }
  }
}

TEST(FuseActivation, ClipByInputsAndByAttributes) {
  {
    GraphBuilder b;
    const ValueId p = add_producer(b, "Conv");
    const ValueId low = b.constant("low", tensor_of<float>({0}, {}));
    const ValueId high = b.constant("high", tensor_of<float>({6}, {}));
    b.output(b.node("act", "Clip", {p, low, high}));
    const Rewritten after = rewrite(b.graph, fuse_activation);
    EXPECT_EQ(fused_activation(after.graph.node(0)).value().beta, 6.0F);
    EXPECT_TRUE(after.graph.value(low).consumers.empty());
  }
  {
    GraphBuilder b;
    const ValueId p = add_producer(b, "Conv");
    b.output(b.node("act", "Clip", {p, kNoValue, b.constant("high", tensor_of<float>({1}, {}))}));
    const Rewritten after = rewrite(b.graph, fuse_activation);
    EXPECT_EQ(fused_activation(after.graph.node(0)).value().alpha,
              -std::numeric_limits<float>::infinity());
  }
  {
    GraphBuilder b;
    b.opset = 9;
    b.output(b.node("act", "Clip", {add_producer(b, "Conv")}, {{"min", 0.0F}, {"max", 0.5F}}));
    const Rewritten after = rewrite(b.graph, fuse_activation);
    EXPECT_EQ(fused_activation(after.graph.node(0)).value().beta, 0.5F);
  }
}

TEST(FuseActivation, ClipWithoutBoundsKeepsInfinities) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  GraphBuilder b;
  const ValueId sum = b.node("p", "Add", {b.input("x", {3}), b.input("z", {3})});
  b.output(b.node("act", "Clip", {sum}));
  Graph fused = b.graph;
  PassReport report;
  ASSERT_TRUE(fuse_activation(fused, report).ok());
  ASSERT_EQ(fused.node_count(), 1U);
  const Tensor inputs[] = {tensor_of<float>({kInfinity, -kInfinity, 1}, {3}),
                           tensor_of<float>({0, 0, 0}, {3})};
  for (const Graph* graph : {&b.graph, &fused}) {
    const auto outputs = run_graph(*graph, inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error().message;
    EXPECT_THAT(outputs.value()[0].as<float>(), testing::ElementsAre(kInfinity, -kInfinity, 1.0F));
  }
}

TEST(FuseActivation, SaysWhyNot) {
  {
    GraphBuilder b;
    const ValueId p = add_producer(b, "Conv");
    b.output(b.node("act", "Clip", {p, b.input("low", {})}));
    EXPECT_EQ(rewrite(b.graph, fuse_activation).refusal("act"), "its bounds are not f32 constants");
  }
  {
    GraphBuilder b;
    const ValueId p = add_producer(b, "Conv");
    b.output(b.node("act", "Relu", {p}));
    b.output(p);
    EXPECT_EQ(rewrite(b.graph, fuse_activation).refusal("act"),
              "the value before it has another reader");
  }
  {
    GraphBuilder b;
    b.output(b.node("act", "Relu", {b.node("act1", "Sigmoid", {b.input("x", {2})})}));
    EXPECT_EQ(rewrite(b.graph, fuse_activation).refusal("act"),
              "no Conv, Gemm, Add or BatchNormalization stands before it");
  }
  {
    GraphBuilder b;
    const ValueId p = add_producer(b, "Conv");
    b.output(b.node("second", "Sigmoid", {b.node("first", "Relu", {p})}));
    const Rewritten after = rewrite(b.graph, fuse_activation);
    EXPECT_EQ(after.report.changes, 1);
    EXPECT_EQ(after.refusal("second"), "an activation is fused already");
  }
}

TEST(FuseActivation, OnlyF32) {
  GraphBuilder b;
  b.opset = 14;
  const ValueId x = b.input("x", {2}, DType::kI32);
  b.output(b.node("act", "Relu", {b.node("sum", "Add", {x, x})}));
  PassReport report;
  ASSERT_TRUE(fuse_activation(b.graph, report).ok());
  EXPECT_EQ(report.changes, 0);
  EXPECT_EQ(report.refused.at(0).why, "its input is not known to be f32");
}

TEST(FuseActivation, BadAttributeIsAnError) {
  GraphBuilder b;
  b.output(b.node("act", "LeakyRelu", {add_producer(b, "Conv")}, {{"alpha", std::int64_t{1}}}));
  PassReport report;
  const Status status = fuse_activation(b.graph, report);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("node 'act' (LeakyRelu): attribute 'alpha'"));
}

TEST(Activation, FormulasAndNaN) {
  const auto apply = [](ActivationKind kind, float alpha, float beta, float x) {
    return apply_activation(Activation{kind, alpha, beta}, x);
  };
  using Kind = ActivationKind;
  EXPECT_EQ(apply(Kind::kNone, 0, 0, -2), -2.0F);
  EXPECT_EQ(apply(Kind::kRelu, 0, 0, -2), 0.0F);
  EXPECT_EQ(apply(Kind::kLeakyRelu, 0.5F, 0, -2), -1.0F);
  EXPECT_EQ(apply(Kind::kClip, -1, 6, 9), 6.0F);
  EXPECT_EQ(apply(Kind::kClip, -1, 6, -9), -1.0F);
  EXPECT_EQ(apply(Kind::kClip, 6, -1, 0), -1.0F);  // ONNX: the maximum wins
  EXPECT_EQ(apply(Kind::kSigmoid, 0, 0, 0), 0.5F);
  EXPECT_EQ(apply(Kind::kSigmoid, 0, 0, -1000), 0.0F);
  EXPECT_EQ(apply(Kind::kHardSigmoid, 0.25F, 0.5F, 1), 0.75F);
  EXPECT_EQ(apply(Kind::kHardSigmoid, 0.25F, 0.5F, 9), 1.0F);
  EXPECT_EQ(apply(Kind::kHardSwish, 0, 0, -4), 0.0F);
  EXPECT_EQ(apply(Kind::kHardSwish, 0, 0, 4), 4.0F);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Kind kind : {Kind::kNone, Kind::kRelu, Kind::kLeakyRelu, Kind::kClip, Kind::kSigmoid,
                          Kind::kHardSigmoid, Kind::kHardSwish}) {
    EXPECT_TRUE(std::isnan(apply(kind, 0, 1, nan)));
  }
}

TEST(Activation, AttributesAreChecked) {
  Node node;
  node.name = "n";
  node.op_type = "Conv";
  EXPECT_EQ(fused_activation(node).value().kind, ActivationKind::kNone);
  node.attributes["lode_activation"] = std::string("Clip");
  EXPECT_EQ(fused_activation(node).value().beta, std::numeric_limits<float>::infinity());
  node.attributes["lode_alpha"] = std::int64_t{1};
  EXPECT_FALSE(fused_activation(node).ok());
  node.attributes["lode_activation"] = std::string("Tanh");
  EXPECT_EQ(fused_activation(node).error().message,
            "node 'n' (Conv): attribute 'lode_activation' is 'Tanh', which is not an activation");
}

}  // namespace
}  // namespace lode::engine
