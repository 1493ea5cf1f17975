// MobileNetV2: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv
// 1801.04381, table 2, at width 1.
#include <array>

#include "models/architectures.h"

namespace lode::models {

namespace {

struct Stage {
  std::int64_t expansion;
  std::int64_t channels;
  std::int64_t repeats;
  std::int64_t stride;  ///< of the first block
};

constexpr std::array<Stage, 7> kStages = {{{1, 16, 1, 1},
                                           {6, 24, 2, 2},
                                           {6, 32, 3, 2},
                                           {6, 64, 4, 2},
                                           {6, 96, 3, 1},
                                           {6, 160, 3, 2},
                                           {6, 320, 1, 1}}};

Feature inverted_residual(NetBuilder& net, const std::string& name, const Feature& x,
                          const Stage& stage, std::int64_t stride) {
  Feature y = x;
  if (stage.expansion != 1) {
    y = net.conv_norm_act(name + "/expand", y, {.channels = x.channels * stage.expansion},
                          Activation::kRelu6);
  }
  y = net.conv_norm_act(
      name + "/depthwise", y,
      {.channels = y.channels, .kernel = 3, .stride = stride, .groups = y.channels},
      Activation::kRelu6);
  const ConvSpec project{.channels = stage.channels};
  if (stride != 1 || x.channels != stage.channels) {
    return net.conv_norm_act(name + "/project", y, project, Activation::kNone);
  }
  return net.add(name + "/add", x, net.branch_end(name + "/project", y, project));
}

}  // namespace

Feature mobilenet_v2(NetBuilder& net, const Feature& image) {
  Feature x = net.conv_norm_act("stem", image, {.channels = 32, .kernel = 3, .stride = 2},
                                Activation::kRelu6);
  for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
    for (std::int64_t i = 0; i < kStages[stage].repeats; ++i) {
      x = inverted_residual(net, fmt::format("stage{}.{}", stage + 1, i), x, kStages[stage],
                            i == 0 ? kStages[stage].stride : 1);
    }
  }
  x = net.conv_norm_act("head", x, {.channels = 1280}, Activation::kRelu6);
  x = net.flatten("flatten", net.global_average_pool("pool", x));
  return net.classifier(x);
}

}  // namespace lode::models
