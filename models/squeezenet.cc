// SqueezeNet 1.1: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters",
// arXiv 1602.07360, in the authors' later version 1.1, which pools earlier.
#include <array>

#include "models/architectures.h"

namespace lode::models {

namespace {

constexpr Activation kRelu = Activation::kRelu;
constexpr PoolSpec kPool{.kernel = 3, .stride = 2, .ceil_mode = true};

struct Fire {
  std::int64_t squeezed;
  std::int64_t expanded;  ///< by 1x1 and by 3x3 each
  bool pools_first;
};

constexpr std::array<Fire, 8> kFires = {{{16, 64, true},
                                         {16, 64, false},
                                         {32, 128, true},
                                         {32, 128, false},
                                         {48, 192, true},
                                         {48, 192, false},
                                         {64, 256, false},
                                         {64, 256, false}}};

Feature fire(NetBuilder& net, const std::string& name, const Feature& x, const Fire& module) {
  const Feature squeezed =
      net.conv_act(name + "/squeeze", x, {.channels = module.squeezed, .has_bias = true}, kRelu);
  const Feature pointwise = net.conv_act(name + "/expand1x1", squeezed,
                                         {.channels = module.expanded, .has_bias = true}, kRelu);
  const Feature spatial =
      net.conv_act(name + "/expand3x3", squeezed,
                   {.channels = module.expanded, .kernel = 3, .has_bias = true}, kRelu);
  return net.concat(name + "/concat", pointwise, spatial);
}

}  // namespace

Feature squeezenet_1_1(NetBuilder& net, const Feature& image) {
  Feature x = net.conv_act(
      "stem", image, {.channels = 64, .kernel = 3, .stride = 2, .padding = 0, .has_bias = true},
      kRelu);
  for (std::size_t i = 0; i < kFires.size(); ++i) {
    // The paper counts modules from 2: the stem is the first.
    const std::string name = fmt::format("fire{}", i + 2);
    if (kFires[i].pools_first) x = net.max_pool(name + "/pool", x, kPool);
    x = fire(net, name, x, kFires[i]);
  }
  x = net.conv_act("classifier", x, {.channels = net.classes(), .has_bias = true}, kRelu);
  return net.flatten("logits", net.global_average_pool("pool", x));
}

}  // namespace lode::models
