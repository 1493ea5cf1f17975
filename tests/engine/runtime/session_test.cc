// Sessions against the reference executor, and what they answer to wrong calls.
#include "engine/runtime/session.h"

#include "engine/graph/graph.h"
#include "engine/kernels/cpu_features.h"
#include "engine/passes/pass.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

TEST(Session, MatchesTheReferenceWithAndWithoutPasses) {
  const Graph net = make_test_net();
  ModelOptions without;
  for (const Pass& pass : all_passes()) without.disabled_passes.emplace_back(pass.name);
  for (const std::int64_t batch : {1, 2}) {
    const std::vector<Tensor> inputs = {random_tensor({batch, 3, 14, 14}, 1)};
    expect_session_matches_reference(net, inputs);
    expect_session_matches_reference(net, inputs, without);
  }
}

TEST(Session, SpatialExtentsOfOneNeedNoConversion) {
  expect_session_matches_reference(make_test_net(2), {random_tensor({3, 3, 2, 2}, 1)});
}

TEST(Session, KernelsRunWhereTheyCan) {
  auto session = make_session(make_model(make_test_net()));
  const std::vector<Shape> shapes = {{1, 3, 14, 14}};
  const auto info = session->plan_info(shapes);
  ASSERT_TRUE(info.ok()) << info.error().message;
  EXPECT_TRUE(info->is_static);
  EXPECT_GT(info->arena_bytes, 0U);
  EXPECT_GT(info->packed_weight_bytes, 0U);
  for (const StepInfo& step : info->steps) {
    EXPECT_NE(step.kernel, "reference") << step.node << ": " << step.reason;
    EXPECT_FALSE(step.reason.empty()) << step.node;
  }
}

TEST(Session, OutputsThatNoStepWritesAreCopied) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3, 4, 4});
  const ValueId constant = builder.constant("c", random_tensor({3, 2}, 4));
  const ValueId conv = add_conv(builder, "conv", x, 3, 5, 3);
  const ValueId view =
      builder.node("view", "Reshape", {conv, builder.constant("shape", int_list({2, 80}))});
  builder.output(x);
  builder.output(constant);
  builder.output(conv);
  builder.output(view);
  builder.output(conv);
  expect_session_matches_reference(builder.graph, {random_tensor({2, 3, 4, 4}, 9)});
}

TEST(Session, ViewsOfInputsAndOfChannelsLastValues) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 48});
  const ValueId image =
      builder.node("image", "Reshape", {x, builder.constant("s", int_list({2, 3, 4, 4}))});
  const ValueId conv = add_conv(builder, "conv", image, 3, 6, 3);
  const ValueId same = builder.node("same", "Identity", {conv});
  const ValueId again = add_conv(builder, "again", same, 6, 4, 1);
  const ValueId flat = builder.node("flat", "Flatten", {again});
  builder.output(builder.node("sum", "Add", {flat, flat}));
  builder.output(same);
  for (const bool with_passes : {true, false}) {
    ModelOptions options;
    if (!with_passes) {
      for (const Pass& pass : all_passes()) options.disabled_passes.emplace_back(pass.name);
    }
    expect_session_matches_reference(builder.graph, {random_tensor({2, 48}, 9)}, options);
  }
}

TEST(Session, BroadcastsAcrossLayouts) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3, 5, 4});
  const ValueId plain = builder.input("plain", {2, 6, 5, 4});
  const ValueId conv = add_conv(builder, "conv", x, 3, 6, 3);
  const auto constant = [&](std::string_view name, Shape shape) {
    return builder.constant(name, random_tensor(shape, 31, 0.5F, 1.5F));
  };
  const ValueId a = builder.node("a", "Mul", {conv, constant("per_channel", {6, 1, 1})});
  const ValueId b = builder.node("b", "Sub", {a, constant("per_column", {4})});
  const ValueId c = builder.node("c", "Div", {b, constant("whole", {1, 6, 5, 4})});
  const ValueId d = builder.node("d", "Add", {plain, c});
  const ValueId e = builder.node("e", "Mul", {constant("rank5", {2, 1, 1, 1, 1}), d});
  const ValueId f = builder.node("f", "Concat", {c, plain, constant("rows", {2, 6, 5, 4})},
                                 {{"axis", std::int64_t{2}}});
  builder.output(e);
  builder.output(f);
  expect_session_matches_reference(
      builder.graph, {random_tensor({2, 3, 5, 4}, 1), random_tensor({2, 6, 5, 4}, 2)});
}

TEST(Session, OperatorsThatNoKernelTakesRunByReference) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2, 6});  // one spatial axis
  const ValueId w = builder.input("w", {4, 2, 3});  // weights that are not constant
  const ValueId conv = builder.node("conv", "Conv", {x, w}, {{"kernel_shape", Ints{3}}});
  const ValueId integers = builder.node("integers", "Cast", {conv}, {{"to", std::int64_t{7}}});
  builder.output(integers);
  builder.output(conv);
  expect_session_matches_reference(builder.graph, {random_tensor({1, 2, 6}, 1, -9.0F, 9.0F),
                                                   random_tensor({4, 2, 3}, 2, -9.0F, 9.0F)});
  auto session = make_session(make_model(builder.graph));
  const std::vector<Shape> shapes = {{1, 2, 6}, {4, 2, 3}};
  const auto info = session->plan_info(shapes);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->steps[0].kernel, "reference");
  EXPECT_EQ(info->steps[0].reason, "not two spatial axes");
}

