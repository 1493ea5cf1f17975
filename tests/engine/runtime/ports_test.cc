// What a model says of its ports against what its graph does with them.
#include <bit>

#include "engine/kernels/aligned_floats.h"
#include "engine/passes/pass.h"
#include "engine/runtime/plan.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

/// x [2,3] -> Identity, its output declared as given.
Graph declared_as(std::optional<DType> dtype, std::optional<Shape> shape) {
  GraphBuilder builder;
  const ValueId y = builder.node("y", "Relu", {builder.input("x", {2, 3})});
  if (dtype) builder.editor.declare(y, *dtype, shape, {});
  builder.output(y);
  return std::move(builder.graph);
}

std::string refusal(Graph graph) {
  auto session = make_session(make_model(std::move(graph)));
  const Status status = session->prepare(std::vector<Shape>{{2, 3}});
  return status.ok() ? "" : status.error().message;
}

TEST(Ports, AnUntrueDeclarationIsNamed) {
  EXPECT_EQ(refusal(declared_as(std::nullopt, std::nullopt)), "");
  EXPECT_EQ(refusal(declared_as(DType::kF32, Shape{-1, 3})), "");
  EXPECT_THAT(refusal(declared_as(DType::kI64, Shape{2, 3})),
              HasSubstr("output 'y' is declared i64[2,3]; the graph makes f32[2,3]"));
  EXPECT_THAT(refusal(declared_as(DType::kF32, Shape{2, 4})),
              HasSubstr("output 'y' is declared f32[2,4]; the graph makes f32[2,3]"));
  EXPECT_THAT(refusal(declared_as(DType::kF32, Shape{2, 3, 1})), HasSubstr("f32[2,3,1]"));
}

TEST(Ports, ResultsThatDependOnDataAreHeldToTheDeclaration) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3});
  const ValueId y = builder.node("y", "Reshape", {x, builder.input("shape", {2}, DType::kI64)});
  builder.editor.declare(y, DType::kF32, Shape{6, 1}, {});
  builder.output(y);
  auto session = make_session(make_model(std::move(builder.graph)));
  const Tensor data = random_tensor({2, 3}, 1);
  const Tensor good = int_list({6, 1});
  const Tensor bad = int_list({3, 2});
  EXPECT_TRUE(session->run_allocating(std::vector<TensorView>{data.view(), good.view()}).ok());
  const auto refused = session->run_allocating(std::vector<TensorView>{data.view(), bad.view()});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("declared f32[6,1]; the graph makes f32[3,2]"));
}

TEST(Ports, TypesOfUndeclaredOutputsAreTheGraphs) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 3});
  builder.output(builder.node("y", "Cast", {x}, {{"to", std::int64_t{7}}}));
  auto session = make_session(make_model(std::move(builder.graph)));
  const auto ports = session->output_ports(std::vector<Shape>{{4, 3}});
  ASSERT_TRUE(ports.ok()) << ports.error().message;
  ASSERT_EQ(ports->size(), 1U);
  EXPECT_EQ(ports->front().name, "y");
  EXPECT_EQ(ports->front().dtype, DType::kI64);
  EXPECT_EQ(ports->front().shape, (Shape{4, 3}));
}

TEST(Ports, OnlySymbolicLeadingExtentsTakeTheBatch) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 3});
  const ValueId shift = builder.input("shift", {3});
  builder.output(builder.node("y", "Add", {x, shift}));
  const auto model = make_model(std::move(builder.graph));
  EXPECT_TRUE(model->has_symbolic_batch());
  const auto shapes = model->input_shapes(5);
  ASSERT_TRUE(shapes.ok()) << shapes.error().message;
  EXPECT_EQ(*shapes, (std::vector<Shape>{{5, 3}, {3}}));
}

TEST(Ports, ASizeNeedsAnOpenHeightOrWidth) {
  GraphBuilder builder;
  builder.output(builder.node("y", "Relu", {builder.input("x", {-1, 3, 8, 8})}));
  const auto model = make_model(std::move(builder.graph));
  EXPECT_FALSE(model->has_symbolic_size());
  EXPECT_TRUE(model->input_shapes(1).ok());
  EXPECT_TRUE(model->input_shapes(1, 8).ok());
  const auto refused = model->input_shapes(1, 300);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(refused.error().message, HasSubstr("300"));
}

