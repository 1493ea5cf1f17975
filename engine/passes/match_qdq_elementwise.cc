// Sums, activations, pools and concatenations between DequantizeLinear and QuantizeLinear into
// operators on bytes.
#include <algorithm>
#include <vector>

#include "engine/ops/activation.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

class Matcher {
 public:
  Matcher(Graph& graph, PassReport& report) : graph_(graph), report_(report), editor_(graph) {}

  void run();

 private:
  /// What the node becomes; or why it stays.
  struct Made {
    std::optional<Node> node;
    std::string why_not;
  };
  using Operands = std::vector<LinearNode>;

  Made make(const Node& node, const Operands& operands, const LinearNode& output);
  Made make_binary(const Node& node, const Operands& operands, const LinearNode& output);
  Made make_unary(const Node& node, const LinearNode& x, const LinearNode& output);
  Made make_pool(const Node& node, const LinearNode& x, const LinearNode& output);
  Made make_concat(const Node& node, const Operands& operands, const LinearNode& output);
  Result<Activation> activation_of(const Node& node) const;

  Graph& graph_;
  PassReport& report_;
  GraphEditor editor_;
};

bool is_activation(const Node& node) {
  return is_op(node, {"Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Swish"});
}

/// Operands that are data: of Clip and others the first alone.
std::size_t data_count(const Node& node) {
  return is_op(node, {"Add", "Mul", "Concat"}) ? node.inputs.size() : 1;
}

/// own_activation() with the bounds of Clip that are inputs.
Result<Activation> Matcher::activation_of(const Node& node) const {
  LODE_TRY(Activation activation, own_activation(node));
  if (activation.kind != ActivationKind::kClip) return activation;
  for (const std::size_t index : {std::size_t{1}, std::size_t{2}}) {
    const ValueId id = input_at(node, index);
    if (id == kNoValue) continue;
    const Tensor* bound = graph_.constant(id);
    if (bound == nullptr || bound->dtype() != DType::kF32 || bound->element_count() != 1) {
      return runtime_error("its bounds are not f32 constants");
    }
    (index == 1 ? activation.alpha : activation.beta) = bound->as<float>()[0];
  }
  return activation;
}

Matcher::Made Matcher::make_binary(const Node& node, const Operands& operands,
                                   const LinearNode& output) {
  if (operands[0].type != operands[1].type) return {{}, "its operands are of different types"};
  const auto activation = fused_activation(node);
  if (!activation.ok() || activation->kind == ActivationKind::kSigmoid ||
      activation->kind == ActivationKind::kSilu) {
    return {{}, "its activation has no kernel on bytes"};
  }
  Node made = make_node(node, kMicrosoftDomain, is_op(node, {"Add"}) ? "QLinearAdd" : "QLinearMul");
  for (const LinearNode& operand : operands) {
    made.inputs.insert(made.inputs.end(),
                       {operand.data, operand.scale, zero_point_of(editor_, operand)});
  }
  made.inputs.insert(made.inputs.end(), {output.scale, zero_point_of(editor_, output)});
  return {std::move(made), ""};
}

Matcher::Made Matcher::make_unary(const Node& node, const LinearNode& x, const LinearNode& output) {
  const auto activation = activation_of(node);
  if (!activation.ok()) return {{}, activation.error().message};
  Node made = make_node(node, kOwnDomain, "QLinearUnary");
  made.attributes = {{"lode_activation", node.op_type},
                     {"lode_alpha", activation->alpha},
                     {"lode_beta", activation->beta}};
  made.inputs = {x.data, x.scale, zero_point_of(editor_, x), output.scale,
                 zero_point_of(editor_, output)};
  return {std::move(made), ""};
}

Matcher::Made Matcher::make_pool(const Node& node, const LinearNode& x, const LinearNode& output) {
  if (x.type != output.type) return {{}, "its data and its result are of different types"};
  if (node.attributes.contains("dilations")) return {{}, "its window is dilated"};
  Node made = make_node(node, kMicrosoftDomain, "QLinear" + node.op_type);
  made.inputs = {x.data, x.scale, zero_point_of(editor_, x), output.scale,
                 zero_point_of(editor_, output)};
  return {std::move(made), ""};
}

/// A Concat of bytes where all scales are one.
Matcher::Made Matcher::make_concat(const Node& node, const Operands& operands,
                                   const LinearNode& output) {
  const QScale wanted = scale_of(graph_, output);
  const bool is_shared =
      std::all_of(operands.begin(), operands.end(), [&](const LinearNode& operand) {
        return operand.type == output.type && is_same_scale(scale_of(graph_, operand), wanted);
      });
  Node made = is_shared ? node : make_node(node, kMicrosoftDomain, "QLinearConcat");
  made.inputs.clear();
  if (!is_shared) made.inputs = {output.scale, zero_point_of(editor_, output)};
  for (const LinearNode& operand : operands) {
    made.inputs.push_back(operand.data);
    if (is_shared) continue;
    made.inputs.push_back(operand.scale);
    made.inputs.push_back(zero_point_of(editor_, operand));
  }
  return {std::move(made), ""};
}

Matcher::Made Matcher::make(const Node& node, const Operands& operands, const LinearNode& output) {
  if (is_op(node, {"Add", "Mul"})) {
    if (operands.size() != 2) return {{}, "it has not two operands"};
    return make_binary(node, operands, output);
  }
  if (is_activation(node)) return make_unary(node, operands[0], output);
  if (is_op(node, {"Concat"})) return make_concat(node, operands, output);
  return make_pool(node, operands[0], output);
}

void Matcher::run() {
  for (const NodeId id : graph_.topological_order()) {
    const Node* node = graph_.find_node(id);
    if (node == nullptr) continue;
    const bool is_wanted =
        is_op(*node, {"Add", "Mul", "Concat", "AveragePool", "GlobalAveragePool"}) ||
        is_activation(*node);
    if (!is_wanted) continue;
    Operands operands;
    for (std::size_t i = 0; i < data_count(*node); ++i) {
      const auto linear = dequantize_before(graph_, node->inputs[i]);
      if (linear && is_byte_tensor(*linear)) operands.push_back(*linear);
    }
    // Float in, as before the first quantised layer: nothing was to be expected.
    if (operands.empty()) continue;
    const auto output = quantize_behind(graph_, node->outputs[0]);
    Made made;
    if (operands.size() != data_count(*node)) {
      made.why_not = "an operand is not dequantised from 8 bits of one scale";
    } else if (!output || !is_byte_tensor(*output)) {
      made.why_not = "its result is not quantised to 8 bits of one scale alone";
    } else {
      made = make(*node, operands, *output);
    }
    if (!made.node) {
      refuse(report_, *node, std::move(made.why_not));
      continue;
    }
    replace_node(editor_, graph_, id, {output->node}, std::move(*made.node),
                 graph_.node(output->node).outputs[0]);
    ++report_.changes;
  }
}

}  // namespace

Status match_qdq_elementwise(Graph& graph, PassReport& report) {
  Matcher(graph, report).run();
  return {};
}

}  // namespace lode::engine
