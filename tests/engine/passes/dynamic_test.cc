// Dynamic quantisation: the chain that ONNX spells it with, and what it becomes.
#include "engine/ops/quantization.h"
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;
using Ints = std::vector<std::int64_t>;

/// DynamicQuantizeLinear -> ConvInteger -> Cast -> Mul -> Add, as ONNX Runtime's tools write it.
struct Chain {
  GraphBuilder b;
  ValueId x = kNoValue;
  std::vector<ValueId> quantised;

  explicit Chain(Shape shape) {
    x = b.input("x", shape);
    quantised = {b.editor.add_value("x8"), b.editor.add_value("xs"), b.editor.add_value("xz")};
    Node node;
    node.name = "quantise";
    node.op_type = "DynamicQuantizeLinear";
    node.opset = 13;
    node.inputs = {x};
    node.outputs = quantised;
    b.editor.add_node(std::move(node));
  }

  ValueId layer(const std::string& name, const char* op_type, Tensor weight, Tensor scale,
                std::optional<Tensor> bias, bool in_two_steps = false) {
    const ValueId w = b.constant(name + "_w", std::move(weight));
    const ValueId ws = b.constant(name + "_ws", std::move(scale));
    const ValueId wz = b.constant(name + "_wz", tensor_of<std::int8_t>({3}, {}));
    const ValueId sums = b.node(name + "_sums", op_type, {quantised[0], w, quantised[2], wz});
    const ValueId cast = b.node(name + "_cast", "Cast", {sums}, {{"to", std::int64_t{1}}});
    ValueId real = kNoValue;
    if (in_two_steps) {
      real = b.node(name + "_scaled", "Mul",
                    {ws, b.node(name + "_half", "Mul", {cast, quantised[1]})});
    } else {
      real = b.node(name + "_scaled", "Mul",
                    {cast, b.node(name + "_scale", "Mul", {quantised[1], ws})});
    }
    if (!bias) return real;
    return b.node(name, "Add", {real, b.constant(name + "_b", std::move(*bias))});
  }
};

Tensor kernel() {
  return tensor_of<std::int8_t>({1, -2, 3, -4, 5, -6}, {3, 2, 1, 1});
}

std::int64_t count(const Graph& graph, std::string_view op_type) {
  std::int64_t found = 0;
  for (const NodeId id : graph.topological_order()) found += graph.node(id).op_type == op_type;
  return found;
}

TEST(MatchDynamic, OneQuantisationServesAllReaders) {
  Chain chain({2, 2, 3, 3});
  const Tensor bias = tensor_of<float>({1, 2, 3}, {1, 3, 1, 1});
  const Tensor scales = tensor_of<float>({0.1F, 0.2F, 0.3F}, {3, 1, 1});
  chain.b.output(chain.layer("first", "ConvInteger", kernel(), scales, bias));
  chain.b.output(
      chain.layer("second", "ConvInteger", kernel(), tensor_of<float>({0.1F}, {}), {}, true));
  const Rewritten after = rewrite(chain.b.graph, match_dynamic);
  EXPECT_EQ(after.report.changes, 2);
  EXPECT_EQ(count(after.graph, "DynamicConv"), 2);
  EXPECT_EQ(count(after.graph, "DynamicQuantize"), 1);
  EXPECT_EQ(count(after.graph, "Mul") + count(after.graph, "ConvInteger"), 0) << dump(after.graph);
}

TEST(MatchDynamic, ActivationAndResidualFollow) {
  Chain chain({1, 3, 3, 3});
  const ValueId other = chain.b.input("other", {1, 3, 3, 3});
  const Tensor weight = tensor_of<std::int8_t>({1, 2, 3, 4, 5, 6, 7, 8, 9}, {3, 3, 1, 1});
  const ValueId y = chain.layer("y", "ConvInteger", weight, tensor_of<float>({0.1F}, {}), {});
  const ValueId sum = chain.b.node("sum", "Add", {other, y});
  chain.b.output(chain.b.node("relu", "Relu", {sum}));
  Graph after = chain.b.graph;
  ASSERT_TRUE(optimise(after, {}).ok());
  EXPECT_EQ(after.node_count(), 3U) << dump(after);
  EXPECT_THAT(dump(after), HasSubstr("lode_residual=1"));
  EXPECT_THAT(dump(after), HasSubstr("lode_activation='Relu'"));
}

