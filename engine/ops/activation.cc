#include "engine/ops/activation.h"

#include <array>
#include <limits>

#include "engine/graph/quote.h"

namespace lode::engine {

namespace {

struct ActivationName {
  std::string_view name;
  Activation defaults;
};

// Every activation that a node can carry, with ONNX's defaults of its parameters.
constexpr std::array kActivations = {
    ActivationName{"Relu", {ActivationKind::kRelu, 0.0F, 0.0F}},
    ActivationName{"LeakyRelu", {ActivationKind::kLeakyRelu, 0.01F, 0.0F}},
    ActivationName{"Clip",
                   {ActivationKind::kClip, std::numeric_limits<float>::lowest(),
                    std::numeric_limits<float>::max()}},
    ActivationName{"Sigmoid", {ActivationKind::kSigmoid, 0.0F, 0.0F}},
    ActivationName{"HardSigmoid", {ActivationKind::kHardSigmoid, 0.2F, 0.5F}},
    ActivationName{"HardSwish", {ActivationKind::kHardSwish, 0.0F, 0.0F}},
};

}  // namespace

Result<Activation> fused_activation(const Node& node) {
  LODE_TRY(const std::string name, attribute_string(node, "lode_activation", ""));
  if (name.empty()) return Activation{};
  for (const ActivationName& entry : kActivations) {
    if (entry.name != name) continue;
    Activation activation = entry.defaults;
    LODE_TRY(activation.alpha, attribute_float(node, "lode_alpha", activation.alpha));
    LODE_TRY(activation.beta, attribute_float(node, "lode_beta", activation.beta));
    return activation;
  }
  return runtime_error("{}: attribute 'lode_activation' is {}, which is not an activation",
                       describe(node), quote(name));
}

}  // namespace lode::engine