TEST(Session, WritesIntoTheCallersMemoryAndNowhereElse) {
  auto session = make_session(make_model(make_test_net()));
  const Tensor input = random_tensor({1, 3, 14, 14}, 1);
  const std::vector<Tensor> want = run_session(*session, {input});
  std::vector<float> memory(7 + 16, -5.0F);
  std::vector<float> middle(12 * 7 * 7);
  const std::vector<TensorView> inputs = {input.view()};
  const std::vector<MutableTensorView> outputs = {
      {reinterpret_cast<std::byte*>(memory.data() + 8), DType::kF32, {1, 7}},
      {reinterpret_cast<std::byte*>(middle.data()), DType::kF32, {1, 12, 7, 7}}};
  const Status status = session->run(inputs, outputs);
  ASSERT_TRUE(status.ok()) << status.error().message;
  for (std::size_t i = 0; i < memory.size(); ++i) {
    EXPECT_EQ(memory[i] == -5.0F, i < 8 || i >= 15) << i;
  }
  EXPECT_EQ(std::memcmp(memory.data() + 8, want[0].view().data, 7 * sizeof(float)), 0);
}

TEST(Session, ShapesThatDependOnDataRunByReference) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3});
  const ValueId shape = builder.input("shape", {2}, DType::kI64);
  builder.output(builder.node("y", "Reshape", {x, shape}));
  auto session = make_session(make_model(builder.graph));
  const std::vector<Shape> shapes = {{2, 3}, {2}};
  const auto info = session->plan_info(shapes);
  ASSERT_TRUE(info.ok()) << info.error().message;
  EXPECT_FALSE(info->is_static);
  EXPECT_EQ(info->data_dependent_nodes, std::vector<std::string>{"y"});
  const auto unknown = session->output_ports(shapes);
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message, HasSubstr("'y'"));

  const Tensor data = random_tensor({2, 3}, 3);
  const Tensor target = int_list({3, 2});
  const auto outputs = run_session(*session, {data, target});
  ASSERT_EQ(outputs.size(), 1U);
  EXPECT_EQ(outputs[0].shape(), (Shape{3, 2}));

  Tensor result(DType::kF32, {3, 2});
  const std::vector<TensorView> inputs = {data.view(), target.view()};
  std::vector<MutableTensorView> views = {result.mutable_view()};
  EXPECT_TRUE(session->run(inputs, views).ok());
  EXPECT_EQ(std::memcmp(result.view().data, data.view().data, data.byte_size()), 0);
  Tensor wrong(DType::kF32, {2, 3});
  views = {wrong.mutable_view()};
  const Status refused = session->run(inputs, views);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("[3,2]"));
}

TEST(Session, AnErrorInAReferenceStepComesBackOnce) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2}, DType::kI64);
  const ValueId y = builder.input("y", {2}, DType::kI64);
  builder.output(builder.node("ratio", "Div", {x, y}));
  auto session = make_session(make_model(builder.graph));
  const Tensor data = int_list({6, 8});
  const Tensor zero = int_list({1, 0});
  const Tensor two = int_list({2, 2});
  Tensor result(DType::kI64, {2});
  const std::vector<MutableTensorView> outputs = {result.mutable_view()};
  const std::vector<TensorView> bad = {data.view(), zero.view()};
  const Status failed = session->run(bad, outputs);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message, HasSubstr("'ratio'"));
  const std::vector<TensorView> good = {data.view(), two.view()};
  ASSERT_TRUE(session->run(good, outputs).ok());
  EXPECT_EQ(result.as<std::int64_t>()[1], 4);
}

class WrongCalls : public testing::Test {
 protected:
  std::string message(std::vector<TensorView> inputs, std::vector<MutableTensorView> outputs) {
    const Status status = session_->run(inputs, outputs);
    EXPECT_FALSE(status.ok());
    return status.ok() ? "" : status.error().message;
  }

  std::unique_ptr<Session> session_ = make_session(make_model(make_test_net()));
  Tensor input_ = random_tensor({1, 3, 14, 14}, 1);
  Tensor first_{DType::kF32, {1, 7}};
  Tensor second_{DType::kF32, {1, 12, 7, 7}};
  std::vector<MutableTensorView> outputs_ = {first_.mutable_view(), second_.mutable_view()};
};

