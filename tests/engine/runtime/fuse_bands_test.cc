// Convolutions that go through the image in bands: seen in the plan, in no bit of a result.
#include <numeric>

#include "engine/kernels/cpu_features.h"
#include "engine/passes/pass.h"
#include "engine/runtime/band_schedule.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

ModelOptions options_for(Isa isa, bool is_fused) {
  ModelOptions options;
  options.isa = std::string(isa_name(isa));
  if (!is_fused) options.disabled_passes = {"fuse_bands"};
  return options;
}

ValueId relu(GraphBuilder& builder, ValueId x) {
  return builder.node(builder.graph.value(x).name + "_relu", "Relu", {x});
}

std::vector<const StepInfo*> band_steps(const PlanInfo& plan) {
  std::vector<const StepInfo*> found;
  for (const StepInfo& step : plan.steps) {
    if (step.kernel.starts_with("bands(")) found.push_back(&step);
  }
  return found;
}

/// The bits without and with bands, for every instruction set, batch and number of threads; the
/// plan for one thread and one sample must have `chains` of them.
void expect_same_bits(const Graph& graph, const Shape& sample, std::int64_t chains) {
  for (const Isa isa : kAllIsas) {
    // VNNI is for bytes alone.
    if (isa > best_isa() || isa == Isa::kAvx512Vnni) continue;
    SCOPED_TRACE(isa_name(isa));
    const auto apart = make_model(graph, options_for(isa, false));
    const auto fused = make_model(graph, options_for(isa, true));
    const auto plain = make_session(apart);
    for (const int threads : {1, 2, 3}) {
      const auto session = make_session(fused, {.threads = threads, .cpus = {}});
      for (const std::int64_t batch : {1, 3, 8}) {
        Shape shape = sample;
        shape[0] = batch;
        const PlanInfo plan = plan_of(*session, shape);
        if (threads == 1 && batch == 1) {
          EXPECT_EQ(decision(plan, "fuse_bands").changes, chains);
        }
        EXPECT_FALSE(band_steps(plan).empty()) << batch << " samples, " << threads << " threads";
        const Tensor input = random_tensor(shape, static_cast<std::uint64_t>(batch));
        const auto want = run_session(*plain, {input});
        const auto got = run_session(*session, {input});
        ASSERT_EQ(got.size(), want.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
          EXPECT_TRUE(same_bytes(got[i], want[i]))
              << "output " << i << ", " << batch << " samples, " << threads << " threads";
        }
      }
    }
  }
}

/// A block of MobileNetV2: wide values between two narrow ones, the first added to the last.
Graph make_inverted_residual(std::int64_t kernel, std::int64_t stride, std::int64_t width) {
  GraphBuilder b;
  const ValueId x = add_conv(b, "first", b.input("x", {-1, 3, -1, -1}), 3, 8, 1);
  const ValueId wide = relu(b, add_conv(b, "expand", x, 8, width, 1));
  const ValueId deep = relu(b, add_conv(b, "depthwise", wide, width, width, kernel, width, stride));
  const ValueId narrow = add_conv(b, "project", deep, width, 8, 1);
  b.output(stride == 1 ? b.node("sum", "Add", {narrow, x}) : narrow);
  return std::move(b.graph);
}

TEST(FuseBands, AnInvertedResidualHasTheSameBits) {
  for (const std::int64_t kernel : {3, 5}) {
    for (const std::int64_t stride : {1, 2}) {
      SCOPED_TRACE(fmt::format("{0}x{0}, stride {1}", kernel, stride));
      expect_same_bits(make_inverted_residual(kernel, stride, 84), {1, 3, 71, 69}, 1);
    }
  }
}

// Values that one worker's cache holds, but that several would have to hand to one another.
TEST(FuseBands, SeveralWorkersDoNotShareAnExpandedValue) {
  const auto model = make_model(make_inverted_residual(3, 1, 192), options_for(best_isa(), true));
  const auto chains = [&](int threads) {
    const auto session = make_session(model, {.threads = threads, .cpus = {}});
    return decision(plan_of(*session, {1, 3, 20, 20}), "fuse_bands").changes;
  };
  if (best_isa() == Isa::kGeneric) GTEST_SKIP() << "the portable kernels take no bands";
  EXPECT_EQ(chains(1), 0);
  EXPECT_EQ(chains(2), 1);
}