TEST(Ports, OverlappingMemoryIsRefused) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {4});
  builder.output(builder.node("y", "Relu", {x}));
  builder.output(builder.node("z", "Sigmoid", {x}));
  auto session = make_session(make_model(std::move(builder.graph)));
  std::vector<float> memory(12, 1.0F);
  const auto at = [&](std::size_t first) {
    return MutableTensorView{reinterpret_cast<std::byte*>(memory.data() + first), DType::kF32, {4}};
  };
  const auto message = [&](std::size_t input, std::size_t y, std::size_t z) -> std::string {
    const std::vector<TensorView> inputs = {at(input)};
    const std::vector<MutableTensorView> outputs = {at(y), at(z)};
    const Status status = session->run(inputs, outputs);
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(message(0, 4, 8), "");
  EXPECT_THAT(message(0, 0, 8), HasSubstr("'y' overlaps"));
  EXPECT_THAT(message(0, 4, 7), HasSubstr("'z' overlaps"));
  EXPECT_THAT(message(5, 1, 2), HasSubstr("'z' overlaps"));
}

TEST(Ports, PrecisionIsThatOfTheWeights) {
  const auto precision = [](std::vector<DType> weights) {
    GraphBuilder builder;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const ValueId w = builder.constant(fmt::format("w{}", i), Tensor(weights[i], {2, 2}));
      builder.output(builder.node(fmt::format("y{}", i), "Relu", {w}));
    }
    ModelOptions options;
    options.stop_after_pass = all_passes().front().name;
    return make_model(std::move(builder.graph), options)->precision();
  };
  EXPECT_EQ(precision({DType::kF32}), "fp32");
  EXPECT_EQ(precision({DType::kF16, DType::kF16}), "fp16");
  EXPECT_EQ(precision({DType::kF64}), "fp64");
  EXPECT_EQ(precision({DType::kF16, DType::kF32}), "mixed");
}

TEST(Ports, APassIsNotBothDisabledAndTheLast) {
  const std::string pass(all_passes().front().name);
  const auto refused = Model::from_graph(
      make_test_net(), {.disabled_passes = {pass}, .stop_after_pass = pass, .isa = ""});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(refused.error().message, HasSubstr(pass));
}

TEST(Denormals, CountAsZeroOnEveryPath) {
  GraphBuilder builder;
  const ValueId a = builder.constant("a", tensor_of<float>({1e-30F, 2.0F}, {2}));
  const ValueId b = builder.constant("b", tensor_of<float>({1e-10F, 3.0F}, {2}));
  builder.output(builder.node("known", "Mul", {a, b}));
  const ValueId x = builder.input("x", {2});
  builder.output(builder.node("made", "Mul", {x, b}));
  const std::vector<Tensor> inputs = {tensor_of<float>({1e-30F, 2.0F}, {2})};
  ModelOptions without;
  for (const Pass& pass : all_passes()) without.disabled_passes.emplace_back(pass.name);
  const auto expect_zero = [](const std::vector<Tensor>& outputs) {
    ASSERT_EQ(outputs.size(), 2U);
    for (const Tensor& output : outputs) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(output.as<float>()[0]), 0U);
      EXPECT_EQ(output.as<float>()[1], 6.0F);
    }
  };
  expect_zero(run_plainly(builder.graph, inputs));
  expect_zero(run_session(*make_session(make_model(builder.graph)), inputs));
  expect_zero(run_session(*make_session(make_model(builder.graph, without)), inputs));
}

/// Has no memory for any packed weights.
class FullCache final : public WeightCache {
 public:
  std::shared_ptr<const void> get(std::string_view,
                                  const std::function<std::shared_ptr<const void>()>&) override {
    throw NoMemoryForFloats(123456);
  }
};

TEST(Memory, WeightsThatDoNotFitAreAnError) {
  FullCache cache;
  const Graph net = make_test_net();
  const auto plan = Plan::build(net, std::vector<Shape>{{1, 3, 14, 14}}, cache, PlanOptions{});
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().kind, ErrorKind::kRuntime);
  EXPECT_THAT(plan.error().message, HasSubstr("123456 bytes"));
}

TEST(Memory, TooManyFloatsThrow) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer ends the program on such a request";
#else
  EXPECT_THROW(AlignedFloats(std::size_t{1} << 58), NoMemoryForFloats);
#endif
}

}  // namespace
}  // namespace lode::engine
