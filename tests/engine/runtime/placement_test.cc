// What plans decide for the machine: concatenations in place, inputs read as they are. Each
// decision is seen in the plan, and changes no result.
#include "engine/kernels/cpu_features.h"
#include "engine/passes/pass.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

/// Plan, results against the reference, and the same bits for each sample in every batch and on
/// every number of threads. `sample` is the shape of one sample.
PlanInfo check(const Graph& graph, const Shape& sample, const ModelOptions& options = {}) {
  const auto model = make_model(graph, options);
  std::vector<std::vector<Tensor>> alone;
  const auto make_input = [&](std::uint64_t seed) { return random_tensor(sample, seed); };
  auto single = make_session(model);
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    alone.push_back(run_session(*single, {make_input(seed)}));
  }
  const std::vector<Tensor> want = run_plainly(graph, {make_input(0)});
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_LT(relative_difference(alone[0][i], want[i]), 2e-5) << "output " << i;
  }
  for (const int threads : {1, 2, 3}) {
    auto session = make_session(model, {.threads = threads, .cpus = {}});
    for (const std::int64_t batch : {1, 3, 8}) {
      Shape shape = sample;
      shape[0] = batch;
      std::vector<float> joined;
      for (std::int64_t i = 0; i < batch; ++i) {
        const Tensor input = make_input(static_cast<std::uint64_t>(i));
        joined.insert(joined.end(), input.as<float>().begin(), input.as<float>().end());
      }
      const auto together = run_session(*session, {Tensor::of<float>(joined, shape)});
      for (std::size_t output = 0; output < together.size(); ++output) {
        const auto values = together[output].as<float>();
        const std::size_t each = values.size() / static_cast<std::size_t>(batch);
        for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i) {
          EXPECT_EQ(std::memcmp(values.data() + i * each, alone[i][output].as<float>().data(),
                                each * sizeof(float)),
                    0)
              << "output " << output << " sample " << i << " of " << batch << ", " << threads;
        }
      }
    }
  }
  const auto plan = single->plan_info(std::vector<Shape>{sample});
  EXPECT_TRUE(plan.ok());
  return plan.ok() ? *plan : PlanInfo{};
}

ValueId concat(GraphBuilder& builder, std::string_view name, std::vector<ValueId> inputs) {
  return builder.node(name, "Concat", std::move(inputs), {{"axis", std::int64_t{1}}});
}

ValueId relu(GraphBuilder& builder, ValueId x) {
  return builder.node(builder.graph.value(x).name + "_relu", "Relu", {x});
}

ValueId max_pool(GraphBuilder& builder, std::string_view name, ValueId x, std::int64_t stride) {
  return builder.node(name, "MaxPool", {x},
                      {{"kernel_shape", Ints{3, 3}},
                       {"strides", Ints{stride, stride}},
                       {"pads", Ints{1, 1, 1, 1}}});
}

TEST(Placement, BranchesOfAFireModuleWriteTheirSlices) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 5, 11, 9});
  const ValueId squeezed = relu(b, add_conv(b, "squeeze", x, 5, 7, 1));
  const ValueId joined = concat(b, "joined",
                                {relu(b, add_conv(b, "one", squeezed, 7, 13, 1)),
                                 relu(b, add_conv(b, "three", squeezed, 7, 10, 3))});
  b.output(relu(b, add_conv(b, "next", joined, 23, 6, 1)));
  b.output(max_pool(b, "pooled", joined, 2));
  const PlanInfo plan = check(b.graph, {1, 5, 11, 9});
  EXPECT_EQ(decision(plan, "concat_in_place").changes, 1);
  EXPECT_EQ(count_steps(plan, "Concat") + count_steps(plan, "(concat)"), 0);

  ModelOptions without;
  without.disabled_passes = {"concat_in_place"};
  const PlanInfo copied = check(b.graph, {1, 5, 11, 9}, without);
  EXPECT_EQ(count_steps(copied, "Concat"), 1);
  EXPECT_EQ(decision(copied, "concat_in_place").changes, 0);
}

/// Three layers on all channels so far. `is_flat`: each Concat joins all the parts, not the last
/// Concat and the new part.
Graph make_dense_block(bool is_flat, std::int64_t growth) {
  GraphBuilder b;
  const ValueId image = b.input("image", {-1, 3, 13, 13});
  const ValueId stem = max_pool(b, "pool", add_conv(b, "stem", image, 3, 6, 3), 2);
  std::vector<ValueId> parts = {stem};
  ValueId features = stem;
  std::int64_t channels = 6;
  for (int layer = 0; layer < 3; ++layer) {
    const std::string name = fmt::format("layer{}", layer);
    const ValueId ones =
        b.constant(name + "_ones", random_tensor({channels}, parts.size(), 0.5F, 1.5F));
    const ValueId normal =
        b.node(name + "_norm", "BatchNormalization", {features, ones, ones, ones, ones});
    const ValueId narrow = relu(b, add_conv(b, name + "_narrow", relu(b, normal), channels, 8, 1));
    parts.push_back(add_conv(b, name + "_wide", narrow, 8, growth, 3));
    channels += growth;
    features = concat(b, name, is_flat ? parts : std::vector<ValueId>{features, parts.back()});
  }
  b.output(relu(b, add_conv(b, "transition", features, channels, 4, 1)));
  b.output(parts[1]);
  return std::move(b.graph);
}

