// What passes and machine decisions make of every network of the zoo gives the network's results.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/ops/machine_pass.h"
#include "engine/passes/pass.h"
#include "engine/runtime/session.h"
#include "models/zoo.h"

namespace lode::models {
namespace {

using engine::Tensor;

Tensor image_of(std::int64_t batch, std::int64_t size) {
  Tensor image(DType::kF32, {batch, 3, size, size});
  double phase = 0.0;
  for (float& value : image.mutable_view().as<float>()) {
    value = static_cast<float>(1.5 * std::sin(phase));
    phase += 0.37;
  }
  return image;
}

std::vector<float> logits(const engine::Graph& graph, const engine::ModelOptions& options,
                          const Tensor& image) {
  auto model = engine::Model::from_graph(graph, options);
  EXPECT_TRUE(model.ok()) << model.error().message;
  if (!model.ok()) return {};
  auto session = engine::Session::create(*model, {.threads = 2, .cpus = {}});
  const std::vector<TensorView> inputs = {image.view()};
  auto outputs = (*session)->run_allocating(inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.error().message;
  if (!outputs.ok()) return {};
  const auto values = outputs->front().as<float>();
  return {values.begin(), values.end()};
}

/// Largest difference over the largest expected value.
double relative_difference(const std::vector<float>& got, const std::vector<float>& want) {
  EXPECT_EQ(got.size(), want.size());
  double difference = 0.0;
  double largest = 0.0;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    difference = std::max(difference, std::fabs(static_cast<double>(got[i]) - want[i]));
    largest = std::max(largest, std::fabs(static_cast<double>(want[i])));
  }
  return difference / largest;
}

engine::ModelOptions nothing_allowed() {
  engine::ModelOptions options;
  for (const engine::Pass& pass : engine::all_passes()) {
    options.disabled_passes.emplace_back(pass.name);
  }
  for (const engine::MachinePassDef& pass : engine::all_machine_passes()) {
    options.disabled_passes.emplace_back(pass.name);
  }
  return options;
}

class ZooPasses : public testing::TestWithParam<std::string_view> {};

TEST_P(ZooPasses, KeepTheResults) {
  constexpr std::int64_t kSize = 64;
  const ZooEntry& entry = **find_zoo_entry(GetParam());
  const auto graph = build_zoo_model(entry, {.size = kSize, .classes = 20});
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  const Tensor image = image_of(2, kSize);
  const std::vector<float> want = logits(*graph, nothing_allowed(), image);
  engine::ModelOptions options;
  options.disabled_passes = {"winograd"};
  EXPECT_LT(relative_difference(logits(*graph, options, image), want), 1e-4);
  options.disabled_passes.emplace_back("bf16x3");
  EXPECT_LT(relative_difference(logits(*graph, options, image), want), 1e-5);
  EXPECT_LT(relative_difference(logits(*graph, {}, image), want), 5e-4);
}

/// A net for each pass and decision; zoo_test.cc compares all nets with the reference on images
/// that are too small for some of them.
INSTANTIATE_TEST_SUITE_P(Zoo, ZooPasses,
                         testing::Values("mobilenetv3-small", "efficientnet-b0", "densenet121",
                                         "resnet18", "squeezenet1.1"),
                         [](const auto& tested) {
                           std::string name(tested.param);
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace lode::models