/// MobileNetV1's way in: a first layer on NCHW, then depthwise and pointwise in turns, each large.
Graph make_separable_chain() {
  GraphBuilder b;
  ValueId x = relu(b, add_conv(b, "stem", b.input("x", {-1, 3, -1, -1}), 3, 24, 3, 1, 2));
  x = relu(b, add_conv(b, "depthwise_a", x, 24, 24, 3, 24));
  x = relu(b, add_conv(b, "pointwise_a", x, 24, 40, 1));
  x = relu(b, add_conv(b, "depthwise_b", x, 40, 40, 5, 40));
  x = relu(b, add_conv(b, "pointwise_b", x, 40, 24, 1));
  x = relu(b, add_conv(b, "depthwise_c", x, 24, 24, 3, 24, 2));
  b.output(add_conv(b, "pointwise_c", x, 24, 8, 1));
  return std::move(b.graph);
}

TEST(FuseBands, AChainFromTheFirstLayerOnHasTheSameBits) {
  expect_same_bits(make_separable_chain(), {1, 3, 273, 269}, 1);
}

TEST(FuseBands, RowsThatLieInThePaddingAloneAreNoTrouble) {
  GraphBuilder b;
  const ValueId x = add_conv(b, "wide", b.input("x", {-1, 3, -1, -1}), 3, 96, 1);
  const ValueId w = b.constant("w", random_tensor({96, 1, 3, 3}, 9, -0.5F, 0.5F));
  const ValueId deep = b.node("depthwise", "Conv", {x, w},
                              {{"kernel_shape", Ints{3, 3}},
                               {"pads", Ints{5, 1, 4, 2}},
                               {"dilations", Ints{2, 1}},
                               {"group", std::int64_t{96}}});
  b.output(add_conv(b, "narrow", deep, 96, 7, 1));
  expect_same_bits(b.graph, {1, 3, 67, 66}, 1);
}

TEST(FuseBands, TheStepTellsWhatItDid) {
  const Graph graph = make_inverted_residual(3, 1, 96);
  const Shape shape{1, 3, 70, 66};
  const auto plan_with = [&](bool is_fused) {
    const auto session = make_session(make_model(graph, options_for(best_isa(), is_fused)));
    return plan_of(*session, shape);
  };
  const PlanInfo fused = plan_with(true);
  const PlanInfo apart = plan_with(false);
  const auto steps = band_steps(fused);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0]->op_type, "Conv+Conv+Conv");
  EXPECT_EQ(steps[0]->node, "expand+depthwise+project");
  EXPECT_THAT(steps[0]->reason, HasSubstr("rows at a time"));
  EXPECT_EQ(steps[0]->output_shape, (Shape{1, 8, 70, 66}));
  EXPECT_TRUE(band_steps(apart).empty());
  EXPECT_EQ(decision(apart, "fuse_bands").changes, 0);
  std::string kernels;
  double flops = 0.0;
  std::size_t bytes = 0;
  for (const StepInfo& step : apart.steps) {
    if (steps[0]->node.find(step.node) == std::string::npos) continue;
    kernels += (kernels.empty() ? "" : ", ") + step.kernel;
    flops += step.flops;
    bytes += step.bytes;
  }
  EXPECT_EQ(steps[0]->kernel, "bands(" + kernels + ")");
  EXPECT_EQ(steps[0]->flops, flops);
  // Each of the two values in between was written once and read once.
  EXPECT_EQ(steps[0]->bytes, bytes - 4 * std::size_t{96} * 70 * 66 * sizeof(float));
  EXPECT_EQ(fused.packed_weight_bytes, apart.packed_weight_bytes);
  EXPECT_LT(fused.arena_bytes, apart.arena_bytes / 2);
}