TEST(MatchDynamic, MatchesMatrixProducts) {
  Chain chain({2, 3});
  const Tensor weight = tensor_of<std::int8_t>({1, 2, 3, 4, 5, 6}, {3, 2});
  chain.b.output(chain.layer("y", "MatMulInteger", weight, tensor_of<float>({0.1F, 0.2F}, {2}),
                             tensor_of<float>({1, 2}, {2})));
  const Rewritten after = rewrite(chain.b.graph, match_dynamic);
  EXPECT_EQ(count(after.graph, "DynamicGemm"), 1);
}

TEST(MatchDynamic, MatchesTheSingleOperators) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId w = b.constant("w", tensor_of<std::int8_t>({1, 2, 3, 4, 5, 6}, {3, 2}));
  const ValueId scale = b.constant("scale", tensor_of<float>({0.5F}, {}));
  b.output(b.node("y", "DynamicQuantizeMatMul", {x, w, scale}));
  b.editor.set_operator(b.producer(b.graph.outputs()[0]), kMicrosoftDomain, "DynamicQuantizeMatMul",
                        1);
  const Rewritten after = rewrite(b.graph, match_dynamic);
  EXPECT_EQ(count(after.graph, "DynamicGemm"), 1);
}

TEST(MatchDynamic, SaysWhyNot) {
  Chain chain({1, 2, 3, 3});
  const ValueId w = chain.b.constant("w", kernel());
  chain.b.output(chain.b.node("sums", "ConvInteger", {chain.quantised[0], w, chain.quantised[2]}));
  const Rewritten after = rewrite(chain.b.graph, match_dynamic);
  EXPECT_EQ(after.report.changes, 0);
  EXPECT_THAT(after.refusal("sums"), HasSubstr("not cast to f32"));
}

TEST(QuantizeDynamic, SaysWhatItWouldCost) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 16, 4, 4});
  b.output(b.node("few", "Conv", {x, b.constant("w", random_tensor({20, 16, 1, 1}, 1))}));
  b.output(
      b.node("wide", "Conv",
             {b.node("copy", "Relu", {x}), b.constant("w2", random_tensor({64, 16, 1, 1}, 2))}));
  const Rewritten after = rewrite(b.graph, quantize_dynamic, 0.03F);
  EXPECT_THAT(after.refusal("few"), HasSubstr("takes"));
  EXPECT_EQ(count(after.graph, "DynamicConv"), 1);
  EXPECT_EQ(count(after.graph, "Conv"), 1);
}

TEST(QuantizeDynamic, LeavesWhatNarrowsTheDataInFloat) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 64, 4, 4});
  b.output(b.node("narrow", "Conv", {x, b.constant("w", random_tensor({32, 64, 1, 1}, 1))}));
  b.output(b.node("less", "Conv", {x, b.constant("w2", random_tensor({33, 64, 1, 1}, 2))}));
  b.output(b.node("window", "Conv", {x, b.constant("w3", random_tensor({32, 64, 3, 3}, 3))},
                  {{"pads", Ints{1, 1, 1, 1}}}));
  const Rewritten after = rewrite(b.graph, quantize_dynamic, 0.05F);
  EXPECT_THAT(after.refusal("narrow"), HasSubstr("1x1 into few channels"));
  EXPECT_EQ(count(after.graph, "DynamicConv"), 2);
}

TEST(QuantizeDynamic, ADeadChannelHasAScale) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 16});
  Tensor weight = random_tensor({16, 64}, 1);
  for (std::size_t k = 0; k < 16; ++k) weight.mutable_view().as<float>()[k * 64] = 0.0F;
  b.output(b.node("y", "Gemm", {x, b.constant("w", std::move(weight))}));
  const Rewritten after = rewrite(b.graph, quantize_dynamic, 0.03F);
  EXPECT_EQ(count(after.graph, "DynamicGemm"), 1);
}

}  // namespace
}  // namespace lode::engine
