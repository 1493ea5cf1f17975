// Real models end to end: a session against the reference executor on the same graph, whose plain
// loops share no code with the kernels. Small images and random weights where the stored ones make
// every output the same keep it quick.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/rng.h"
#include "engine/graph/editor.h"
#include "engine/onnx/import.h"
#include "engine/runtime/reference_executor.h"
#include "engine/runtime/session.h"

namespace lode::engine {
namespace {

struct RealModel {
  const char* file;
  std::int64_t size;  ///< of the image that it is run on, where its graph leaves the choice
};

/// What peers and benchmarks feed: x[i] = 1.5 * sin(0.37 * i).
Tensor sine_input(const Shape& shape) {
  Tensor input(DType::kF32, shape);
  std::size_t i = 0;
  for (float& value : input.mutable_view().as<float>()) {
    value = static_cast<float>(1.5 * std::sin(0.37 * static_cast<double>(i++)));
  }
  return input;
}

class Models : public testing::TestWithParam<RealModel> {
 protected:
  /// The model's path, or a skip.
  std::filesystem::path path() {
    const char* root = std::getenv("LODE_TEST_DATA");
    return root == nullptr ? std::filesystem::path()
                           : std::filesystem::path(root) / GetParam().file;
  }
};

/// Convolution and Gemm weights of sane scale where a model holds constant ones: a filled
/// weight makes every channel, and in the end every output, equal.
void reseed_filled_weights(Graph& graph) {
  GraphEditor editor(graph);
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (node.op_type != "Conv" && node.op_type != "Gemm") continue;
    const ValueId weight = node.inputs[1];
    const Tensor* old = graph.constant(weight);
    if (old == nullptr) continue;
    const auto values = old->as<float>();
    if (!std::equal(values.begin() + 1, values.end(), values.begin())) continue;
    const Shape shape = old->shape();
    const double fan_in = static_cast<double>(old->element_count()) /
                          static_cast<double>(std::max<std::int64_t>(1, shape[0]));
    const auto bound = static_cast<float>(std::sqrt(6.0 / fan_in));
    Rng rng = make_rng(7, graph.value(weight).name);
    Tensor fresh(DType::kF32, shape);
    for (float& value : fresh.mutable_view().as<float>()) {
      value = uniform_between(rng, -bound, bound);
    }
    editor.set_constant(weight, std::move(fresh));
  }
}

/// The optimised graph of the file, with weights that tell channels apart.
Result<std::shared_ptr<const Model>> load_seeded(const std::filesystem::path& path) {
  LODE_TRY(auto model, Model::load(path, {}));
  Graph graph = model->graph();
  reseed_filled_weights(graph);
  return Model::from_graph(std::move(graph), {});
}

TEST_P(Models, ASessionMatchesTheReference) {
  if (path().empty()) GTEST_SKIP() << "LODE_TEST_DATA is not set";
  if (!std::filesystem::exists(path())) GTEST_SKIP() << path() << " is not there";
  const auto model = load_seeded(path());
  ASSERT_TRUE(model.ok()) << model.error().message;
  const std::int64_t size = (*model)->has_symbolic_size() ? GetParam().size : 0;
  const auto shapes = (*model)->input_shapes(1, size);
  ASSERT_TRUE(shapes.ok()) << shapes.error().message;
  const Tensor input = sine_input((*shapes)[0]);
  const std::vector<TensorView> inputs = {input.view()};

  const auto want = execute_by_reference((*model)->graph(), inputs);
  ASSERT_TRUE(want.ok()) << want.error().message;
  auto session = Session::create(*model, {.threads = 2, .cpus = {}});
  ASSERT_TRUE(session.ok()) << session.error().message;
  const auto got = (*session)->run_allocating(inputs);
  ASSERT_TRUE(got.ok()) << got.error().message;

  const auto expected = (*want)[0].as<float>();
  const auto actual = (*got)[0].as<float>();
  ASSERT_EQ(actual.size(), expected.size());
  double largest = 0.0;
  double smallest = 1e30;
  double difference = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, static_cast<double>(std::fabs(expected[i])));
    smallest = std::min(smallest, static_cast<double>(std::fabs(expected[i])));
    difference = std::max(difference, std::fabs(static_cast<double>(actual[i]) - expected[i]));
  }
  EXPECT_LT(difference, 1e-4 * largest);
  EXPECT_LT(smallest, 0.99 * largest) << "the outputs are all alike: the test sees nothing";
}

std::string test_name(const testing::TestParamInfo<RealModel>& parameter) {
  std::string name = std::filesystem::path(parameter.param.file).stem().string();
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Models,
                         testing::Values(RealModel{"models/mobilenetv2.onnx", 64},
                                         RealModel{"models/squeezenet1.1.onnx", 64},
                                         RealModel{"onnx-light/densenet121.onnx", 224},
                                         RealModel{"onnx-light/inception_v1.onnx", 224},
                                         RealModel{"onnx-light/resnet50.onnx", 224},
                                         RealModel{"onnx-light/squeezenet.onnx", 224}),
                         test_name);

// Its 20 billion multiply-adds would keep the plain loops busy for a minute.
TEST(LargeModels, Vgg19GivesProbabilities) {
  const char* root = std::getenv("LODE_TEST_DATA");
  if (root == nullptr) GTEST_SKIP() << "LODE_TEST_DATA is not set";
  const auto path = std::filesystem::path(root) / "onnx-light/vgg19.onnx";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto model = load_seeded(path);
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto shapes = (*model)->input_shapes(1);
  ASSERT_TRUE(shapes.ok()) << shapes.error().message;
  const Tensor input = sine_input((*shapes)[0]);
  auto session = Session::create(*model, {.threads = 2, .cpus = {}});
  ASSERT_TRUE(session.ok()) << session.error().message;
  const std::vector<TensorView> inputs = {input.view()};
  const auto got = (*session)->run_allocating(inputs);
  ASSERT_TRUE(got.ok()) << got.error().message;
  const auto probabilities = (*got)[0].as<float>();
  double sum = 0.0;
  for (const float probability : probabilities) sum += probability;
  EXPECT_NEAR(sum, 1.0, 1e-4);
  const auto [least, most] = std::minmax_element(probabilities.begin(), probabilities.end());
  EXPECT_GE(*least, 0.0F);
  EXPECT_GT(*most, 2.0F * *least) << "the outputs are all alike: the test sees nothing";
}

}  // namespace
}  // namespace lode::engine
