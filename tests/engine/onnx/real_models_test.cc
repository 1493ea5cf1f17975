// The trained models that the project is measured on import whole.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "engine/onnx/import.h"

namespace lode::engine {
namespace {

struct RealModel {
  const char* file;
  std::size_t inputs;
};

class RealModels : public testing::TestWithParam<RealModel> {};

TEST_P(RealModels, Import) {
  const char* root = std::getenv("LODE_TEST_DATA");
  if (root == nullptr) GTEST_SKIP() << "LODE_TEST_DATA is not set";
  const std::filesystem::path path = std::filesystem::path(root) / GetParam().file;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const Result<Graph> graph = import_onnx(path);
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  // Initialisers listed as inputs, as IR 3 has them, are not inputs.
  EXPECT_EQ(graph.value().inputs().size(), GetParam().inputs);
  EXPECT_EQ(graph.value().outputs().size(), 1U);
  EXPECT_GT(graph.value().node_count(), 10U);
}

INSTANTIATE_TEST_SUITE_P(All, RealModels,
                         testing::Values(RealModel{"models/mobilenetv2.onnx", 1},
                                         RealModel{"models/squeezenet1.1.onnx", 1},
                                         RealModel{"onnx-light/densenet121.onnx", 1},
                                         RealModel{"onnx-light/inception_v1.onnx", 1},
                                         RealModel{"onnx-light/resnet50.onnx", 1},
                                         RealModel{"onnx-light/squeezenet.onnx", 1},
                                         RealModel{"onnx-light/vgg19.onnx", 1}));

}  // namespace
}  // namespace lode::engine
