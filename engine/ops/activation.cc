#include "engine/ops/activation.h"

#include <algorithm>
#include <array>
#include <limits>

#include "engine/graph/quote.h"

namespace lode::engine {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// An activation by its operator, ONNX's defaults of its parameters, and the attributes that hold
// them ("": it has none).
struct ActivationRule {
  std::string_view op_type;
  Activation defaults;
  std::string_view alpha;
  std::string_view beta;
};

constexpr std::array kActivations = {
    ActivationRule{"Relu", {ActivationKind::kRelu, 0.0F, 0.0F}, "", ""},
    ActivationRule{"LeakyRelu", {ActivationKind::kLeakyRelu, 0.01F, 0.0F}, "alpha", ""},
    ActivationRule{"Clip", {ActivationKind::kClip, -kInfinity, kInfinity}, "min", "max"},
    ActivationRule{"Sigmoid", {ActivationKind::kSigmoid, 0.0F, 0.0F}, "", ""},
    ActivationRule{"HardSigmoid", {ActivationKind::kHardSigmoid, 0.2F, 0.5F}, "alpha", "beta"},
    ActivationRule{"HardSwish", {ActivationKind::kHardSwish, 0.0F, 0.0F}, "", ""},
    ActivationRule{"Swish", {ActivationKind::kSilu, 0.0F, 0.0F}, "", ""},
};

const ActivationRule* find_rule(std::string_view op_type) {
  const auto found =
      std::find_if(kActivations.begin(), kActivations.end(),
                   [op_type](const ActivationRule& rule) { return rule.op_type == op_type; });
  return found == kActivations.end() ? nullptr : &*found;
}

// The defaults, replaced by the attributes of these names where the node has them.
Result<Activation> read_activation(const Node& node, Activation activation, std::string_view alpha,
                                   std::string_view beta) {
  LODE_TRY(activation.alpha, attribute_float(node, alpha, activation.alpha));
  LODE_TRY(activation.beta, attribute_float(node, beta, activation.beta));
  return activation;
}

}  // namespace

Result<Activation> own_activation(const Node& node) {
  const ActivationRule* rule = find_rule(node.op_type);
  if (rule == nullptr) return Activation{};
  return read_activation(node, rule->defaults, rule->alpha, rule->beta);
}

Result<Activation> fused_activation(const Node& node) {
  LODE_TRY(const std::string name, attribute_string(node, "lode_activation", ""));
  if (name.empty()) return Activation{};
  const ActivationRule* rule = find_rule(name);
  if (rule != nullptr) return read_activation(node, rule->defaults, "lode_alpha", "lode_beta");
  return runtime_error("{}: attribute 'lode_activation' is {}, which is not an activation",
                       describe(node), quote(name));
}

}  // namespace lode::engine
