// Inference over graphs: known extents become constants, unknown ones spread.
#include "engine/ops/shape_inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ops/broadcast.h"
#include "engine/ops/window.h"
#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

const ValueInfo& info(const InferredGraph& inferred, ValueId id) {
  return inferred.values[static_cast<std::size_t>(id)];
}

Result<InferredGraph> infer(const GraphBuilder& builder, const std::vector<Shape>& shapes) {
  return infer_shapes(builder.graph, shapes);
}

TEST(ShapeInference, ExtentsComputedFromShapesAreConstants) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 8, 2, 2});
  const ValueId shape = builder.node("shape", "Shape", {x});
  const ValueId zero = builder.constant("zero", tensor_of<std::int64_t>({0}, {}));
  const ValueId axes = builder.constant("axes", ints({0}));
  const ValueId rest = builder.constant("rest", ints({-1}));
  const ValueId batch = builder.node("batch", "Gather", {shape, zero});
  const ValueId batches = builder.node("batches", "Unsqueeze", {batch, axes});
  const ValueId wanted =
      builder.node("wanted", "Concat", {batches, rest}, {{"axis", std::int64_t{0}}});
  const ValueId flat = builder.node("flat", "Reshape", {x, wanted});
  builder.output(flat);
  const auto inferred = infer(builder, {{3, 8, 2, 2}});
  ASSERT_TRUE(inferred.ok()) << inferred.error().message;
  EXPECT_EQ(info(*inferred, flat).shape, (Shape{3, 32}));
  EXPECT_TRUE(inferred->data_dependent.empty());
  ASSERT_NE(info(*inferred, wanted).constant, nullptr);
  EXPECT_THAT(info(*inferred, wanted).constant->as<std::int64_t>(), testing::ElementsAre(3, -1));
  EXPECT_EQ(info(*inferred, x).constant, nullptr);
}

TEST(ShapeInference, ShapesFromDataAreUnknownAllTheWayDown) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {6});
  const ValueId wanted = builder.input("wanted", {2}, DType::kI64);
  const ValueId shaped = builder.node("shaped", "Reshape", {x, wanted});
  const ValueId relu = builder.node("relu", "Relu", {shaped});
  const ValueId other = builder.node("other", "Relu", {x});
  builder.output(relu);
  builder.output(other);
  const auto inferred = infer(builder, {{6}, {2}});
  ASSERT_TRUE(inferred.ok()) << inferred.error().message;
  EXPECT_FALSE(info(*inferred, shaped).known_shape);
  EXPECT_FALSE(info(*inferred, relu).known_shape);
  EXPECT_TRUE(info(*inferred, other).known_shape);
  EXPECT_THAT(inferred->data_dependent,
              testing::ElementsAre(builder.producer(shaped), builder.producer(relu)));
}

TEST(ShapeInference, EveryInputOfValuesMayComeFromData) {
  struct Case {
    Op op;
    std::size_t unknown;
    Shape shape;
  };
  for (const auto& [op, unknown, shape] : std::vector<Case>{{Op{"Pad"}, 1, {4}},
                                                            {Op{"Pad", 18}, 3, {2}},
                                                            {Op{"ReduceMean", 18}, 1, {1}},
                                                            {Op{"Squeeze"}, 1, {1}},
                                                            {Op{"Unsqueeze"}, 1, {1}},
                                                            {Op{"ConstantOfShape"}, 0, {2}}}) {
    GraphBuilder builder;
    builder.opset = op.opset;
    std::vector<ValueId> inputs;
    for (std::size_t i = 0; i < unknown; ++i) {
      inputs.push_back(i == 2   ? kNoValue
                       : i == 1 ? builder.constant("pads", ints({0, 0, 0, 0}))
                                : builder.input("x", {1, 2}));
    }
    inputs.push_back(builder.input("from data", shape, DType::kI64));
    const ValueId result = builder.node("result", op.type, inputs);
    std::vector<Shape> shapes;
    for (const ValueId id : builder.graph.inputs()) {
      shapes.push_back(*builder.graph.value(id).shape);
    }
    const auto inferred = infer(builder, shapes);
    ASSERT_TRUE(inferred.ok()) << op.type << ": " << inferred.error().message;
    EXPECT_FALSE(info(*inferred, result).known_shape) << op.type;
    EXPECT_EQ(inferred->data_dependent.size(), 1U) << op.type;
  }
}