TEST(Placement, ADenseBlockIsOneBuffer) {
  for (const bool is_flat : {false, true}) {
    for (const std::int64_t growth : {4, 5}) {
      SCOPED_TRACE(fmt::format("flat {}, growth {}", is_flat, growth));
      const PlanInfo plan = check(make_dense_block(is_flat, growth), {1, 3, 13, 13});
      EXPECT_EQ(decision(plan, "concat_in_place").changes, 3);
      EXPECT_EQ(count_steps(plan, "Concat"), 0);
      EXPECT_EQ(count_steps(plan, "(concat)"), 1) << "the pool's result, once";
    }
  }
}

TEST(Placement, ASliceIsCopiedForThoseWhoReadDenseValuesOnly) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 3, 7, 7});
  const ValueId left = add_conv(b, "left", x, 3, 6, 3);
  const ValueId right = add_conv(b, "right", x, 3, 5, 3);
  const ValueId joined = concat(b, "joined", {left, right});
  b.output(max_pool(b, "pooled", left, 1));
  b.output(b.node("mean", "GlobalAveragePool", {right}));
  b.output(b.node("lrn", "LRN", {right}, {{"size", std::int64_t{3}}}));
  b.output(b.node("depthwise_sum", "Add", {add_conv(b, "dw", left, 6, 6, 3, 6), left}));
  b.output(joined);
  b.output(left);
  const PlanInfo plan = check(b.graph, {1, 3, 7, 7});
  EXPECT_EQ(decision(plan, "concat_in_place").changes, 1);
}

TEST(Placement, OneValueInTwoConcatenationsIsCopiedIntoTheSecond) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 3, 6, 6});
  const ValueId shared = add_conv(b, "shared", x, 3, 4, 3);
  const ValueId first = concat(b, "first", {shared, add_conv(b, "a", x, 3, 5, 1), x});
  const ValueId second = concat(b, "second", {add_conv(b, "b", x, 3, 3, 1), shared, shared});
  b.output(add_conv(b, "y", first, 12, 4, 1));
  b.output(add_conv(b, "z", second, 11, 4, 3));
  const PlanInfo plan = check(b.graph, {1, 3, 6, 6});
  EXPECT_EQ(decision(plan, "concat_in_place").changes, 2);
  EXPECT_EQ(count_steps(plan, "Concat"), 0);
}

TEST(Placement, AResidualMayBeASlice) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 3, 6, 6});
  const ValueId part = add_conv(b, "part", x, 3, 5, 3);
  const ValueId joined = concat(b, "joined", {add_conv(b, "other", x, 3, 7, 3), part});
  const ValueId sum = b.node("sum", "Add", {add_conv(b, "conv", joined, 12, 5, 1), part});
  b.output(concat(b, "again", {relu(b, sum), joined}));
  const PlanInfo plan = check(b.graph, {1, 3, 6, 6});
  EXPECT_EQ(count_steps(plan, "Add") + count_steps(plan, "Relu"), 0);
  EXPECT_EQ(count_steps(plan, "Concat") + count_steps(plan, "(concat)"), 0);
}

TEST(Placement, ConcatenationsThatCannotBeJoinedSayWhy) {
  const auto refusal = [](const Graph& graph) {
    const PlanInfo plan = check(graph, {1, 3, 6, 6});
    const PassReport& report = decision(plan, "concat_in_place");
    EXPECT_EQ(report.changes, 0);
    return report.refused.empty() ? "" : report.refused[0].why;
  };
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {-1, 3, 6, 6});
    const ValueId conv = add_conv(b, "conv", x, 3, 4, 1);
    b.output(b.node("y", "Concat", {conv, conv}, {{"axis", std::int64_t{2}}}));
    EXPECT_EQ(refusal(b.graph), "it does not join channels");
  }
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {-1, 3, 6, 6});
    b.output(concat(b, "y", {x, x}));
    EXPECT_EQ(refusal(b.graph), "its inputs are not channels-last");
  }
  {
    GraphBuilder b;
    const ValueId x = b.input("x", {-1, 3, 6, 6});
    b.output(concat(b, "y", {max_pool(b, "p", x, 1), max_pool(b, "q", x, 1)}));
    EXPECT_THAT(refusal(b.graph), HasSubstr("no input is made by a kernel that steps over"));
  }
  {
    GraphBuilder b;
    const ValueId mean = b.node("mean", "GlobalAveragePool", {b.input("x", {-1, 3, 6, 6})});
    b.output(concat(b, "y", {add_conv(b, "conv", mean, 3, 4, 1), mean}));
    EXPECT_EQ(refusal(b.graph), "its pixels are single");
  }
}