TEST_F(WrongCalls, NameTheInput) {
  EXPECT_THAT(message({}, outputs_), HasSubstr("0 inputs are given; the model has 1: 'x'"));
  const Tensor bytes(DType::kU8, {1, 3, 14, 14});
  EXPECT_THAT(message({bytes.view()}, outputs_), HasSubstr("'x' is u8; the model has f32"));
  const Tensor larger(DType::kF32, {1, 3, 15, 14});
  EXPECT_THAT(message({larger.view()}, outputs_), HasSubstr("[1,3,15,14]"));
  TensorView nothing = input_.view();
  nothing.data = nullptr;
  EXPECT_THAT(message({nothing}, outputs_), HasSubstr("'x' has no memory"));
}

TEST_F(WrongCalls, NameTheOutput) {
  EXPECT_THAT(message({input_.view()}, {outputs_[0]}),
              HasSubstr("1 outputs are given; the model has 2: 'probabilities', 'sum'"));
  Tensor wrong(DType::kF32, {1, 8});
  EXPECT_THAT(message({input_.view()}, {wrong.mutable_view(), outputs_[1]}),
              HasSubstr("'probabilities' has shape [1,8]; for these inputs it is [1,7]"));
  Tensor bytes(DType::kU8, {1, 7});
  EXPECT_THAT(message({input_.view()}, {bytes.mutable_view(), outputs_[1]}),
              HasSubstr("'probabilities' is u8"));
  // And the session still works.
  const std::vector<TensorView> inputs = {input_.view()};
  EXPECT_TRUE(session_->run(inputs, outputs_).ok());
}

TEST(Session, RefusesOptionsThatCannotBe) {
  const auto model = make_model(make_test_net());
  const auto none = Session::create(model, {.threads = 0, .cpus = {}});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().kind, ErrorKind::kUsage);
  const auto nowhere = Session::create(model, {.threads = 1, .cpus = {99999}});
  ASSERT_FALSE(nowhere.ok());
  EXPECT_THAT(nowhere.error().message, HasSubstr("99999"));
}

TEST(Model, TellsItsPorts) {
  const auto model = make_model(make_test_net());
  ASSERT_EQ(model->inputs().size(), 1U);
  EXPECT_EQ(model->inputs()[0].name, "x");
  EXPECT_EQ(model->inputs()[0].shape.to_string(), "[?,3,14,14]");
  ASSERT_EQ(model->outputs().size(), 2U);
  EXPECT_EQ(model->outputs()[0].name, "probabilities");
  EXPECT_EQ(model->precision(), "fp32");
  EXPECT_GT(model->weight_bytes(), 1000U);
  EXPECT_TRUE(model->has_symbolic_batch());
}

TEST(Model, BindsSymbolicExtents) {
  GraphBuilder builder;
  const ValueId x = builder.editor.add_value("x");
  builder.editor.declare(x, DType::kF32, Shape{-1, 3, -1, -1}, {"N", "", "height", ""});
  builder.editor.add_input(x);
  builder.output(builder.node("y", "Relu", {x}));
  const auto model = make_model(std::move(builder.graph));
  const auto shapes = model->input_shapes(4, 32);
  ASSERT_TRUE(shapes.ok()) << shapes.error().message;
  EXPECT_EQ((*shapes)[0], (Shape{4, 3, 32, 32}));
  const auto unbound = model->input_shapes(4);
  ASSERT_FALSE(unbound.ok());
  EXPECT_EQ(unbound.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(unbound.error().message, HasSubstr("'height'"));
  EXPECT_FALSE(model->input_shapes(0, 32).ok());
}

TEST(Model, AStaticBatchIsKept) {
  GraphBuilder builder;
  builder.output(builder.node("y", "Relu", {builder.input("x", {2, 3})}));
  const auto model = make_model(std::move(builder.graph));
  EXPECT_FALSE(model->has_symbolic_batch());
  EXPECT_TRUE(model->input_shapes(2).ok());
  const auto other = model->input_shapes(3);
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.error().message, HasSubstr("takes a batch of 2; 3 was asked for"));
}

TEST(Model, TheInstructionSetIsCappedByName) {
  const Graph net = make_test_net();
  EXPECT_EQ(
      make_model(net, {.disabled_passes = {}, .stop_after_pass = "", .isa = "generic"})->isa(),
      "generic");
  EXPECT_EQ(make_model(net)->isa(), isa_name(best_isa()));
  const auto unknown =
      Model::from_graph(net, {.disabled_passes = {}, .stop_after_pass = "", .isa = "mmx"});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(unknown.error().message, HasSubstr("'mmx' is unknown; there are generic, avx2"));
  for (const Isa isa : kAllIsas) {
    const ModelOptions options{
        .disabled_passes = {}, .stop_after_pass = "", .isa = std::string(isa_name(isa))};
    const auto capped = Model::from_graph(net, options);
    EXPECT_EQ(capped.ok(), isa <= best_isa());
    if (!capped.ok()) {
      EXPECT_EQ(capped.error().kind, ErrorKind::kUsage);
      EXPECT_THAT(capped.error().message, HasSubstr(isa_names_up_to(best_isa())));
    }
  }
}

TEST(Model, AMissingFileIsNamed) {
  const auto missing = Model::load("/nonexistent/m.onnx", {});
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("/nonexistent/m.onnx"));
}

}  // namespace
}  // namespace lode::engine
