// Models at precision fp16: what is held, that sessions compute what the graph says, and rounding
// between the layers.
#include "base/dtype.h"
#include "engine/graph/editor.h"
#include "engine/kernels/cpu_features.h"
#include "engine/passes/passes.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (const Isa isa : kAllIsas) {
    if (isa <= best_isa()) names.emplace_back(isa_name(isa));
  }
  return names;
}

// Convolutions of every kind of kernel: stem, 1x1, 3x3, depthwise, grouped; then Gemm and MatMul.
Graph make_heavy_net() {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 3, 20, 20});
  ValueId y = builder.node("r1", "Relu", {add_conv(builder, "stem", x, 3, 24, 3, 1, 2)});
  y = add_conv(builder, "wide", y, 24, 96, 1);
  y = add_conv(builder, "deep", y, 96, 96, 3);
  y = add_conv(builder, "depthwise", y, 96, 96, 3, 96);
  y = add_conv(builder, "grouped", y, 96, 96, 3, 2);
  y = builder.node("pool", "GlobalAveragePool", {y});
  y = builder.node("flat", "Flatten", {y});
  y = builder.node("fc", "Gemm",
                   {y, builder.constant("fc_w", random_tensor({130, 96}, 7, -0.2F, 0.2F)),
                    builder.constant("fc_b", random_tensor({130}, 8))},
                   {{"transB", std::int64_t{1}}});
  y = builder.node("matmul", "MatMul",
                   {y, builder.constant("mm_w", random_tensor({130, 40}, 9, -0.2F, 0.2F))});
  builder.output(y);
  return std::move(builder.graph);
}

std::size_t packed_bytes(Session& session, const Shape& input) {
  const Shape shapes[] = {input};
  const auto info = session.plan_info(shapes);
  EXPECT_TRUE(info.ok());
  return info.ok() ? info->packed_weight_bytes : 0;
}

TEST(HalfPrecision, WeightsAreHalfAsLarge) {
  const Graph graph = make_heavy_net();
  ModelOptions plain;
  plain.disabled_passes = {"winograd"};
  ModelOptions half = plain;
  half.precision = "fp16";
  const auto before = make_model(graph, plain);
  const auto after = make_model(graph, half);
  EXPECT_EQ(before->precision(), "fp32");
  EXPECT_EQ(after->precision(), "fp16");
  EXPECT_LT(static_cast<double>(after->weight_bytes()),
            0.52 * static_cast<double>(before->weight_bytes()));
  if (best_isa() < Isa::kAvx2) GTEST_SKIP() << "the portable kernels keep floats";
  const auto wide = make_session(before);
  const auto narrow = make_session(after);
  EXPECT_LT(static_cast<double>(packed_bytes(*narrow, {1, 3, 20, 20})),
            0.60 * static_cast<double>(packed_bytes(*wide, {1, 3, 20, 20})));
}

TEST(HalfPrecision, SessionsComputeWhatTheGraphSays) {
  for (const bool heavy : {false, true}) {
    const Graph graph = heavy ? make_heavy_net() : make_test_net();
    const std::vector<Tensor> inputs = {
        random_tensor(heavy ? Shape{2, 3, 20, 20} : Shape{2, 3, 14, 14}, 5)};
    for (const std::string& isa : isas()) {
      ModelOptions options;
      options.isa = isa;
      options.precision = "fp16";
      const auto model = make_model(graph, options);
      EXPECT_THAT(dump(model->graph()), HasSubstr("lode_half_weights=1"));
      const std::vector<Tensor> want = run_plainly(model->graph(), inputs);
      const std::vector<Tensor> floats = run_plainly(graph, inputs);
      auto session = make_session(model, {.threads = 2, .cpus = {}});
      const std::vector<Tensor> got = run_session(*session, inputs);
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < want.size(); ++i) {
        EXPECT_LT(relative_difference(got[i], want[i]), 2e-5) << isa << " output " << i;
        EXPECT_LT(relative_difference(got[i], floats[i]), 2e-3) << isa << " output " << i;
        EXPECT_GT(relative_difference(got[i], floats[i]), 1e-7) << isa << ": nothing was rounded";
      }
    }
  }
}

TEST(HalfPrecision, WhatIsAlreadySoIsTakenAsItIs) {
  Graph graph = make_heavy_net();
  PassReport report;
  ASSERT_TRUE(narrow_weights(graph, report).ok());
  const std::vector<Tensor> inputs = {random_tensor({1, 3, 20, 20}, 5)};
  for (const char* precision : {"", "fp16"}) {
    ModelOptions options;
    options.precision = precision;
    const auto model = make_model(graph, options);
    EXPECT_EQ(model->precision(), "fp16");
    ModelOptions narrowing;
    narrowing.precision = "fp16";
    const auto narrowed = make_model(make_heavy_net(), narrowing);
    EXPECT_TRUE(same_bytes(run_session(*make_session(model), inputs)[0],
                           run_session(*make_session(narrowed), inputs)[0]));
  }
}

