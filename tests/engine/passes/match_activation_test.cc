// Activations that are spelled out, in the ways of several exporters, become one operator.
#include "engine/ops/activation.h"
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

ValueId number(GraphBuilder& b, std::string_view name, float value) {
  return b.constant(name, tensor_of<float>({value}, {}));
}

ValueId clipped(GraphBuilder& b, ValueId x) {
  const ValueId sum = b.node("sum", "Add", {x, number(b, "three", 3)});
  return b.node("clip", "Clip", {sum, number(b, "zero", 0), number(b, "six", 6)});
}

/// The one operator that is left.
std::string only_operator(const Rewritten& after) {
  EXPECT_EQ(after.graph.node_count(), 1U) << dump(after.graph);
  return after.graph.node(after.graph.topological_order()[0]).op_type;
}

TEST(MatchActivation, SigmoidTimesItsInput) {
  for (const bool swapped : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {2, 5});
    const ValueId gate = b.node("gate", "Sigmoid", {x});
    b.output(swapped ? b.node("y", "Mul", {gate, x}) : b.node("y", "Mul", {x, gate}));
    const Rewritten after = rewrite(b.graph, match_activation);
    EXPECT_EQ(only_operator(after), "Swish");
    EXPECT_EQ(after.report.changes, 1);
  }
}

TEST(MatchActivation, HardSigmoidByItsParts) {
  GraphBuilder b;
  b.output(b.node("y", "Div", {clipped(b, b.input("x", {2, 5})), number(b, "by", 6)}));
  const Rewritten after = rewrite(b.graph, match_activation);
  EXPECT_EQ(only_operator(after), "HardSigmoid");
  const Activation activation =
      own_activation(after.graph.node(after.graph.topological_order()[0])).value();
  EXPECT_EQ(activation.alpha, 1.0F / 6.0F);
  EXPECT_EQ(activation.beta, 0.5F);
}

TEST(MatchActivation, HardSwishInItsFourForms) {
  for (int form = 0; form < 4; ++form) {
    SCOPED_TRACE(form);
    GraphBuilder b;
    const ValueId x = b.input("x", {2, 5});
    const ValueId sixth = number(b, "sixth", 1.0F / 6.0F);
    const ValueId by_six = number(b, "by_six", 6);
    if (form == 0) {
      const ValueId gate = b.node("gate", "HardSigmoid", {x}, {{"alpha", 1.0F / 6.0F}});
      b.output(b.node("y", "Mul", {x, gate}));
    } else if (form == 1) {
      b.output(b.node("y", "Div", {b.node("product", "Mul", {x, clipped(b, x)}), by_six}));
    } else if (form == 2) {
      b.output(b.node("y", "Mul", {sixth, b.node("product", "Mul", {clipped(b, x), x})}));
    } else {
      b.output(b.node("y", "Mul", {x, b.node("gate", "Div", {clipped(b, x), by_six})}));
    }
    EXPECT_EQ(only_operator(rewrite(b.graph, match_activation)), "HardSwish");
  }
}

TEST(MatchActivation, ClipWithAttributesOfOldOperatorSets) {
  GraphBuilder b;
  b.opset = 9;
  const ValueId x = b.input("x", {2, 5});
  const ValueId sum = b.node("sum", "Add", {number(b, "three", 3), x});
  const ValueId clip = b.node("clip", "Clip", {sum}, {{"min", 0.0F}, {"max", 6.0F}});
  b.output(b.node("y", "Div", {clip, number(b, "six", 6)}));
  EXPECT_EQ(only_operator(rewrite(b.graph, match_activation)), "HardSigmoid");
}

TEST(MatchActivation, FusesIntoTheProducerBehindTheMatch) {
  GraphBuilder b;
  const ValueId conv =
      b.node("conv", "Conv",
             {b.input("x", {1, 3, 4, 4}), b.constant("w", random_tensor({4, 3, 1, 1}, 1))});
  b.output(b.node("y", "Mul", {conv, b.node("gate", "Sigmoid", {conv})}));
  const Rewritten matched = rewrite(b.graph, match_activation);
  const Rewritten fused = rewrite(matched.graph, fuse_activation);
  EXPECT_EQ(only_operator(fused), "Conv");
  EXPECT_THAT(dump(fused.graph), HasSubstr("lode_activation='Swish'"));
}

void expect_untouched(GraphBuilder& b, ValueId output) {
  b.output(output);
  const Rewritten after = rewrite(b.graph, match_activation);
  EXPECT_EQ(after.report.changes, 0) << dump(after.graph);
}

TEST(MatchActivation, OtherNumbersOperandsAndReadersStay) {
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {2, 5});
    expect_untouched(b, b.node("y", "Mul", {b.input("z", {2, 5}), b.node("g", "Sigmoid", {x})}));
  }
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {2, 5});
    const ValueId gate = b.node("gate", "Sigmoid", {x});
    b.output(gate);
    expect_untouched(b, b.node("y", "Mul", {x, gate}));
  }
  {
    GraphBuilder b;
    expect_untouched(b, b.node("y", "Div", {clipped(b, b.input("x", {2, 5})), number(b, "by", 5)}));
  }
  {
    GraphBuilder b;
    expect_untouched(b, b.node("y", "Div", {number(b, "by", 6), clipped(b, b.input("x", {2, 5}))}));
  }
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {2, 5});
    expect_untouched(b, b.node("y", "Mul", {x, b.node("gate", "HardSigmoid", {x})}));
  }
}

TEST(MatchActivation, DoubleIsRefused) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2}, DType::kF64);
  b.output(b.node("y", "Mul", {x, b.node("gate", "Sigmoid", {x})}));
  EXPECT_EQ(rewrite(b.graph, match_activation).refusal("y"), "its input is not known to be f32");
}

}  // namespace
}  // namespace lode::engine
