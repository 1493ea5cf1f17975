// Quantised networks through plans: the results are those of the references to the last bit, on
// every instruction set, at every thread count and in every batch.
#include "tests/engine/quantized_net.h"

#include "tests/engine/graph_runner.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

constexpr std::int64_t kSamples = 6;

Tensor images(std::int64_t count) {
  const Tensor all = random_tensor({kSamples, 3, 12, 12}, 11, -2, 2);
  return Tensor::of<float>(all.as<float>().subspan(0, static_cast<std::size_t>(count * 3 * 144)),
                           Shape{count, 3, 12, 12});
}

std::vector<float> run(Session& session, std::int64_t count) {
  const auto outputs = run_session(session, {images(count)});
  const auto values = outputs.front().as<float>();
  return {values.begin(), values.end()};
}

ModelOptions at(std::string_view precision) {
  ModelOptions options;
  options.precision = precision;
  return options;
}

bool is_on_this_machine(std::string_view isa) {
  const auto model =
      Model::from_graph(quantized_net(DType::kU8, true),
                        {.disabled_passes = {}, .stop_after_pass = {}, .isa = std::string(isa)});
  return model.ok();
}

/// Everything that a session computes of a model must be what the references make of its graph.
void expect_reference_bits(const Graph& graph, const ModelOptions& options) {
  for (const char* isa : {"generic", "avx2", "avx512", "avx512-vnni", "avx512-amx"}) {
    if (!is_on_this_machine(isa)) continue;
    SCOPED_TRACE(isa);
    ModelOptions own = options;
    own.isa = isa;
    const auto model = Model::from_graph(graph, own);
    ASSERT_TRUE(model.ok()) << model.error().message;
    const Tensor inputs[] = {images(kSamples)};
    const auto expected = run_graph((*model)->graph(), inputs);
    ASSERT_TRUE(expected.ok()) << expected.error().message;
    const auto wanted = expected->front().as<float>();
    for (const int threads : {1, 2}) {
      const auto session = make_session(*model, {.threads = threads, .cpus = {}});
      for (const std::int64_t batch : {std::int64_t{1}, kSamples}) {
        SCOPED_TRACE(fmt::format("{} threads, batch {}", threads, batch));
        const std::vector<float> actual = run(*session, batch);
        EXPECT_TRUE(std::equal(actual.begin(), actual.end(), wanted.begin()));
      }
    }
  }
}

TEST(Quantized, StaticNetworksGiveTheReferencesBits) {
  for (const DType type : {DType::kU8, DType::kI8}) {
    for (const bool per_channel : {false, true}) {
      expect_reference_bits(quantized_net(type, per_channel), {});
    }
  }
}

/// Two sums of bytes with ReLU behind, each of a convolution wider than a tile: as of residual
/// networks. The second adds two convolutions.
Graph residual_net(DType activations) {
  QuantizedNet net{.activations = activations};
  GraphBuilder& b = net.b;
  const ValueId image = b.input("x", {-1, 3, 12, 12});
  b.editor.declare(image, DType::kF32, Shape{-1, 3, 12, 12}, {"n", "", "", ""});
  const ValueId x = net.qdq(image, 0.0207F, 128);
  const ValueId stem =
      net.qdq(net.conv(x, {75, 3, 3, 3}, 0.0207F, {1, 1, 1, 1}, {1, 1}), 0.031F, 126);
  const ValueId inner = net.qdq(
      b.node("inner_relu", "Relu", {net.conv(stem, {20, 75, 1, 1}, 0.031F, {0, 0, 0, 0}, {1, 1})}),
      0.047F, 0);
  const ValueId outer =
      net.qdq(net.conv(inner, {75, 20, 3, 3}, 0.047F, {1, 1, 1, 1}, {1, 1}), 0.0613F, 131);
  const ValueId first =
      net.qdq(b.node("first_relu", "Relu", {b.node("first", "Add", {outer, stem})}), 0.0411F, 0);
  const ValueId left =
      net.qdq(net.conv(first, {40, 75, 1, 1}, 0.0411F, {0, 0, 0, 0}, {2, 2}), 0.083F, 119);
  const ValueId right =
      net.qdq(net.conv(first, {40, 75, 3, 3}, 0.0411F, {1, 1, 1, 1}, {2, 2}), 0.113F, 140);
  b.output(net.qdq(b.node("second", "Add", {left, right}), 0.0917F, 128));
  return std::move(b.graph);
}

TEST(Quantized, SumsInTheRegistersOfAConvolutionKeepTheirBits) {
  for (const DType type : {DType::kU8, DType::kI8}) {
    const Graph graph = residual_net(type);
    expect_reference_bits(graph, {});
    ModelOptions apart;
    apart.disabled_passes = {"fuse_quantized_sum"};
    const auto with_sums = Model::from_graph(graph, apart);
    const auto fused = Model::from_graph(graph, {});
    ASSERT_TRUE(with_sums.ok() && fused.ok());
    EXPECT_THAT(dump((*with_sums)->graph()), testing::HasSubstr("QLinearAdd"));
    EXPECT_THAT(dump((*fused)->graph()), testing::Not(testing::HasSubstr("QLinearAdd")));
    EXPECT_EQ(run(*make_session(*fused), kSamples), run(*make_session(*with_sums), kSamples));
  }
}

