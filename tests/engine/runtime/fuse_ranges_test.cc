// Ranges of dynamic quantisations that convolutions leave: seen in the plan, in no bit of a result.
#include "engine/kernels/cpu_features.h"
#include "engine/ops/quantization.h"
#include "engine/passes/pass.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

ModelOptions options_for(Isa isa, bool is_fused) {
  ModelOptions options;
  options.isa = std::string(isa_name(isa));
  options.precision = "int8-dynamic";
  if (!is_fused) options.disabled_passes = {"fuse_ranges"};
  return options;
}

/// The bits with and without, for every instruction set, batch and number of threads; plans must
/// have `left` ranges of the `all` there are to read once more.
void expect_same_bits(const Graph& graph, const Shape& sample, std::int64_t all, std::int64_t left,
                      bool has_nan = false) {
  for (const Isa isa : kAllIsas) {
    if (isa > best_isa()) continue;
    SCOPED_TRACE(isa_name(isa));
    const auto plain = make_session(make_model(graph, options_for(isa, false)));
    const auto fused = make_model(graph, options_for(isa, true));
    for (const int threads : {1, 2, 3}) {
      const auto session = make_session(fused, {.threads = threads, .cpus = {}});
      for (const std::int64_t batch : {1, 3}) {
        SCOPED_TRACE(fmt::format("{} samples, {} threads", batch, threads));
        Shape shape = sample;
        shape[0] = batch;
        EXPECT_EQ(count_steps(plan_of(*plain, shape), "DynamicRange"), all);
        const PlanInfo plan = plan_of(*session, shape);
        EXPECT_EQ(count_steps(plan, "DynamicRange"), left);
        EXPECT_EQ(decision(plan, "fuse_ranges").changes, all - left);
        Tensor input = random_tensor(shape, static_cast<std::uint64_t>(batch));
        if (has_nan) input.mutable_view().as<float>()[7] = std::nanf("");
        const auto want = run_session(*plain, {input});
        const auto got = run_session(*session, {input});
        ASSERT_EQ(got.size(), want.size());
        for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(same_bytes(got[i], want[i])) << i;
      }
    }
  }
}

/// Convolutions of bytes behind one another, with a sum, a slice of a Concat and two readers.
Graph chain_of_convolutions() {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 16, 21, 19});
  const ValueId wide = b.node("relu", "Relu", {add_conv(b, "wide", x, 16, 72, 1)});
  const ValueId deep = b.node(
      "clip", "Clip",
      {add_conv(b, "deep", wide, 72, 64, 3, 1, 2), b.constant("low", tensor_of<float>({-1}, {})),
       b.constant("high", tensor_of<float>({2}, {}))});
  const ValueId point = add_conv(b, "point", deep, 64, 64, 1);
  const ValueId sum = b.node("sum", "Add", {point, deep});
  const ValueId left = add_conv(b, "left", sum, 64, 70, 3);
  const ValueId right = add_conv(b, "right", sum, 64, 66, 1);
  b.output(add_conv(b, "last", left, 70, 64, 1));
  b.output(b.node("joined", "Concat", {left, right}, {{"axis", std::int64_t{1}}}));
  return std::move(b.graph);
}

TEST(FuseRanges, ConvolutionsLeaveThem) {
  expect_same_bits(chain_of_convolutions(), {1, 16, 21, 19}, 5, 1);
  expect_same_bits(chain_of_convolutions(), {1, 16, 21, 19}, 5, 1, true);
}

/// As ONNX Runtime's tools write a dynamically quantised convolution: one range for all samples.
ValueId add_onnx_layer(GraphBuilder& b, const std::string& name, ValueId x, std::int64_t in_c,
                       std::int64_t out_c, std::int64_t kernel, std::int64_t groups = 1) {
  const std::vector<ValueId> quantised = {b.editor.add_value(name + "_x8"),
                                          b.editor.add_value(name + "_xs"),
                                          b.editor.add_value(name + "_xz")};
  Node node;
  node.name = name + "_quantise";
  node.op_type = "DynamicQuantizeLinear";
  node.opset = 13;
  node.inputs = {x};
  node.outputs = quantised;
  b.editor.add_node(std::move(node));
  Tensor weight(DType::kI8, {out_c, in_c / groups, kernel, kernel});
  std::int8_t value = 1;
  for (std::int8_t& w : weight.mutable_view().as<std::int8_t>()) {
    w = value = static_cast<std::int8_t>(value * 37 + 11);
  }
  const std::int64_t pad = kernel / 2;
  const ValueId sums =
      b.node(name + "_sums", "ConvInteger",
             {quantised[0], b.constant(name + "_w", std::move(weight)), quantised[2]},
             {{"pads", Ints{pad, pad, pad, pad}}, {"group", groups}});
  const ValueId cast = b.node(name + "_cast", "Cast", {sums}, {{"to", std::int64_t{1}}});
  const ValueId scale =
      b.node(name + "_scale", "Mul",
             {quantised[1], b.constant(name + "_ws", tensor_of<float>({0.01F}, {}))});
  return b.node(name, "Mul", {cast, scale});
}

TEST(FuseRanges, DepthwiseLayersLeaveThemToo) {
  GraphBuilder b;
  ValueId x = b.input("x", {-1, 16, 13, 9});
  x = b.node("relu_a", "Relu", {add_onnx_layer(b, "a", x, 16, 40, 1)});
  x = b.node("relu_b", "Relu", {add_onnx_layer(b, "b", x, 40, 40, 3, 40)});
  b.output(add_onnx_layer(b, "c", x, 40, 24, 1));
  expect_same_bits(b.graph, {1, 16, 13, 9}, 3, 1);
}

TEST(FuseRanges, SaysWhyNot) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 16, 12, 12});
  const ValueId conv = add_conv(b, "conv", x, 16, 64, 1);
  const ValueId pooled = b.node("pooled", "MaxPool", {conv}, {{"kernel_shape", Ints{2, 2}}});
  const ValueId next = add_conv(b, "next", pooled, 64, 64, 1);
  b.output(add_conv(b, "last", next, 64, 64, 1));
  ModelOptions options = options_for(best_isa(), true);
  const auto reasons = [&] {
    const auto session = make_session(make_model(b.graph, options));
    const PlanInfo plan = plan_of(*session, {1, 16, 12, 12});
    std::vector<std::string> result;
    for (const PassNote& note : decision(plan, "fuse_ranges").refused) result.push_back(note.why);
    return result;
  };
  EXPECT_THAT(reasons(), testing::ElementsAre("no step makes its input", HasSubstr("leaves no")));
  options.round_activations = true;
  EXPECT_THAT(reasons(), testing::Contains(HasSubstr("rounded behind")).Times(1));
}

}  // namespace
}  // namespace lode::engine
