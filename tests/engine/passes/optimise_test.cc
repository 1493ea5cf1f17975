// The list: its order, its options, its reports; and dead code, which ends it.
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Conv -> BatchNormalization -> Relu -> Identity -> Add(residual) -> Relu, with a dead branch.
GraphBuilder residual_block() {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 2, 4, 4});
  const ValueId conv = b.node("conv", "Conv", {x, b.constant("w", random_tensor({2, 2, 1, 1}, 1))});
  const ValueId bn = b.node(
      "bn", "BatchNormalization",
      {conv, b.constant("s", random_tensor({2}, 2)), b.constant("b", random_tensor({2}, 3)),
       b.constant("m", random_tensor({2}, 4)), b.constant("v", random_tensor({2}, 5, 0.5F, 1))});
  const ValueId relu = b.node("relu", "Relu", {bn});
  const ValueId copy = b.node("copy", "Identity", {relu});
  const ValueId sum = b.node("sum", "Add", {copy, x});
  b.output(b.node("y", "Relu", {sum}));
  b.node("dead2", "Sigmoid", {b.node("dead1", "Mul", {x, b.constant("d", random_tensor({1}, 6))})});
  return b;
}

// The passes that nobody has to ask for.
std::vector<std::string_view> usual_passes() {
  std::vector<std::string_view> names;
  for (const Pass& pass : all_passes()) {
    EXPECT_FALSE(pass.reason.empty());
    if (pass.precision.empty()) names.push_back(pass.name);
  }
  return names;
}

TEST(Optimise, WholeListLeavesTheFusedNodes) {
  const GraphBuilder b = residual_block();
  Graph optimised = b.graph;
  const auto reports = optimise(optimised, {});
  ASSERT_TRUE(reports.ok()) << reports.error().message;
  const std::vector<std::string_view> usual = usual_passes();
  ASSERT_EQ(reports.value().size(), usual.size());
  for (std::size_t i = 0; i < usual.size(); ++i) EXPECT_EQ(reports.value()[i].name, usual[i]);
  EXPECT_EQ(optimised.node_count(), 2U);
  EXPECT_THAT(dump(optimised), HasSubstr("sum: Add(relu, x) -> y {lode_activation='Relu'"));
  const Tensor inputs[] = {random_tensor({1, 2, 4, 4}, 9)};
  expect_close(run_graph(optimised, inputs).value(), run_graph(b.graph, inputs).value(), 1e-5F);
}

TEST(Optimise, StopsWhereTold) {
  GraphBuilder b = residual_block();
  const auto reports = optimise(b.graph, {.disabled = {}, .stop_after = "fold_constants"});
  ASSERT_TRUE(reports.ok());
  ASSERT_EQ(reports.value().size(), 2U);
  EXPECT_EQ(reports.value()[0].changes, 1);
  EXPECT_EQ(b.graph.node_count(), 7U);
}

TEST(Optimise, LeavesOutWhatIsDisabled) {
  GraphBuilder b = residual_block();
  const auto reports =
      optimise(b.graph, {.disabled = {"fuse_activation", "dead_code"}, .stop_after = ""});
  ASSERT_TRUE(reports.ok());
  EXPECT_EQ(reports.value().size(), usual_passes().size() - 2);
  EXPECT_EQ(b.graph.node_count(), 6U);
}

TEST(Optimise, StopAfterADisabledPassIsAUsageError) {
  GraphBuilder b = residual_block();
  const auto reports =
      optimise(b.graph, {.disabled = {"fold_constants"}, .stop_after = "fold_constants"});
  ASSERT_FALSE(reports.ok());
  EXPECT_EQ(reports.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(reports.error().message, HasSubstr("pass 'fold_constants' is disabled"));
  EXPECT_EQ(b.graph.node_count(), 8U);
}

TEST(Optimise, UnknownNamesAreUsageErrors) {
  GraphBuilder b = residual_block();
  for (const PassOptions& options : {PassOptions{{"fold_all"}, ""}, PassOptions{{}, "fold_all"}}) {
    const auto reports = optimise(b.graph, options);
    ASSERT_FALSE(reports.ok());
    EXPECT_EQ(reports.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(reports.error().message, HasSubstr("there is no pass 'fold_all', the passes are "
                                                   "eliminate_identity, fold_constants, "));
  }
  EXPECT_EQ(b.graph.node_count(), 8U);
}

TEST(DeadCode, RemovesWhatNoOutputNeeds) {
  GraphBuilder b = residual_block();
  const ValueId d = b.graph.node(b.producer(b.graph.find_node(7)->inputs[0])).inputs[1];
  ASSERT_NE(b.graph.constant(d), nullptr);
  const Rewritten after = rewrite(b.graph, dead_code);
  EXPECT_EQ(after.graph.node_count(), 6U);
  EXPECT_EQ(after.graph.constant(d), nullptr);
  EXPECT_EQ(after.report.changes, 3);
  EXPECT_EQ(rewrite(after.graph, dead_code).report.changes, 0);
}

TEST(DeadCode, KeepsInputsAndConstantOutputs) {
  GraphBuilder b;
  const ValueId unread = b.input("unread", {1});
  const ValueId c = b.constant("c", random_tensor({2}, 1));
  b.output(c);
  const Rewritten after = rewrite(b.graph, dead_code);
  EXPECT_THAT(after.graph.inputs(), ElementsAre(unread));
  EXPECT_NE(after.graph.constant(c), nullptr);
}

}  // namespace
}  // namespace lode::engine