TEST(Placement, TheFirstLayerReadsItsInputAsItIs) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 3, 17, 15});
  b.output(relu(b, add_conv(b, "stem", x, 3, 20, 3, 1, 2)));
  const PlanInfo plan = check(b.graph, {1, 3, 17, 15});
  ModelOptions without;
  without.disabled_passes = {"plain_first_layer"};
  const PlanInfo converted = check(b.graph, {1, 3, 17, 15}, without);
  EXPECT_EQ(decision(converted, "plain_first_layer").changes, 0);
  EXPECT_EQ(converted.steps.front().op_type, "(layout)");
  ModelOptions generic;
  generic.isa = "generic";
  const PlanInfo refused = check(b.graph, {1, 3, 17, 15}, generic);
  ASSERT_EQ(decision(refused, "plain_first_layer").refused.size(), 1U);
  EXPECT_EQ(decision(refused, "plain_first_layer").refused[0].why,
            "no kernel reads NCHW for this convolution");
  if (best_isa() < Isa::kAvx2) GTEST_SKIP() << "no kernel of this machine reads NCHW";
  EXPECT_EQ(decision(plan, "plain_first_layer").changes, 1);
  EXPECT_EQ(plan.steps.front().op_type, "Conv");
}

/// The step of a convolution that Winograd and products of bfloat16 are for.
StepInfo convolution_without(std::vector<std::string> passes) {
  GraphBuilder b;
  b.output(
      add_conv(b, "conv", add_conv(b, "stem", b.input("x", {-1, 3, 56, 56}), 3, 64, 1), 64, 64, 3));
  ModelOptions without;
  without.disabled_passes = std::move(passes);
  without.disabled_passes.emplace_back("fuse_bands");
  auto session = make_session(make_model(b.graph, without));
  const auto plan = session->plan_info(std::vector<Shape>{{1, 3, 56, 56}});
  EXPECT_TRUE(plan.ok());
  return plan.ok() ? plan->steps[1] : StepInfo{};
}

TEST(Placement, KernelsOfLargerErrorAreLeftOutByName) {
  const StepInfo neither = convolution_without({"winograd", "bf16x3"});
  EXPECT_THAT(neither.kernel, testing::Not(HasSubstr("winograd")));
  EXPECT_THAT(neither.kernel, testing::Not(HasSubstr("bf16x3")));
  if (best_isa() < Isa::kAvx2) return;
  EXPECT_THAT(neither.reason, HasSubstr("Winograd is disabled"));
  EXPECT_THAT(convolution_without({"bf16x3"}).kernel, HasSubstr("winograd"));
  if (best_isa() < Isa::kAvx512Amx) return;
  EXPECT_THAT(neither.reason, HasSubstr("products of bfloat16 are disabled"));
  EXPECT_THAT(convolution_without({"winograd"}).kernel, HasSubstr("bf16x3"));
}

TEST(Placement, ElementwiseResultsTakeADyingInputsPlace) {
  GraphBuilder b;
  b.opset = 14;
  const ValueId x = b.input("x", {-1, 3, 16, 16});
  const ValueId conv = add_conv(b, "conv", x, 3, 8, 3);
  const ValueId lrn = b.node("lrn", "LRN", {conv}, {{"size", std::int64_t{3}}});
  // `lrn` is read again by the last sum: only what follows it dies.
  const ValueId swish = b.node("swish", "HardSwish", {lrn});
  const ValueId leaky = b.node("leaky", "LeakyRelu", {swish});
  const ValueId twice = b.node("twice", "Mul", {leaky, leaky});
  const ValueId mean = b.node("mean", "GlobalAveragePool", {twice});
  const ValueId gated = b.node("gated", "Mul", {mean, twice});
  const ValueId sum = b.node("sum", "Sub", {gated, lrn});
  b.output(max_pool(b, "y", sum, 1));
  const PlanInfo plan = check(b.graph, {1, 3, 16, 16});
  EXPECT_EQ(decision(plan, "reuse_inputs").changes, 4) << "leaky, twice, gated and sum";
  ModelOptions without;
  without.disabled_passes = {"reuse_inputs"};
  const PlanInfo apart = check(b.graph, {1, 3, 16, 16}, without);
  EXPECT_EQ(decision(apart, "reuse_inputs").changes, 0);
  EXPECT_LT(plan.arena_bytes, apart.arena_bytes);
}

TEST(Placement, InputsThatAreReadAgainOrAreTheCallersStay) {
  GraphBuilder b;
  b.opset = 14;
  const ValueId x = b.input("x", {-1, 3, 8, 8});
  const ValueId of_input = b.node("of_input", "HardSwish", {x});
  const ValueId conv = add_conv(b, "conv", of_input, 3, 4, 3);
  const ValueId lrn = b.node("lrn", "LRN", {conv}, {{"size", std::int64_t{3}}});
  b.output(b.node("outer", "Mul", {lrn, b.node("row", "ReduceMean", {lrn}, {{"axes", Ints{3}}})}));
  b.output(b.node("y", "HardSwish", {lrn}));
  b.output(lrn);
  const PlanInfo plan = check(b.graph, {1, 3, 8, 8});
  EXPECT_EQ(decision(plan, "reuse_inputs").changes, 0);
}

}  // namespace
}  // namespace lode::engine
