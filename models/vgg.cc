// VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
// Recognition", arXiv 1409.1556, table 1, configurations D and E: without batch normalisation. The
// first fully connected layer is as wide as the features are, 7x7 of them at 224; other sizes give
// it other weights.
#include <array>

#include "models/architectures.h"

namespace lode::models {

namespace {

constexpr Activation kRelu = Activation::kRelu;

Feature vgg(NetBuilder& net, const Feature& image, const std::array<std::int64_t, 5>& layers) {
  constexpr std::array<std::int64_t, 5> kChannels = {64, 128, 256, 512, 512};
  Feature x = image;
  for (std::size_t block = 0; block < layers.size(); ++block) {
    const std::string name = fmt::format("block{}", block + 1);
    for (std::int64_t i = 0; i < layers[block]; ++i) {
      x = net.conv_act(fmt::format("{}.{}", name, i), x,
                       {.channels = kChannels[block], .kernel = 3, .has_bias = true}, kRelu);
    }
    x = net.max_pool(name + "/pool", x, {});
  }
  x = net.flatten("flatten", x);
  x = net.activate("hidden1/act", net.linear("hidden1/linear", x, 4096), kRelu);
  x = net.activate("hidden2/act", net.linear("hidden2/linear", x, 4096), kRelu);
  return net.classifier(x);
}

}  // namespace

Feature vgg16(NetBuilder& net, const Feature& image) {
  return vgg(net, image, {2, 2, 3, 3, 3});
}

Feature vgg19(NetBuilder& net, const Feature& image) {
  return vgg(net, image, {2, 2, 4, 4, 4});
}

}  // namespace lode::models
