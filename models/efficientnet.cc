// EfficientNet: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
// Networks", arXiv 1905.11946: B0 of table 1, scaled in width and depth for the others.
#include <array>
#include <cmath>

#include "models/architectures.h"

namespace lode::models {

namespace {

constexpr Activation kSilu = Activation::kSilu;

struct Stage {
  std::int64_t expansion;
  std::int64_t kernel;
  std::int64_t stride;  ///< of the first block
  std::int64_t channels;
  std::int64_t repeats;
};

constexpr std::array<Stage, 7> kStages = {{{1, 3, 1, 16, 1},
                                           {6, 3, 2, 24, 2},
                                           {6, 5, 2, 40, 2},
                                           {6, 3, 2, 80, 3},
                                           {6, 5, 1, 112, 3},
                                           {6, 5, 2, 192, 4},
                                           {6, 3, 1, 320, 1}}};

Feature mobile_block(NetBuilder& net, const std::string& name, const Feature& x, const Stage& stage,
                     std::int64_t channels, std::int64_t stride) {
  Feature y = x;
  if (stage.expansion != 1) {
    y = net.conv_norm_act(name + "/expand", y, {.channels = x.channels * stage.expansion}, kSilu);
  }
  y = net.conv_norm_act(
      name + "/depthwise", y,
      {.channels = y.channels, .kernel = stage.kernel, .stride = stride, .groups = y.channels},
      kSilu);
  // A quarter of the block's input, not of the expanded channels.
  y = net.squeeze_excite(name + "/se", y, x.channels / 4, kSilu, Activation::kSigmoid);
  const ConvSpec project{.channels = channels};
  if (stride != 1 || x.channels != channels) {
    return net.conv_norm_act(name + "/project", y, project, Activation::kNone);
  }
  return net.add(name + "/add", x, net.branch_end(name + "/project", y, project));
}

Feature efficientnet(NetBuilder& net, const Feature& image, double width, double depth) {
  const auto scaled = [width](std::int64_t channels) {
    return round_channels(width * static_cast<double>(channels));
  };
  Feature x =
      net.conv_norm_act("stem", image, {.channels = scaled(32), .kernel = 3, .stride = 2}, kSilu);
  for (std::size_t s = 0; s < kStages.size(); ++s) {
    const Stage& stage = kStages[s];
    const auto repeats =
        static_cast<std::int64_t>(std::ceil(depth * static_cast<double>(stage.repeats)));
    for (std::int64_t i = 0; i < repeats; ++i) {
      x = mobile_block(net, fmt::format("stage{}.{}", s + 1, i), x, stage, scaled(stage.channels),
                       i == 0 ? stage.stride : 1);
    }
  }
  x = net.conv_norm_act("head", x, {.channels = 4 * x.channels}, kSilu);
  x = net.flatten("flatten", net.global_average_pool("pool", x));
  return net.classifier(x);
}

}  // namespace

Feature efficientnet_b0(NetBuilder& net, const Feature& image) {
  return efficientnet(net, image, 1.0, 1.0);
}

Feature efficientnet_b1(NetBuilder& net, const Feature& image) {
  return efficientnet(net, image, 1.0, 1.1);
}

Feature efficientnet_b3(NetBuilder& net, const Feature& image) {
  return efficientnet(net, image, 1.2, 1.4);
}

}  // namespace lode::models
