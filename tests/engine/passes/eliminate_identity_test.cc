// Copies go; outputs keep their names; what might not be a copy stays.
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

TEST(EliminateIdentity, RemovesCopiesInAChain) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId i = b.node("i", "Identity", {x});
  const ValueId d = b.node("d", "Dropout", {i});
  const ValueId r = b.node("r", "Relu", {d});
  b.output(b.node("y", "Add", {r, i}));
  const Rewritten after = rewrite(b.graph, eliminate_identity);
  EXPECT_EQ(dump(after.graph), "r: Relu(x) -> r\ny: Add(r, x) -> y\n");
  EXPECT_EQ(after.report.changes, 2);
}

TEST(EliminateIdentity, OutputKeepsItsNameAndOtherReadersFollow) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId r = b.node("r", "Relu", {x});
  b.output(b.node("y", "Identity", {r}));
  b.output(b.node("z", "Add", {r, r}));
  const Rewritten after = rewrite(b.graph, eliminate_identity);
  EXPECT_EQ(dump(after.graph), "r: Relu(x) -> y\nz: Add(y, y) -> z\n");
}

TEST(EliminateIdentity, LeavesCopiesBetweenPorts) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId r = b.node("r", "Relu", {x});
  b.output(b.node("copy_of_input", "Identity", {x}));
  b.output(r);
  b.output(b.node("copy_of_output", "Identity", {r}));
  b.output(b.node("copy_of_constant", "Identity", {b.constant("c", random_tensor({2}, 1))}));
  const Rewritten after = rewrite(b.graph, eliminate_identity);
  EXPECT_EQ(after.report.changes, 0);
  EXPECT_THAT(after.refusal("copy_of_input"), HasSubstr("to a graph output"));
  EXPECT_THAT(after.refusal("copy_of_output"), HasSubstr("to a graph output"));
  EXPECT_THAT(after.refusal("copy_of_constant"), HasSubstr("to a graph output"));
}

TEST(EliminateIdentity, DropoutMustBeKnownToInfer) {
  const auto after_mode = [](std::vector<bool> mode) {
    GraphBuilder b;
    const ValueId x = b.input("x", {2});
    Tensor flag(DType::kBool, {});
    flag.mutable_view().as<bool>()[0] = mode[0];
    const ValueId d = b.node("d", "Dropout", {x, kNoValue, b.constant("mode", flag)});
    b.output(b.node("y", "Relu", {d}));
    PassReport report;
    EXPECT_TRUE(eliminate_identity(b.graph, report).ok());
    return report;
  };
  EXPECT_EQ(after_mode({false}).changes, 1);
  const PassReport training = after_mode({true});
  EXPECT_EQ(training.changes, 0);
  ASSERT_EQ(training.refused.size(), 1U);
  EXPECT_EQ(training.refused[0].why, "it is not known to be in inference mode");
}

TEST(EliminateIdentity, OldDropoutSaysItByAttribute) {
  for (const std::int64_t is_test : {0, 1}) {
    GraphBuilder b;
    b.opset = 6;
    const ValueId x = b.input("x", {2});
    b.output(b.node("y", "Relu", {b.node("d", "Dropout", {x}, {{"is_test", is_test}})}));
    PassReport report;
    ASSERT_TRUE(eliminate_identity(b.graph, report).ok());
    EXPECT_EQ(report.changes, is_test);
  }
}

TEST(EliminateIdentity, DropoutWhoseMaskIsReadStays) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId mask = b.editor.add_value("mask");
  Node node;
  node.name = "d";
  node.op_type = "Dropout";
  node.opset = 13;
  node.inputs = {x};
  node.outputs = {b.editor.add_value("d"), mask};
  b.editor.add_node(node);
  b.output(mask);
  PassReport report;
  ASSERT_TRUE(eliminate_identity(b.graph, report).ok());
  EXPECT_EQ(report.changes, 0);
  EXPECT_EQ(report.refused.at(0).why, "its second output is read");
}

}  // namespace
}  // namespace lode::engine