TEST(FuseBands, ValuesThatOthersNeedStay) {
  const auto refusal = [](const Graph& graph) {
    const auto session = make_session(make_model(graph, options_for(best_isa(), true)));
    const PlanInfo plan = plan_of(*session, {1, 3, 70, 66});
    EXPECT_EQ(decision(plan, "fuse_bands").changes, 0);
    return decision(plan, "fuse_bands").refused.empty()
               ? ""
               : decision(plan, "fuse_bands").refused[0].why;
  };
  const auto wide_and_deep = [](GraphBuilder& b) {
    const ValueId wide = add_conv(b, "wide", b.input("x", {-1, 3, 70, 66}), 3, 96, 1);
    return std::pair{wide, add_conv(b, "deep", wide, 96, 96, 3, 96)};
  };
  {
    GraphBuilder b;
    const auto [wide, deep] = wide_and_deep(b);
    b.output(wide);
    b.output(deep);
    EXPECT_EQ(refusal(b.graph), "others read it as well") << "the copy that is the output";
  }
  {
    GraphBuilder b;
    const auto [wide, deep] = wide_and_deep(b);
    b.output(b.node("product", "Mul", {wide, deep}));
    EXPECT_EQ(refusal(b.graph), "others read it as well");
  }
  {
    GraphBuilder b;
    const ValueId wide = add_conv(b, "wide", b.input("x", {-1, 3, 70, 66}), 3, 96, 1);
    b.output(b.node("pool", "MaxPool", {wide}, {{"kernel_shape", Ints{3, 3}}}));
    EXPECT_EQ(refusal(b.graph), "'pool' is no convolution");
  }
}

TEST(FuseBands, SmallValuesStayInTheCacheAnyway) {
  const auto session =
      make_session(make_model(make_inverted_residual(3, 1, 96), options_for(best_isa(), true)));
  EXPECT_EQ(band_steps(plan_of(*session, {1, 3, 70, 66})).size(), 1U);
  const PlanInfo small = plan_of(*session, {1, 3, 20, 20});
  EXPECT_TRUE(band_steps(small).empty());
  EXPECT_TRUE(decision(small, "fuse_bands").refused.empty());
}

TEST(BandSchedule, RowsAreComputedOnceInARangeAndAtTheBordersOfRangesTwice) {
  ConvShape wide;
  wide.in_h = wide.out_h = 40;
  wide.in_w = wide.out_w = 10;
  wide.in_c = 4;
  wide.out_c = 16;
  ConvShape deep = wide;
  deep.in_c = deep.groups = 16;
  deep.kernel_h = deep.kernel_w = 3;
  deep.pad_top = deep.pad_left = deep.pad_bottom = deep.pad_right = 1;
  const Selection<ConvKernel> kernels[] = {select_conv(wide, Isa::kGeneric),
                                           select_conv(deep, Isa::kGeneric)};
  const ConvCall calls[] = {{.kernel = kernels[0].kernel, .shape = wide},
                            {.kernel = kernels[1].kernel, .shape = deep}};
  const std::vector<const ConvCall*> chain = {&calls[0], &calls[1]};
  const std::int64_t cache = band_floats(chain, 8);
  EXPECT_EQ(band_floats(chain, 8) - band_floats(chain, 7), 10 * (4 + 16 + 16));
  const BandSchedule one = schedule_bands(chain, 1, cache);
  EXPECT_EQ(one.band_rows, 8);
  EXPECT_EQ(one.repeated, 1.0);
  EXPECT_EQ(one.buffer_floats, (std::vector<std::int64_t>{10 * 10 * 16})) << "two rows are kept";
  const auto rows_of = [](const BandList& calls_made, std::size_t stage) {
    return std::accumulate(calls_made.begin(), calls_made.end(), std::int64_t{0},
                           [&](std::int64_t sum, const BandCall& call) {
                             return sum + (call.stage == stage ? call.shape.out_h : 0);
                           });
  };
  EXPECT_EQ(rows_of(one.ranges[0], 0), 40);
  EXPECT_EQ(rows_of(one.ranges[0], 1), 40);
  const BandSchedule two = schedule_bands(chain, 2, cache);
  ASSERT_EQ(two.ranges.size(), 2U);
  EXPECT_EQ(rows_of(two.ranges[0], 0), 21);
  EXPECT_EQ(rows_of(two.ranges[1], 0), 21);
  EXPECT_EQ(rows_of(two.ranges[1], 1), 20);
  EXPECT_GT(two.repeated, 1.0);
  EXPECT_LT(two.repeated, 1.05);
}

}  // namespace
}  // namespace lode::engine
