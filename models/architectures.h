// The zoo's networks: each takes the image [N,3,size,size] and returns the logits [N,classes].
#pragma once

#include "models/net_builder.h"

namespace lode::models {

Feature mobilenet_v1(NetBuilder& net, const Feature& image);
Feature mobilenet_v2(NetBuilder& net, const Feature& image);
Feature mobilenet_v3_small(NetBuilder& net, const Feature& image);
Feature mobilenet_v3_large(NetBuilder& net, const Feature& image);
Feature efficientnet_b0(NetBuilder& net, const Feature& image);
Feature efficientnet_b1(NetBuilder& net, const Feature& image);
Feature efficientnet_b3(NetBuilder& net, const Feature& image);
Feature densenet121(NetBuilder& net, const Feature& image);
Feature densenet169(NetBuilder& net, const Feature& image);
Feature densenet201(NetBuilder& net, const Feature& image);
Feature vgg16(NetBuilder& net, const Feature& image);
Feature vgg19(NetBuilder& net, const Feature& image);
Feature resnet18(NetBuilder& net, const Feature& image);
Feature resnet50(NetBuilder& net, const Feature& image);
Feature squeezenet_1_1(NetBuilder& net, const Feature& image);

}  // namespace lode::models
