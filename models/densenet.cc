// DenseNet: Huang et al., "Densely Connected Convolutional Networks", arXiv 1608.06993, table 1, at
// growth 32. Each layer's output is concatenated with all before it in one chain of pairs.
#include <array>

#include "models/architectures.h"

namespace lode::models {

namespace {

constexpr std::int64_t kGrowth = 32;
constexpr std::int64_t kBottleneck = 4 * kGrowth;

Feature dense_layer(NetBuilder& net, const std::string& name, const Feature& x) {
  Feature y = net.norm_relu_conv(name + "/1x1", x, {.channels = kBottleneck});
  y = net.norm_relu_conv(name + "/3x3", y, {.channels = kGrowth, .kernel = 3});
  return net.concat(name + "/concat", x, y);
}

Feature densenet(NetBuilder& net, const Feature& image, const std::array<std::int64_t, 4>& layers) {
  Feature x = net.conv_norm_act("stem", image, {.channels = 64, .kernel = 7, .stride = 2},
                                Activation::kRelu);
  x = net.max_pool("stem/pool", x, {.kernel = 3, .stride = 2, .padding = 1});
  for (std::size_t block = 0; block < layers.size(); ++block) {
    for (std::int64_t i = 0; i < layers[block]; ++i) {
      x = dense_layer(net, fmt::format("block{}.{}", block + 1, i), x);
    }
    if (block + 1 == layers.size()) break;
    const std::string name = fmt::format("transition{}", block + 1);
    x = net.norm_relu_conv(name, x, {.channels = x.channels / 2});
    x = net.average_pool(name + "/pool", x, {});
  }
  x = net.activate("head/act", net.batch_norm("head/norm", x), Activation::kRelu);
  x = net.flatten("flatten", net.global_average_pool("pool", x));
  return net.classifier(x);
}

}  // namespace

Feature densenet121(NetBuilder& net, const Feature& image) {
  return densenet(net, image, {6, 12, 24, 16});
}

Feature densenet169(NetBuilder& net, const Feature& image) {
  return densenet(net, image, {6, 12, 32, 32});
}

Feature densenet201(NetBuilder& net, const Feature& image) {
  return densenet(net, image, {6, 12, 48, 32});
}

}  // namespace lode::models
