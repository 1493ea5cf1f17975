// MobileNetV3: Howard et al., "Searching for MobileNetV3", arXiv 1905.02244, tables 1 and 2, with
// torchvision's rounding of the squeezed channels.
#include <span>

#include "models/architectures.h"

namespace lode::models {

namespace {

constexpr Activation kRelu = Activation::kRelu;
constexpr Activation kHardSwish = Activation::kHardSwish;

struct Block {
  std::int64_t kernel;
  std::int64_t expanded;
  std::int64_t channels;
  bool has_squeeze_excite;
  Activation activation;
  std::int64_t stride;
};

constexpr Block kLarge[] = {{3, 16, 16, false, kRelu, 1},       {3, 64, 24, false, kRelu, 2},
                            {3, 72, 24, false, kRelu, 1},       {5, 72, 40, true, kRelu, 2},
                            {5, 120, 40, true, kRelu, 1},       {5, 120, 40, true, kRelu, 1},
                            {3, 240, 80, false, kHardSwish, 2}, {3, 200, 80, false, kHardSwish, 1},
                            {3, 184, 80, false, kHardSwish, 1}, {3, 184, 80, false, kHardSwish, 1},
                            {3, 480, 112, true, kHardSwish, 1}, {3, 672, 112, true, kHardSwish, 1},
                            {5, 672, 160, true, kHardSwish, 2}, {5, 960, 160, true, kHardSwish, 1},
                            {5, 960, 160, true, kHardSwish, 1}};

constexpr Block kSmall[] = {{3, 16, 16, true, kRelu, 2},       {3, 72, 24, false, kRelu, 2},
                            {3, 88, 24, false, kRelu, 1},      {5, 96, 40, true, kHardSwish, 2},
                            {5, 240, 40, true, kHardSwish, 1}, {5, 240, 40, true, kHardSwish, 1},
                            {5, 120, 48, true, kHardSwish, 1}, {5, 144, 48, true, kHardSwish, 1},
                            {5, 288, 96, true, kHardSwish, 2}, {5, 576, 96, true, kHardSwish, 1},
                            {5, 576, 96, true, kHardSwish, 1}};

Feature bottleneck(NetBuilder& net, const std::string& name, const Feature& x, const Block& block) {
  Feature y = x;
  if (block.expanded != x.channels) {
    y = net.conv_norm_act(name + "/expand", y, {.channels = block.expanded}, block.activation);
  }
  y = net.conv_norm_act(name + "/depthwise", y,
                        {.channels = y.channels,
                         .kernel = block.kernel,
                         .stride = block.stride,
                         .groups = y.channels},
                        block.activation);
  if (block.has_squeeze_excite) {
    y = net.squeeze_excite(name + "/se", y, round_channels(static_cast<double>(block.expanded / 4)),
                           kRelu, Activation::kHardSigmoid);
  }
  const ConvSpec project{.channels = block.channels};
  if (block.stride != 1 || x.channels != block.channels) {
    return net.conv_norm_act(name + "/project", y, project, Activation::kNone);
  }
  return net.add(name + "/add", x, net.branch_end(name + "/project", y, project));
}

Feature mobilenet_v3(NetBuilder& net, const Feature& image, std::span<const Block> blocks,
                     std::int64_t hidden) {
  net.set_norm_epsilon(1e-3F);
  Feature x =
      net.conv_norm_act("stem", image, {.channels = 16, .kernel = 3, .stride = 2}, kHardSwish);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    x = bottleneck(net, fmt::format("block{}", i + 1), x, blocks[i]);
  }
  x = net.conv_norm_act("head", x, {.channels = 6 * x.channels}, kHardSwish);
  x = net.flatten("flatten", net.global_average_pool("pool", x));
  x = net.activate("hidden/act", net.linear("hidden/linear", x, hidden), kHardSwish);
  return net.classifier(x);
}

}  // namespace

Feature mobilenet_v3_small(NetBuilder& net, const Feature& image) {
  return mobilenet_v3(net, image, kSmall, 1024);
}

Feature mobilenet_v3_large(NetBuilder& net, const Feature& image) {
  return mobilenet_v3(net, image, kLarge, 1280);
}

}  // namespace lode::models