TEST(ShapeInference, ConstantNodesAreKnownWhateverTheirSize) {
  GraphBuilder builder;
  const ValueId big = builder.node("big", "Constant", {}, {{"value", iota({100'000})}});
  const ValueId sum = builder.node("sum", "Relu", {big});
  builder.output(sum);
  const auto inferred = infer(builder, {});
  ASSERT_TRUE(inferred.ok()) << inferred.error().message;
  EXPECT_NE(info(*inferred, big).constant, nullptr);
  EXPECT_EQ(info(*inferred, sum).constant, nullptr) << "too large to evaluate in inference";
}

TEST(ShapeInference, OmittedOutputsStayOmitted) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3, 4});
  Node node = Op{"MaxPool", 13, {{"kernel_shape", Ints{2}}}, 2}.node(1);
  const ValueId indices = builder.editor.add_value("indices");
  node.inputs = {x};
  node.outputs = {builder.editor.add_value("y"), indices};
  builder.editor.add_node(node);
  builder.output(indices);
  const auto inferred = infer(builder, {{2, 3, 4}});
  ASSERT_TRUE(inferred.ok()) << inferred.error().message;
  EXPECT_EQ(info(*inferred, indices).dtype, DType::kI64);
  EXPECT_EQ(info(*inferred, indices).shape, (Shape{2, 3, 3}));

  Node alone = Op{"MaxPool", 13, {{"kernel_shape", Ints{2}}}, 2}.node(1);
  alone.outputs[1] = kNoValue;
  const Tensor tensor = iota({1, 1, 2});
  const Tensor* const inputs[] = {&tensor};
  const auto result = run_reference(alone, inputs);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ((*result)[0].as<float>()[0], 1.0F);
  EXPECT_EQ((*result)[1].element_count(), 0);
}

TEST(ShapeInference, RefusesInputsThatDoNotFit) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 3});
  builder.output(builder.node("y", "Relu", {x}));
  EXPECT_THAT(infer(builder, {{2, 4}}).error().message,
              testing::AllOf(testing::HasSubstr("'x'"), testing::HasSubstr("[2,4]"),
                             testing::HasSubstr("[?,3]")));
  EXPECT_FALSE(infer(builder, {{3}}).ok());
  EXPECT_FALSE(infer(builder, {{-1, 3}}).ok());
  EXPECT_FALSE(infer(builder, {}).ok());
  EXPECT_THAT(infer(builder, {{INT64_MAX / 2, 3}}).error().message,
              testing::HasSubstr("more than"));
  EXPECT_TRUE(infer(builder, {{0, 3}}).ok());
}

TEST(ShapeInference, NamesTheNodeThatFails) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3});
  builder.output(builder.node("product", "MatMul", {x, x}));
  EXPECT_THAT(infer(builder, {{2, 3}}).error().message, testing::HasSubstr("'product' (MatMul)"));
}

TEST(Broadcast, WalksScalarsAndEmptyShapes) {
  int rows = 0;
  for_each_row<1>(Shape{}, {Shape{}},
                  [&](const Row<1>& row) { rows += static_cast<int>(row.count); });
  EXPECT_EQ(rows, 1);
  for_each_row<1>(Shape{2, 0}, {Shape{0, 1}}, [&](const Row<1>&) { ++rows; });
  EXPECT_EQ(rows, 1);
}

TEST(Window, LeadingAxesOfSmallRanksAreOne) {
  const Node node = Op{"MaxPool", 13, {{"kernel_shape", Ints{2, 3}}}}.node(1);
  const auto window = pool_window(node, {1, 1, 5, 7});
  ASSERT_TRUE(window.ok());
  EXPECT_EQ(window->rank, 2U);
  EXPECT_EQ(window->depth().output, 1);
  EXPECT_EQ(window->height().output, 4);
  EXPECT_EQ(window->width().output, 5);
  EXPECT_EQ(window->kernel_count(), 6);
  EXPECT_EQ(window_output_shape(*window, 8, 9), (Shape{8, 9, 4, 5}));
}

}  // namespace
}  // namespace lode::engine
