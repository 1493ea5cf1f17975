// ResNet: He et al., "Deep Residual Learning for Image Recognition", arXiv 1512.03385, table 1. A
// bottleneck strides in its 3x3 convolution, as torchvision's does.
#include <array>

#include "models/architectures.h"

namespace lode::models {

namespace {

constexpr Activation kRelu = Activation::kRelu;

/// Two 3x3 convolutions.
Feature basic_branch(NetBuilder& net, const std::string& name, const Feature& x,
                     std::int64_t channels, std::int64_t stride) {
  const Feature y = net.conv_norm_act(name + "/1", x,
                                      {.channels = channels, .kernel = 3, .stride = stride}, kRelu);
  return net.branch_end(name + "/2", y, {.channels = channels, .kernel = 3});
}

/// 1x1 down to a quarter, 3x3, 1x1 up.
Feature bottleneck_branch(NetBuilder& net, const std::string& name, const Feature& x,
                          std::int64_t channels, std::int64_t stride) {
  Feature y = net.conv_norm_act(name + "/1", x, {.channels = channels / 4}, kRelu);
  y = net.conv_norm_act(name + "/2", y, {.channels = channels / 4, .kernel = 3, .stride = stride},
                        kRelu);
  return net.branch_end(name + "/3", y, {.channels = channels});
}

using Branch = Feature (*)(NetBuilder&, const std::string&, const Feature&, std::int64_t,
                           std::int64_t);

Feature resnet(NetBuilder& net, const Feature& image, Branch branch, std::int64_t first_channels,
               const std::array<std::int64_t, 4>& blocks) {
  Feature x = net.conv_norm_act("stem", image, {.channels = 64, .kernel = 7, .stride = 2}, kRelu);
  x = net.max_pool("stem/pool", x, {.kernel = 3, .stride = 2, .padding = 1});
  std::int64_t channels = first_channels;
  for (std::size_t stage = 0; stage < blocks.size(); ++stage, channels *= 2) {
    for (std::int64_t i = 0; i < blocks[stage]; ++i) {
      const std::string name = fmt::format("stage{}.{}", stage + 1, i);
      const std::int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      const Feature end = branch(net, name, x, channels, stride);
      if (x.channels != channels) {
        x = net.conv_norm_act(name + "/shortcut", x, {.channels = channels, .stride = stride},
                              Activation::kNone);
      }
      x = net.activate(name + "/act", net.add(name + "/add", end, x), kRelu);
    }
  }
  x = net.flatten("flatten", net.global_average_pool("pool", x));
  return net.classifier(x);
}

}  // namespace

Feature resnet18(NetBuilder& net, const Feature& image) {
  return resnet(net, image, basic_branch, 64, {2, 2, 2, 2});
}

Feature resnet50(NetBuilder& net, const Feature& image) {
  return resnet(net, image, bottleneck_branch, 256, {3, 4, 6, 3});
}

}  // namespace lode::models
