// The zoo: costs as published, graphs that the engine runs, and weights of sane scale throughout.
#include "models/zoo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/graph/editor.h"
#include "engine/onnx/export.h"
#include "engine/onnx/import.h"
#include "engine/ops/shape_inference.h"
#include "engine/runtime/reference_executor.h"
#include "engine/runtime/session.h"

namespace lode::models {
namespace {

using engine::Graph;
using engine::Node;
using engine::NodeId;
using engine::Tensor;
using engine::ValueId;
using testing::HasSubstr;

/// What peers and benchmarks feed: x[i] = 1.5 * sin(0.37 * i).
Tensor sine_image(std::int64_t batch, std::int64_t size) {
  Tensor image(DType::kF32, {batch, 3, size, size});
  std::size_t i = 0;
  for (float& value : image.mutable_view().as<float>()) {
    value = static_cast<float>(1.5 * std::sin(0.37 * static_cast<double>(i++)));
  }
  return image;
}

double rms(std::span<const float> values) {
  double sum = 0.0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

Graph build(const ZooEntry& entry, const ZooOptions& options) {
  auto graph = build_zoo_model(entry, options);
  EXPECT_TRUE(graph.ok()) << graph.error().message;
  return graph.ok() ? std::move(graph).value() : Graph();
}

std::vector<Tensor> run(Graph graph, const Tensor& image) {
  auto model = engine::Model::from_graph(std::move(graph), {});
  EXPECT_TRUE(model.ok()) << model.error().message;
  if (!model.ok()) return {};
  auto session = engine::Session::create(*model, {.threads = 2, .cpus = {}});
  EXPECT_TRUE(session.ok()) << session.error().message;
  const std::vector<TensorView> inputs = {image.view()};
  auto outputs = (*session)->run_allocating(inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.error().message;
  return outputs.ok() ? std::move(outputs).value() : std::vector<Tensor>();
}

class ZooModel : public testing::TestWithParam<ZooEntry> {};

TEST_P(ZooModel, CostsWhatWasPublished) {
  const ZooEntry& entry = GetParam();
  const auto costs = zoo_costs(entry, {});
  ASSERT_TRUE(costs.ok()) << costs.error().message;
  EXPECT_EQ(costs->parameters, entry.published.parameters);
  // Published in units of a million.
  EXPECT_NEAR(static_cast<double>(costs->multiply_adds),
              static_cast<double>(entry.published.multiply_adds), 0.5e6);
}

/// The costs, counted from nodes, constants and inferred shapes instead of layer by layer.
Costs count(const Graph& graph, const Shape& image) {
  const auto inferred = engine::infer_shapes(graph, {&image, 1});
  EXPECT_TRUE(inferred.ok()) << inferred.error().message;
  Costs costs;
  if (!inferred.ok()) return costs;
  const auto elements = [&](ValueId id) { return graph.constant(id)->element_count(); };
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (node.op_type == "BatchNormalization") {
      costs.parameters += elements(node.inputs[1]) + elements(node.inputs[2]);
    }
    if (node.op_type != "Conv" && node.op_type != "Gemm") continue;
    const std::int64_t weights = elements(node.inputs[1]);
    costs.parameters += weights + (node.inputs.size() > 2 ? elements(node.inputs[2]) : 0);
    const Shape& output = inferred->values[static_cast<std::size_t>(node.outputs[0])].shape;
    costs.multiply_adds += weights * output.element_count() / output[1];
  }
  return costs;
}

TEST_P(ZooModel, GraphHasTheLayersThatWereCounted) {
  // Odd extents at every stride.
  const ZooOptions options{.size = 97, .classes = 7};
  const auto costs = zoo_costs(GetParam(), options);
  ASSERT_TRUE(costs.ok()) << costs.error().message;
  const Costs counted = count(build(GetParam(), options), {1, 3, 97, 97});
  EXPECT_EQ(counted.parameters, costs->parameters);
  EXPECT_EQ(counted.multiply_adds, costs->multiply_adds);
}

TEST_P(ZooModel, SessionMatchesTheReference) {
  const ZooOptions options{.size = 33, .classes = 10};
  const Tensor image = sine_image(1, 33);
  const Graph graph = build(GetParam(), options);
  const std::vector<TensorView> inputs = {image.view()};
  const auto want = engine::execute_by_reference(graph, inputs);
  ASSERT_TRUE(want.ok()) << want.error().message;
  const std::vector<Tensor> got = run(graph, image);
  ASSERT_EQ(got.size(), 1U);
  ASSERT_EQ(got[0].shape(), (Shape{1, 10}));
  const auto expected = (*want)[0].as<float>();
  const auto actual = got[0].as<float>();
  float largest = 0.0F;
  for (const float value : expected) largest = std::max(largest, std::fabs(value));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], 1e-4F * largest) << i;
  }
}