/// No node is left to the references, and products are counted.
void expect_no_reference(const std::shared_ptr<const Model>& model) {
  auto session = make_session(model);
  const Shape shapes[] = {{2, 3, 12, 12}};
  const auto plan = session->plan_info(shapes);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  double operations = 0.0;
  for (const StepInfo& step : plan->steps) {
    EXPECT_NE(step.kernel, "reference")
        << step.node << " (" << step.op_type << "): " << step.reason;
    operations += step.flops;
  }
  EXPECT_GT(operations, 0.0);
}

TEST(Quantized, EveryNodeHasAKernel) {
  for (const DType type : {DType::kU8, DType::kI8}) {
    const auto model = make_model(quantized_net(type, true));
    EXPECT_EQ(model->precision(), "int8-static");
    expect_no_reference(model);
    expect_no_reference(make_model(residual_net(type)));
  }
}

/// conv3x3(16) -> relu -> conv3x3(64) + residual -> gemm, in f32.
Graph float_net() {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 3, 12, 12});
  const ValueId stem = b.node("stem_relu", "Relu", {add_conv(b, "stem", x, 3, 64, 3, 1, 2)});
  const ValueId wide = b.node("wide_relu", "Relu", {add_conv(b, "wide", stem, 64, 64, 3)});
  const ValueId depthwise = add_conv(b, "depthwise", wide, 64, 64, 3, 64);
  const ValueId sum = b.node("sum", "Add", {depthwise, add_conv(b, "point", wide, 64, 64, 1)});
  const ValueId mean = b.node("mean", "GlobalAveragePool", {sum});
  const ValueId flat = b.node("flat", "Flatten", {mean});
  const ValueId fc_w = b.constant("fc_w", random_tensor({48, 64}, 3, -0.1F, 0.1F));
  const ValueId fc_b = b.constant("fc_b", random_tensor({48}, 4));
  b.output(b.node("logits", "Gemm", {flat, fc_w, fc_b}, {{"transB", std::int64_t{1}}}));
  return std::move(b.graph);
}

TEST(Quantized, DynamicConversionLeavesSmallLayersFloat) {
  const auto model = Model::from_graph(float_net(), at("int8-dynamic"));
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ((*model)->precision(), "int8-dynamic");
  const std::string text = dump((*model)->graph());
  EXPECT_THAT(text, testing::HasSubstr("stem: Conv("));
  EXPECT_THAT(text, testing::HasSubstr("depthwise: Conv("));
  EXPECT_THAT(text, testing::HasSubstr("wide: lode::DynamicConv("));
  EXPECT_THAT(text, testing::HasSubstr("point: lode::DynamicConv("));
  EXPECT_THAT(text, testing::HasSubstr("logits: lode::DynamicGemm("));
  expect_no_reference(*model);
  for (const PassReport& report : (*model)->passes()) {
    if (report.name != "quantize_dynamic") continue;
    EXPECT_EQ(report.refused.size(), 2U);
  }
}

TEST(Quantized, DynamicResultsStayCloseAndTheSame) {
  const auto model = Model::from_graph(float_net(), at("int8-dynamic"));
  ASSERT_TRUE(model.ok()) << model.error().message;
  const Tensor inputs[] = {images(kSamples)};
  const auto expected = run_graph(float_net(), inputs);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  const auto wanted = expected->front().as<float>();
  const std::vector<float> actual = run(*make_session(*model), kSamples);
  double signal = 0.0;
  double noise = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    signal += static_cast<double>(wanted[i]) * wanted[i];
    noise += std::pow(static_cast<double>(wanted[i]) - actual[i], 2.0);
  }
  EXPECT_GT(10 * std::log10(signal / noise), 30.0) << "dB";
  for (const int threads : {1, 2}) {
    const auto session = make_session(*model, {.threads = threads, .cpus = {}});
    for (const std::int64_t batch : {1, 4}) {
      const std::vector<float> again = run(*session, batch);
      EXPECT_TRUE(std::equal(again.begin(), again.end(), actual.begin()))
          << threads << " threads, batch " << batch;
    }
  }
}

TEST(Quantized, StoredPrecisionIsWhatIsThere) {
  const auto model = Model::from_graph(quantized_net(DType::kU8, true), at("fp32"));
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->precision(), "int8-static");
  const auto unknown = Model::from_graph(float_net(), at("int4"));
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message, testing::HasSubstr("'int4'"));
}

}  // namespace
}  // namespace lode::engine
