// A profile is of the run that it says it is of: all steps, all of the time, the same results.
#include "engine/runtime/profiler.h"

#include <numeric>

#include "engine/runtime/machine_peak.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

struct Arguments {
  std::vector<Tensor> tensors;
  std::vector<TensorView> inputs;
  std::vector<MutableTensorView> outputs;
};

Arguments make_arguments(Session& session, const Shape& shape) {
  Arguments arguments;
  arguments.tensors.push_back(random_tensor(shape, 3));
  arguments.inputs.push_back(arguments.tensors.back().view());
  const std::vector<Shape> shapes = {shape};
  const auto ports = session.output_ports(shapes);
  EXPECT_TRUE(ports.ok());
  for (const PortInfo& port : *ports) {
    arguments.tensors.emplace_back(port.dtype, port.shape);
    arguments.outputs.push_back(arguments.tensors.back().mutable_view());
  }
  return arguments;
}

TEST(Profiler, HasEveryStepOfThePlanAndItsTime) {
  const auto session = make_session(make_model(make_test_net(56)), {.threads = 2, .cpus = {}});
  const Shape shape{2, 3, 56, 56};
  Arguments arguments = make_arguments(*session, shape);
  auto profiler = Profiler::create(*session, arguments.inputs, arguments.outputs);
  ASSERT_TRUE(profiler.ok()) << profiler.error().message;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(profiler->run().ok());
  const Profile profile = profiler->result();
  const auto plan = session->plan_info(std::vector<Shape>{shape});
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(profile.steps.size(), plan->steps.size());
  std::int64_t sum_ns = 0;
  for (std::size_t i = 0; i < plan->steps.size(); ++i) {
    EXPECT_EQ(profile.steps[i].info.node, plan->steps[i].node);
    EXPECT_GT(profile.steps[i].time_ns, 0);
    sum_ns += profile.steps[i].time_ns;
  }
  EXPECT_EQ(profile.runs, 20);
  EXPECT_EQ(profile.steps_ns, sum_ns);
  // On a machine that does other things meanwhile, medians may lie far apart; that the parts are
  // about the whole must hold all the same.
  EXPECT_GT(static_cast<double>(sum_ns), 0.3 * static_cast<double>(profile.run_ns));
  EXPECT_LT(static_cast<double>(sum_ns), 3.0 * static_cast<double>(profile.run_ns));
}

TEST(Profiler, ATimedRunGivesTheSameBits) {
  const auto session = make_session(make_model(make_test_net()), {.threads = 2, .cpus = {}});
  const Shape shape{1, 3, 14, 14};
  Arguments plain = make_arguments(*session, shape);
  Arguments timed = make_arguments(*session, shape);
  const auto plan = session->plan_info(std::vector<Shape>{shape});
  std::vector<std::int64_t> step_ns(plan->steps.size(), -1);
  ASSERT_TRUE(session->run(plain.inputs, plain.outputs).ok());
  ASSERT_TRUE(session->run_timed(timed.inputs, timed.outputs, step_ns).ok());
  for (std::size_t i = 0; i < plain.tensors.size(); ++i) {
    EXPECT_TRUE(same_bytes(plain.tensors[i], timed.tensors[i])) << i;
  }
  for (const std::int64_t each : step_ns) EXPECT_GE(each, 0);
}

// conv: 2 * 4*4 pixels * 8 channels * 27 products; x 3*6*6, y 8*4*4, weights as packed.
TEST(Profiler, CountsOperationsAndBytes) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 3, 6, 6});
  const ValueId w = builder.constant("w", random_tensor({8, 3, 3, 3}, 1));
  builder.output(builder.node("y", "Conv", {x, w}, {{"kernel_shape", Ints{3, 3}}}));
  const auto session = make_session(make_model(std::move(builder.graph)));
  const auto plan = session->plan_info(std::vector<Shape>{{1, 3, 6, 6}});
  ASSERT_TRUE(plan.ok());
  double flops = 0.0;
  for (const StepInfo& step : plan->steps) {
    flops += step.flops;
    if (step.op_type != "Conv") {
      EXPECT_EQ(step.flops, 0.0) << step.op_type;
      continue;
    }
    EXPECT_EQ(step.bytes, 4 * (3 * 6 * 6 + 8 * 4 * 4) + plan->packed_weight_bytes);
  }
  EXPECT_EQ(flops, 2.0 * 16 * 8 * 27);
}

TEST(Profiler, SaysWhyThereIsNothingToTime) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {4});
  const ValueId extents = builder.node("extents", "Cast", {x}, {{"to", std::int64_t{7}}});
  builder.output(builder.node("y", "ConstantOfShape", {extents}));
  const auto session = make_session(make_model(std::move(builder.graph)));
  const Tensor input(DType::kF32, Shape{4});
  const std::vector<TensorView> inputs = {input.view()};
  const auto profiler = Profiler::create(*session, inputs, {});
  ASSERT_FALSE(profiler.ok());
  EXPECT_NE(profiler.error().message.find("depend on the data"), std::string::npos);
}

TEST(MachinePeak, GrowsWithWhatItMayUse) {
  const auto generic = measure_machine_peak(Isa::kGeneric, {});
  const auto best = measure_machine_peak(best_isa(), {.threads = 2, .cpus = {}});
  ASSERT_TRUE(generic.ok() && best.ok());
  EXPECT_EQ(generic->threads, 1);
  EXPECT_EQ(best->threads, 2);
  EXPECT_GT(generic->flops_per_s, 0.0);
  EXPECT_GT(generic->read_bytes_per_s, 0.0);
  EXPECT_GT(best->flops_per_s, 0.0);
  EXPECT_EQ(generic->kernel, "generic_f32_peak");
  EXPECT_EQ(generic->byte_kernel, "generic_u8_peak");
  EXPECT_GT(generic->byte_ops_per_s, 0.0);
  EXPECT_EQ(best->ops_per_s("avx512_u8_conv"), best->byte_ops_per_s);
  EXPECT_EQ(best->ops_per_s("avx512_f32_conv"), best->flops_per_s);
  EXPECT_EQ(best->ops_per_s("avx512amx_f32_conv_bf16x3"), best->pair_flops_per_s);
  StepInfo step;
  step.kernel = "avx512_f32_conv";
  step.flops = best->flops_per_s;
  EXPECT_DOUBLE_EQ(best->seconds(step), 1.0);
  step.members = {{"avx512_f32_dwconv", best->flops_per_s}, {"avx2_u8_conv", best->byte_ops_per_s}};
  EXPECT_DOUBLE_EQ(best->seconds(step), 2.0);
  EXPECT_EQ(generic->pair_kernel, "");
  EXPECT_EQ(best->pair_flops_per_s > 0.0, best_isa() >= Isa::kAvx512Amx);
}

TEST(MachinePeak, RefusesProcessorsThatAreNotThere) {
  const auto peak = measure_machine_peak(Isa::kGeneric, {.threads = 1, .cpus = {100000}});
  ASSERT_FALSE(peak.ok());
  EXPECT_EQ(peak.error().kind, ErrorKind::kUsage);
}

}  // namespace
}  // namespace lode::engine