/// The graph with every node's result as an output.
Graph with_all_outputs(Graph graph) {
  engine::GraphEditor editor(graph);
  for (const NodeId id : graph.topological_order()) {
    const ValueId output = graph.node(id).outputs[0];
    if (!graph.is_output(output)) editor.add_output(output);
  }
  return graph;
}

/// Share of elements that an activation holds at one of its bounds from above.
double share_at(std::span<const float> values, float bound) {
  return static_cast<double>(std::count(values.begin(), values.end(), bound)) /
         static_cast<double>(values.size());
}

TEST_P(ZooModel, ActivationsAreOfOrderOneAtEveryDepth) {
  const Graph graph = with_all_outputs(build(GetParam(), {.size = 64, .classes = 10}));
  const std::vector<Tensor> outputs = run(graph, sine_image(2, 64));
  ASSERT_EQ(outputs.size(), graph.outputs().size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const engine::Value& value = graph.value(graph.outputs()[i]);
    const auto elements = outputs[i].as<float>();
    EXPECT_GE(rms(elements), 0.05) << value.name;
    EXPECT_LE(rms(elements), 20.0) << value.name;
    const std::string& op_type = graph.node(value.producer).op_type;
    if (op_type == "Sigmoid" || op_type == "HardSigmoid") {
      EXPECT_LT(share_at(elements, 1.0F), 0.1) << value.name;
    }
    if (op_type == "Clip") {
      EXPECT_LT(share_at(elements, 6.0F), 0.1) << value.name;
    }
  }
  const auto logits = outputs[0].as<float>();
  EXPECT_TRUE(std::all_of(logits.begin(), logits.end(), [](float v) { return std::isfinite(v); }));
  const auto [least, most] = std::minmax_element(logits.begin(), logits.begin() + 10);
  EXPECT_GT(*most - *least, 0.05F) << "the classes are all alike";
  EXPECT_FALSE(std::equal(logits.begin(), logits.begin() + 10, logits.begin() + 10))
      << "the images are all alike";
}

std::string test_name(const testing::TestParamInfo<ZooEntry>& parameter) {
  std::string name(parameter.param.name);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, ZooModel, testing::ValuesIn(zoo().begin(), zoo().end()), test_name);

const ZooEntry& entry_of(std::string_view name) {
  const auto entry = find_zoo_entry(name);
  LODE_ASSERT(entry.ok());
  return **entry;
}

std::string bytes_of(const ZooOptions& options) {
  const auto bytes = engine::export_onnx_bytes(build(entry_of("squeezenet1.1"), options));
  EXPECT_TRUE(bytes.ok());
  return bytes.ok() ? *bytes : "";
}

TEST(Zoo, SeedDecidesTheWeights) {
  const ZooOptions options{.size = 32, .classes = 2};
  EXPECT_TRUE(bytes_of(options) == bytes_of(options));
  ZooOptions other = options;
  other.seed = 2;
  EXPECT_FALSE(bytes_of(options) == bytes_of(other));
}

TEST(Zoo, LayersKeepTheirWeightsAtOtherSizes) {
  const Graph small = build(entry_of("mobilenetv2"), {.size = 32, .classes = 2});
  const Graph large = build(entry_of("mobilenetv2"), {.size = 96, .classes = 5});
  for (std::size_t i = 0; i < small.value_capacity(); ++i) {
    const engine::Value& value = small.value(static_cast<ValueId>(i));
    if (!value.constant.has_value() || value.name.starts_with("logits")) continue;
    const Tensor* other = large.constant(value.id);
    ASSERT_NE(other, nullptr) << value.name;
    EXPECT_TRUE(std::ranges::equal(value.constant->as<float>(), other->as<float>())) << value.name;
  }
}

