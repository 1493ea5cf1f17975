// Quantised graphs as tools write them become operators on bytes.
#include "engine/ops/quantization.h"
#include "tests/engine/passes/rewrite_check.h"
#include "tests/engine/quantized_net.h"

namespace lode::engine {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::Not;
using Ints = std::vector<std::int64_t>;

std::int64_t count(const Graph& graph, std::string_view op_type) {
  std::int64_t found = 0;
  for (const NodeId id : graph.topological_order()) found += graph.node(id).op_type == op_type;
  return found;
}

// One step of the network's output.
constexpr float kStep = 0.0201F;

class WholeNet : public testing::TestWithParam<std::tuple<DType, bool>> {};

TEST_P(WholeNet, RunsOnBytesAndStaysClose) {
  const Graph before = quantized_net(std::get<0>(GetParam()), std::get<1>(GetParam()), 2);
  Graph after = before;
  const auto reports = optimise(after, {});
  ASSERT_TRUE(reports.ok()) << reports.error().message;
  EXPECT_EQ(count(after, "Conv") + count(after, "Gemm") + count(after, "Add"), 0) << dump(after);
  EXPECT_EQ(count(after, "QLinearConv"), 5);
  EXPECT_EQ(count(after, "QGemm"), 1);
  EXPECT_EQ(count(after, "QLinearAdd"), 0) << "the sum is the convolution's";
  EXPECT_EQ(count(after, "QuantizeLinear"), 1);
  EXPECT_EQ(count(after, "DequantizeLinear"), 1);
  EXPECT_EQ(count(after, "Concat"), 1);
  EXPECT_EQ(count(after, "QLinearUnary"), 1) << "one operand of the Concat has another scale";
  const Tensor inputs[] = {random_tensor({2, 3, 12, 12}, 5, -2, 2)};
  const auto expected = run_graph(before, inputs);
  const auto actual = run_graph(after, inputs);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  ASSERT_TRUE(actual.ok()) << actual.error().message << dump(after);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_NEAR(actual->front().as<float>()[i], expected->front().as<float>()[i], 2 * kStep);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, WholeNet,
                         testing::Combine(testing::Values(DType::kU8, DType::kI8),
                                          testing::Bool()));

TEST(MatchQdqProducts, TakesActivationAndResidualAlong) {
  QuantizedNet net;
  GraphBuilder& b = net.b;
  const ValueId x = net.qdq(b.input("x", {1, 4, 5, 5}), 0.02F, 128);
  const ValueId conv = net.conv(x, {4, 4, 1, 1}, 0.02F, {0, 0, 0, 0}, {1, 1});
  const ValueId sum = b.node("sum", "Add", {conv, x});
  b.output(net.qdq(b.node("relu", "Relu", {sum}), 0.03F, 0));
  Graph fused = b.graph;
  PassReport report;
  ASSERT_TRUE(fuse_residual(fused, report).ok());
  ASSERT_TRUE(fuse_activation(fused, report).ok());
  const Rewritten after = rewrite(fused, match_qdq_products, 0.031F);
  EXPECT_EQ(after.report.changes, 1);
  EXPECT_THAT(dump(after.graph), HasSubstr("lode_activation='Relu'"));
  EXPECT_THAT(dump(after.graph), HasSubstr("lode_residual=1"));
  EXPECT_THAT(dump(after.graph), Not(HasSubstr("lode_float_output")));
}

TEST(MatchQdqProducts, AGemmsDataAreAMatrixWhateverIsKnownOfThem) {
  QuantizedNet net;
  GraphBuilder& b = net.b;
  const ValueId x = b.input("x", {3, 16, 1, 1});
  // [batch, -1], the batch being read from the input's shape.
  const ValueId zero = b.constant("zero", tensor_of<std::int64_t>({0}, {1}));
  const ValueId rest = b.constant("rest", tensor_of<std::int64_t>({-1}, {1}));
  const ValueId batch = b.node("batch", "Gather", {b.node("shape", "Shape", {x}), zero});
  const ValueId target = b.node("target", "Concat", {batch, rest}, {{"axis", std::int64_t{0}}});
  const ValueId flat = b.node("flat", "Reshape", {net.qdq(x, 0.04F, 128), target});
  const auto fc = net.weights({5, 16}, 0.04F);
  const ValueId data = net.qdq(flat, 0.04F, 128);
  b.output(net.qdq(b.node("fc", "Gemm", {data, fc[0], fc[1]}, {{"transB", std::int64_t{1}}}), 0.02F,
                   128));
  const Rewritten after = rewrite(b.graph, match_qdq_products, 0.021F);
  EXPECT_EQ(after.report.changes, 1);
  EXPECT_THAT(dump(after.graph), HasSubstr("QGemm("));
}

TEST(MatchQdqProducts, StaysFloatWhereNothingQuantisesBehind) {
  QuantizedNet net;
  const ValueId x = net.qdq(net.b.input("x", {1, 4, 5, 5}), 0.02F, 128);
  net.b.output(net.conv(x, {4, 4, 1, 1}, 0.02F, {0, 0, 0, 0}, {1, 1}));
  const Rewritten after = rewrite(net.b.graph, match_qdq_products);
  EXPECT_THAT(dump(after.graph), HasSubstr("lode_float_output=1"));
}

TEST(MatchQdqProducts, RoundsFloatBiasesAndRefusesThoseThatDoNotFit) {
  for (const float bias : {0.5F, 1e9F}) {
    QuantizedNet net;
    const ValueId x = net.qdq(net.b.input("x", {1, 1, 2, 2}), 0.02F, 128);
    const auto weights = net.weights({1, 1, 1, 1}, 0.02F);
    const ValueId b = net.b.constant("bias", tensor_of<float>({bias}, {1}));
    net.b.output(net.b.node("y", "Conv", {x, weights[0], b}));
    const Rewritten after = rewrite(net.b.graph, match_qdq_products);
    if (bias < 1.0F) {
      EXPECT_EQ(count(after.graph, "QLinearConv"), 1);
    } else {
      EXPECT_THAT(after.refusal("y"), HasSubstr("does not fit 32 bits"));
    }
  }
}

TEST(MatchQdqProducts, LeavesWeightsOnlyAndFoldDequantizeMakesThemFloats) {
  QuantizedNet net;
  const ValueId x = net.b.input("x", {1, 4, 5, 5});
  net.b.output(net.conv(x, {4, 4, 1, 1}, 0.02F, {0, 0, 0, 0}, {1, 1}));
  const Rewritten left = rewrite(net.b.graph, match_qdq_products);
  EXPECT_EQ(left.report.changes, 0);
  const Rewritten after = rewrite(net.b.graph, fold_dequantize);
  EXPECT_EQ(after.graph.node_count(), 1U);
}

TEST(MatchQdqElementwise, MakesATableOfAnActivation) {
  QuantizedNet net;
  const ValueId x = net.qdq(net.b.input("x", {1, 2, 3, 3}), 0.02F, 128);
  net.b.output(net.qdq(net.b.node("act", "Sigmoid", {x}), 0.01F, 50));
  const Rewritten after = rewrite(net.b.graph, match_qdq_elementwise);
  EXPECT_EQ(count(after.graph, "QLinearUnary"), 1);
  EXPECT_EQ(count(after.graph, "Sigmoid"), 0);
}

TEST(MatchQdqElementwise, SaysWhatIsMissing) {
  QuantizedNet net;
  const ValueId image = net.b.input("x", {1, 2, 3, 3});
  const ValueId x = net.qdq(image, 0.02F, 128);
  net.b.output(net.qdq(net.b.node("sum", "Add", {x, image}), 0.01F, 50));
  const Rewritten after = rewrite(net.b.graph, match_qdq_elementwise);
  EXPECT_THAT(after.refusal("sum"), HasSubstr("an operand is not dequantised"));
}

TEST(MergeRequantize, DropsWhatDoesNothingAndRequantisesElse) {
  for (const float scale : {0.02F, 0.05F}) {
    QuantizedNet net;
    const ValueId x = net.qdq(net.b.input("x", {1, 2, 3, 3}), 0.02F, 128);
    net.b.output(net.qdq(x, scale, 128));
    const Rewritten after = rewrite(net.b.graph, merge_requantize);
    EXPECT_EQ(count(after.graph, "QuantizeLinear"), 1);
    EXPECT_EQ(count(after.graph, "QLinearUnary"), scale == 0.02F ? 0 : 1);
  }
}

TEST(UnsignedActivations, LeavesWhatAnOutputOfTheGraphHangsOn) {
  QuantizedNet net{.activations = DType::kI8};
  const ValueId x = net.qdq(net.b.input("x", {1, 2, 4, 4}), 0.02F, 128);
  const ValueId bytes = net.b.graph.node(net.b.graph.value(x).producer).inputs[0];
  net.b.output(net.b.node("pool", "MaxPool", {bytes}, {{"kernel_shape", Ints{2, 2}}}));
  net.b.output(x);
  const Rewritten after = rewrite(net.b.graph, unsigned_activations);
  EXPECT_EQ(after.report.changes, 0);
  EXPECT_THAT(after.refusal("pool"), HasSubstr("output of the graph"));
}

TEST(UnsignedActivations, OperandsOfOneTypeFollowTogether) {
  QuantizedNet net{.activations = DType::kI8};
  GraphBuilder& b = net.b;
  const ValueId x = net.qdq(b.input("x", {1, 2, 4, 4}), 0.02F, 128);
  const Tensor bytes = tensor_of<std::int8_t>(std::vector<std::int8_t>(32, 5), {1, 2, 4, 4});
  const ValueId scale = b.constant("cs", tensor_of<float>({0.1F}, {}));
  const ValueId zero = b.constant("cz", tensor_of<std::int8_t>({0}, {}));
  const ValueId stored =
      b.node("stored", "DequantizeLinear", {b.constant("c", bytes), scale, zero});
  b.output(net.qdq(b.node("sum", "Add", {x, stored}), 0.03F, 128));
  Graph matched = b.graph;
  PassReport report;
  ASSERT_TRUE(match_qdq_elementwise(matched, report).ok());
  const Rewritten after = rewrite(matched, unsigned_activations);
  EXPECT_THAT(after.refusal("sum"), HasSubstr("cannot follow"));
  EXPECT_EQ(after.report.changes, 0);
}

// ---- sums

/// What stands behind QDQ around a 1x1 convolution of four channels, and its data.
struct SumOperands {
  ValueId conv = kNoValue;
  ValueId x = kNoValue;
};

/// Ratios of the scales make no ties.
SumOperands sum_operands(QuantizedNet& net, std::int32_t zero = 90, std::int64_t groups = 1) {
  SumOperands result;
  result.x = net.qdq(net.b.input("x", {1, 4, 5, 5}), 0.0207F, 128);
  const ValueId conv =
      net.conv(result.x, {4, 4 / groups, 1, 1}, 0.0207F, {0, 0, 0, 0}, {1, 1}, groups);
  result.conv = net.qdq(conv, 0.0313F, zero);
  return result;
}

/// What fuse_quantized_sum makes of the graph as the passes in front of it leave it; its results
/// keep their bits.
Rewritten fuse_sums(const Graph& graph) {
  Graph before = graph;
  EXPECT_TRUE(optimise(before, {.disabled = {"fuse_quantized_sum"}, .stop_after = {}}).ok());
  return rewrite(before, fuse_quantized_sum, 0.0F);
}

TEST(FuseQuantizedSum, GivesTheBitsOfTheFile) {
  for (const DType activations : {DType::kU8, DType::kI8}) {
    // With a zero point of 0 the convolution's range stands for a ReLU in front of the sum.
    for (const std::int32_t zero : {0, 90, 255}) {
      for (const bool has_relu : {false, true}) {
        for (const bool conv_first : {false, true}) {
          QuantizedNet net{.activations = activations};
          const auto [conv, x] = sum_operands(net, zero);
          ValueId sum = conv_first ? net.b.node("sum", "Add", {conv, x})
                                   : net.b.node("sum", "Add", {x, conv});
          if (has_relu) sum = net.b.node("relu", "Relu", {sum});
          net.b.output(net.qdq(sum, 0.0411F, 128));
          const Rewritten after = fuse_sums(net.b.graph);
          EXPECT_EQ(after.report.changes, 1) << dump(after.graph);
          EXPECT_EQ(count(after.graph, "QLinearAdd"), 0);
          EXPECT_EQ(count(after.graph, "QLinearConv"), 1);
          const Tensor inputs[] = {random_tensor({1, 4, 5, 5}, 5, -2, 2)};
          const auto expected = run_graph(net.b.graph, inputs);
          const auto actual = run_graph(after.graph, inputs);
          ASSERT_TRUE(expected.ok() && actual.ok());
          EXPECT_THAT(actual->front().as<float>(), ElementsAreArray(expected->front().as<float>()));
        }
      }
    }
  }
}

TEST(FuseQuantizedSum, OfTwoConvolutionsTakesTheLaterOne) {
  QuantizedNet net;
  const auto [first, x] = sum_operands(net);
  const ValueId second =
      net.qdq(net.conv(x, {4, 4, 1, 1}, 0.0207F, {0, 0, 0, 0}, {1, 1}), 0.0279F, 100);
  net.b.output(net.qdq(net.b.node("sum", "Add", {second, first}), 0.0411F, 128));
  const Rewritten after = fuse_sums(net.b.graph);
  EXPECT_EQ(after.report.changes, 1);
  EXPECT_EQ(count(after.graph, "QLinearAdd"), 0);
  EXPECT_EQ(count(after.graph, "QLinearConv"), 2);
}

TEST(FuseQuantizedSum, SaysWhatKeepsASumApart) {
  QuantizedNet depthwise;
  const SumOperands channels = sum_operands(depthwise, 90, 4);
  depthwise.b.output(
      depthwise.qdq(depthwise.b.node("sum", "Add", {channels.conv, channels.x}), 0.0411F, 128));
  EXPECT_THAT(fuse_sums(depthwise.b.graph).refusal("sum"), HasSubstr("depthwise"));

  QuantizedNet shared;
  const SumOperands read_twice = sum_operands(shared);
  shared.b.output(
      shared.qdq(shared.b.node("sum", "Add", {read_twice.conv, read_twice.x}), 0.0411F, 128));
  shared.b.output(read_twice.conv);
  EXPECT_THAT(fuse_sums(shared.b.graph).refusal("sum"), HasSubstr("another reader"));

  QuantizedNet fixed;
  const ValueId conv = sum_operands(fixed).conv;
  const ValueId constant =
      fixed.qdq(fixed.b.constant("c", random_tensor({1, 4, 5, 5}, 3, -1, 1)), 0.0177F, 128);
  fixed.b.output(fixed.qdq(fixed.b.node("sum", "Add", {conv, constant}), 0.0411F, 128));
  EXPECT_THAT(fuse_sums(fixed.b.graph).refusal("sum"), HasSubstr("constant"));
}

// Bytes of one scale may be read by another: the sum is then not of the convolution's values.
TEST(FuseQuantizedSum, LeavesBytesThatAreReadByAnotherScale) {
  QuantizedNet net;
  GraphBuilder& b = net.b;
  const auto [conv, x] = sum_operands(net);
  std::vector<ValueId> inputs = b.graph.node(b.graph.value(conv).producer).inputs;
  inputs[1] = b.constant("other", tensor_of<float>({0.05F}, {}));
  const ValueId reread = b.node("reread", "DequantizeLinear", inputs);
  b.output(net.qdq(b.node("sum", "Add", {reread, x}), 0.0411F, 128));
  const Rewritten after = fuse_sums(b.graph);
  EXPECT_EQ(after.report.changes, 0);
  EXPECT_THAT(after.refusal("sum"), HasSubstr("another scale"));
}

}  // namespace
}  // namespace lode::engine
