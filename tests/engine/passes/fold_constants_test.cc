// What no input can change is computed once, but not at any price.
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(FoldConstants, FoldsChainsOfOldExporters) {
  GraphBuilder b;
  b.opset = 9;
  const ValueId x = b.input("x", {1, 2, 2, 2});
  const ValueId scale = b.constant("scale", tensor_of<float>({2, 3}, {2}));
  const ValueId wide =
      b.node("wide", "Unsqueeze", {scale}, {{"axes", std::vector<std::int64_t>{1, 2}}});
  const ValueId two = b.node("two", "Constant", {}, {{"value", tensor_of<float>({2}, {})}});
  const ValueId twice = b.node("twice", "Mul", {wide, two});
  b.output(b.node("y", "Mul", {x, twice}));
  const Rewritten after = rewrite(b.graph, fold_constants);
  EXPECT_EQ(dump(after.graph), "y: Mul(x, twice) -> y\n");
  EXPECT_EQ(after.report.changes, 3);
  EXPECT_THAT(after.graph.constant(twice)->as<float>(), ElementsAre(4, 6));
}

TEST(FoldConstants, FoldsConstantOfShape) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 2});
  const ValueId shape = b.constant("shape", tensor_of<std::int64_t>({2, 2}, {2}));
  const ValueId fives =
      b.node("fives", "ConstantOfShape", {shape}, {{"value", tensor_of<float>({5}, {1})}});
  b.output(b.node("y", "Add", {x, fives}));
  const Rewritten after = rewrite(b.graph, fold_constants);
  EXPECT_EQ(dump(after.graph), "y: Add(x, fives) -> y\n");
}

// A square of `extent` made by ConstantOfShape.
ValueId add_square(GraphBuilder& b, const std::string& name, std::int64_t extent) {
  const Tensor shape = tensor_of<std::int64_t>({extent, extent}, {2});
  return b.node(name, "ConstantOfShape", {b.constant(name + "_shape", shape)});
}

TEST(FoldConstants, RefusesResultsThatWouldSwellTheModel) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1});
  b.output(b.node("a", "Add", {x, add_square(b, "large", std::int64_t{1} << 15)}));
  b.output(b.node("b", "MatMul", {x, add_square(b, "huge", std::int64_t{1} << 31)}));
  b.output(b.node("c", "MatMul", {x, add_square(b, "overflow", std::int64_t{1} << 60)}));
  PassReport report;
  ASSERT_TRUE(fold_constants(b.graph, report).ok());
  EXPECT_EQ(report.changes, 0);
  ASSERT_EQ(report.refused.size(), 3U);
  EXPECT_EQ(report.refused[0].node, "large");
  EXPECT_EQ(report.refused[0].why, "its result is larger than 64 MB");
  EXPECT_EQ(report.refused[1].node, "huge");
  EXPECT_EQ(report.refused[2].node, "overflow");
}

TEST(FoldConstants, WeightsMayBeLarger) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 5000});
  const ValueId w = add_square(b, "w", 5000);
  b.output(b.node("y", "MatMul", {x, w}));
  PassReport report;
  ASSERT_TRUE(fold_constants(b.graph, report).ok());
  EXPECT_EQ(report.changes, 1);
  ASSERT_NE(b.graph.constant(w), nullptr);
  EXPECT_EQ(b.graph.constant(w)->byte_size(), 100'000'000U);
}

TEST(FoldConstants, LeavesOutputsAndWhatNobodyReads) {
  GraphBuilder b;
  b.input("x", {1});
  const ValueId c = b.constant("c", tensor_of<float>({-1, 2}, {2}));
  b.output(b.node("y", "Relu", {c}));
  b.node("unread", "Sigmoid", {c});
  const Rewritten after = rewrite(b.graph, fold_constants);
  EXPECT_EQ(after.report.changes, 0);
  EXPECT_EQ(after.refusal("y"), "it makes an output of the graph");
  EXPECT_EQ(after.refusal("unread"), "");
}

TEST(FoldConstants, NodeThatCannotRunIsLeftForInferenceToName) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1});
  const ValueId bad =
      b.node("bad", "Add",
             {b.constant("p", random_tensor({2}, 1)), b.constant("q", random_tensor({3}, 2))});
  b.output(b.node("y", "Add", {x, bad}));
  PassReport report;
  ASSERT_TRUE(fold_constants(b.graph, report).ok());
  EXPECT_EQ(report.changes, 0);
  EXPECT_THAT(report.refused.at(0).why, HasSubstr("node 'bad' (Add)"));
}

}  // namespace
}  // namespace lode::engine
