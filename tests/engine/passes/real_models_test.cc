// Whole architectures, as old exporters wrote them, give the same results after all passes.
#include <cstdlib>
#include <filesystem>

#include "engine/onnx/import.h"
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

// Those models' weights are made by ConstantOfShape and all equal, which hides a wrong channel:
// random ones take their place, of a size that keeps activations near 1.
void reseed(Graph& graph) {
  GraphEditor editor(graph);
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (node.op_type != "ConstantOfShape") continue;
    const Tensor& extents = *graph.constant(node.inputs[0]);
    const Shape shape(extents.as<std::int64_t>());
    const ValueId output = node.outputs[0];
    editor.remove_node(id);
    const bool is_vector = shape.rank() < 2;
    const float fan_in = is_vector ? 1.0F : static_cast<float>(shape.element_count() / shape[0]);
    const float bound = is_vector ? 1.5F : std::sqrt(6.0F / fan_in);
    editor.set_constant(output, random_tensor(shape, static_cast<std::uint64_t>(id),
                                              is_vector ? 0.5F : -bound, bound));
  }
}

class RealModels : public testing::TestWithParam<const char*> {};

TEST_P(RealModels, SameResultsAfterAllPasses) {
  const char* root = std::getenv("LODE_TEST_DATA");
  if (root == nullptr) GTEST_SKIP() << "LODE_TEST_DATA is not set";
  const std::filesystem::path path = std::filesystem::path(root) / "onnx-light" / GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  Result<Graph> before = import_onnx(path);
  ASSERT_TRUE(before.ok()) << before.error().message;
  reseed(*before);
  Graph after = *before;
  const auto reports = optimise(after, {});
  ASSERT_TRUE(reports.ok()) << reports.error().message;
  EXPECT_LT(after.node_count(), before->node_count());
  for (std::size_t i = 0; i < after.node_capacity(); ++i) {
    const Node* node = after.find_node(static_cast<NodeId>(i));
    EXPECT_TRUE(node == nullptr || node->op_type != "Mul") << "a scale layer is left";
  }
  // Both end in a global pool and so take smaller images than they declare: references are slow.
  const Tensor inputs[] = {random_tensor({1, 3, 64, 64}, 1)};
  const auto expected = run_graph(*before, inputs);
  const auto actual = run_graph(after, inputs);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  ASSERT_TRUE(actual.ok()) << actual.error().message;
  expect_close(*actual, *expected, 1e-4F);
  const auto elements = expected.value()[0].as<float>();
  const auto [low, high] = std::minmax_element(elements.begin(), elements.end());
  EXPECT_GT(*high - *low, 1e-6F) << "a constant output would hide everything";
}

INSTANTIATE_TEST_SUITE_P(OnnxLight, RealModels,
                         testing::Values("densenet121.onnx", "squeezenet.onnx"));

}  // namespace
}  // namespace lode::engine
