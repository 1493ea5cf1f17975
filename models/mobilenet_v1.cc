// MobileNetV1: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile
// Vision Applications", arXiv 1704.04861, table 1, at width 1.
#include <array>

#include "models/architectures.h"

namespace lode::models {

namespace {

struct Block {
  std::int64_t channels;
  std::int64_t stride;
};

constexpr std::array<Block, 13> kBlocks = {{{64, 1},
                                            {128, 2},
                                            {128, 1},
                                            {256, 2},
                                            {256, 1},
                                            {512, 2},
                                            {512, 1},
                                            {512, 1},
                                            {512, 1},
                                            {512, 1},
                                            {512, 1},
                                            {1024, 2},
                                            {1024, 1}}};

}  // namespace

Feature mobilenet_v1(NetBuilder& net, const Feature& image) {
  net.set_norm_epsilon(1e-3F);
  Feature x = net.conv_norm_act("stem", image, {.channels = 32, .kernel = 3, .stride = 2},
                                Activation::kRelu);
  for (std::size_t i = 0; i < kBlocks.size(); ++i) {
    const std::string name = fmt::format("block{}", i + 1);
    x = net.conv_norm_act(
        name + "/depthwise", x,
        {.channels = x.channels, .kernel = 3, .stride = kBlocks[i].stride, .groups = x.channels},
        Activation::kRelu);
    x = net.conv_norm_act(name + "/pointwise", x, {.channels = kBlocks[i].channels},
                          Activation::kRelu);
  }
  x = net.flatten("flatten", net.global_average_pool("pool", x));
  return net.classifier(x);
}

}  // namespace lode::models