TEST(HalfPrecision, AWeightOutOfRangeStaysFloat) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2});
  const ValueId w = builder.constant("w", tensor_of<float>({1, 1e6F, 3, 4}, {2, 2}));
  const ValueId v = builder.constant("v", random_tensor({2, 30}, 1));
  builder.output(builder.node("y", "MatMul", {builder.node("h", "MatMul", {x, w}), v}));
  ModelOptions options;
  options.precision = "fp16";
  const auto model = make_model(builder.graph, options);
  EXPECT_EQ(model->precision(), "fp16");
  std::string why;
  for (const PassReport& report : model->passes()) {
    if (report.name == "narrow_weights" && !report.refused.empty()) why = report.refused[0].why;
  }
  EXPECT_THAT(why, HasSubstr("a weight is 1000000"));
  options.disabled_passes = {"narrow_weights"};
  EXPECT_EQ(make_model(builder.graph, options)->precision(), "fp32");
}

TEST(HalfPrecision, OthersAreUsageErrors) {
  ModelOptions options;
  options.precision = "int4";
  const auto model = Model::from_graph(make_test_net(), options);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(model.error().message, HasSubstr("'int4'"));
}

// conv -> relu -> conv, and what rounding after each of them makes of it.
Graph rounded_by_hand(bool by_hand) {
  GraphBuilder builder;
  const auto rounded = [&](ValueId value) {
    if (!by_hand) return value;
    const std::string name = builder.graph.value(value).name;
    const ValueId half = builder.node(name + "_half", "Cast", {value}, {{"to", std::int64_t{10}}});
    return builder.node(name + "_wide", "Cast", {half}, {{"to", std::int64_t{1}}});
  };
  const ValueId x = builder.input("x", {2, 3, 9, 9});
  ValueId y = rounded(builder.node("relu", "Relu", {add_conv(builder, "first", x, 3, 12, 3)}));
  const ValueId left = rounded(add_conv(builder, "left", y, 12, 5, 1));
  const ValueId right = rounded(add_conv(builder, "right", y, 12, 7, 3));
  builder.output(builder.node("joined", "Concat", {left, right}, {{"axis", std::int64_t{1}}}));
  return std::move(builder.graph);
}

TEST(RoundedActivations, AreWhatCastsWouldMakeThem) {
  const std::vector<Tensor> inputs = {random_tensor({2, 3, 9, 9}, 5)};
  const std::vector<Tensor> want = run_plainly(rounded_by_hand(true), inputs);
  const std::vector<Tensor> exact = run_plainly(rounded_by_hand(false), inputs);
  for (const std::string& isa : isas()) {
    ModelOptions options;
    options.isa = isa;
    options.round_activations = true;
    auto session = make_session(make_model(rounded_by_hand(false), options));
    const std::vector<Tensor> got = run_session(*session, inputs);
    // A sum that is a hair off may round the other way: one unit in the last place of a half.
    EXPECT_LT(relative_difference(got[0], want[0]), 1e-3) << isa;
    EXPECT_GT(relative_difference(got[0], exact[0]), 1e-5) << isa;
    for (const float value : got[0].as<float>()) {
      ASSERT_EQ(value, f16_to_f32(f32_to_f16(value))) << isa;
    }
  }
}

TEST(RoundedActivations, AreBitEqualAtAnyThreadCountAndBatch) {
  ModelOptions options;
  options.precision = "fp16";
  options.round_activations = true;
  const auto model = make_model(make_test_net(), options);
  const Tensor all = random_tensor({3, 3, 14, 14}, 5);
  const auto together = run_session(*make_session(model, {.threads = 2, .cpus = {}}), {all});
  const auto alone = make_session(model);
  const std::size_t sample = 3 * 14 * 14;
  for (std::size_t i = 0; i < 3; ++i) {
    const Tensor one =
        Tensor::of<float>(all.as<float>().subspan(i * sample, sample), {1, 3, 14, 14});
    const auto got = run_session(*alone, {one});
    const std::size_t bytes = got[0].byte_size();
    EXPECT_EQ(std::memcmp(got[0].view().data, together[0].view().data + i * bytes, bytes), 0);
  }
}

}  // namespace
}  // namespace lode::engine