TEST(Zoo, NormalisationIsNearNoChangeAndNotOne) {
  const Graph graph = build(entry_of("mobilenetv1"), {.size = 32, .classes = 2});
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (node.op_type != "BatchNormalization") continue;
    const auto scale = graph.constant(node.inputs[1])->as<float>();
    const auto [low, high] = std::minmax_element(scale.begin(), scale.end());
    EXPECT_GE(*low, 0.8F);
    EXPECT_LE(*high, 1.2F);
    EXPECT_LT(*low, *high);
    const auto variance = graph.constant(node.inputs[4])->as<float>();
    EXPECT_GT(*std::min_element(variance.begin(), variance.end()), 0.1F);
  }
}

TEST(Zoo, BatchIsSymbolicUnlessGiven) {
  const Graph symbolic = build(entry_of("mobilenetv1"), {.size = 64, .classes = 3});
  const engine::Value& image = symbolic.value(symbolic.inputs()[0]);
  EXPECT_EQ(image.name, "image");
  EXPECT_EQ(image.shape, (Shape{-1, 3, 64, 64}));
  EXPECT_EQ(image.symbols[0], "N");
  const engine::Value& logits = symbolic.value(symbolic.outputs()[0]);
  EXPECT_EQ(logits.name, "logits");
  EXPECT_EQ(logits.shape, (Shape{-1, 3}));
  EXPECT_EQ(logits.symbols[0], "N");
  const Graph fixed = build(entry_of("mobilenetv1"), {.size = 64, .classes = 3, .batch = 4});
  EXPECT_EQ(fixed.value(fixed.inputs()[0]).shape, (Shape{4, 3, 64, 64}));
  EXPECT_EQ(fixed.value(fixed.outputs()[0]).shape, (Shape{4, 3}));
  EXPECT_TRUE(fixed.value(fixed.inputs()[0]).symbols.empty());
}

TEST(Zoo, ExportedModelImports) {
  const Graph graph = build(entry_of("mobilenetv3-small"), {.size = 64, .classes = 3});
  const auto bytes = engine::export_onnx_bytes(graph);
  ASSERT_TRUE(bytes.ok()) << bytes.error().message;
  const auto again = engine::import_onnx_bytes(*bytes, "zoo.onnx", {});
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(engine::dump(*again), engine::dump(graph));
}

std::string error_of(std::string_view name, const ZooOptions& options) {
  const auto graph = build_zoo_model(entry_of(name), options);
  return graph.ok() ? "" : graph.error().message;
}

TEST(Zoo, ErrorsNameTheWayOut) {
  const auto unknown = find_zoo_entry("resnet51");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(unknown.error().message, HasSubstr("no model 'resnet51'; there are mobilenetv1, "));
  EXPECT_THAT(unknown.error().message, HasSubstr(", resnet50, "));
  EXPECT_THAT(error_of("vgg16", {.size = 31}),
              HasSubstr("'vgg16': an image of 31x31 is too small for its strides; the least is "
                        "32x32"));
  EXPECT_THAT(error_of("vgg16", {.classes = 0}), HasSubstr("0 classes; at least 1 is needed"));
  EXPECT_THAT(error_of("vgg19", {.size = 640}),
              HasSubstr("'vgg19' at 640x640 with 1000 classes has weights of 3.52 GB; a file holds "
                        "at most 2 GB"));
}

TEST(RoundChannels, IsTheNearestMultipleOfEightNotMuchBelow) {
  EXPECT_EQ(round_channels(1.0), 8);
  EXPECT_EQ(round_channels(16.0), 16);
  EXPECT_EQ(round_channels(19.0), 24);  // 16 is more than 10% below
  EXPECT_EQ(round_channels(18.0), 24);
  EXPECT_EQ(round_channels(38.4), 40);
  EXPECT_EQ(round_channels(168.0), 168);
  EXPECT_EQ(round_channels(1.2 * 112), 136);
}

}  // namespace
}  // namespace lode::models
