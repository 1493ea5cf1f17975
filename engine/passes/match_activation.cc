// Activations that exporters spell out, as the operators that they are:
//
//   Mul(x, Sigmoid(x))                         -> Swish
//   Div(Clip(Add(x, 3), 0, 6), 6)              -> HardSigmoid of 1/6 and 1/2
//   Mul(x, HardSigmoid(x)) of 1/6 and 1/2      -> HardSwish
//   Div(Mul(x, Clip(Add(x, 3), 0, 6)), 6)      -> HardSwish
//
// Mul by 1/6 serves for Div by 6, and operands stand in either order.
#include <cmath>

#include "engine/ops/activation.h"
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

constexpr std::int64_t kHardSigmoidOpset = 6;
constexpr std::int64_t kHardSwishOpset = 14;
constexpr std::int64_t kSwishOpset = 24;

// The f32 constant of one element behind a value.
std::optional<float> number(const Graph& graph, ValueId id) {
  const Tensor* constant = graph.constant(id);
  if (constant == nullptr || constant->dtype() != DType::kF32 || constant->element_count() != 1 ||
      constant->shape().rank() > 1) {
    return std::nullopt;
  }
  return constant->as<float>()[0];
}

// A number that an exporter may have rounded.
bool is_about(std::optional<float> value, float wanted) {
  return value.has_value() && std::fabs(*value - wanted) <= 1e-6F * wanted;
}

// The node that makes `id` if it is one of these and nobody else reads the value.
const Node* own_producer(const Graph& graph, ValueId id,
                         std::initializer_list<std::string_view> op_types) {
  const Node* producer = producer_of(graph, id);
  if (producer == nullptr || !is_op(*producer, op_types) || !has_one_reader(graph, id)) {
    return nullptr;
  }
  return producer;
}

// The other operand of a node of two whose one operand is about `wanted`; kNoValue if none is.
ValueId beside_number(const Graph& graph, const Node& node, float wanted) {
  if (node.inputs.size() != 2 || node.opset < 7) return kNoValue;
  if (is_about(number(graph, node.inputs[1]), wanted)) return node.inputs[0];
  const bool commutes = is_op(node, {"Add", "Mul"});
  return commutes && is_about(number(graph, node.inputs[0]), wanted) ? node.inputs[1] : kNoValue;
}

// What Div by 6, or Mul by 1/6, divides.
ValueId sixth_of(const Graph& graph, const Node& node) {
  if (is_op(node, {"Div"})) return beside_number(graph, node, 6.0F);
  return is_op(node, {"Mul"}) ? beside_number(graph, node, 1.0F / 6.0F) : kNoValue;
}

// x if `id` is Clip(Add(x, 3), 0, 6).
ValueId clipped_sum(const Graph& graph, ValueId id) {
  const Node* clip = own_producer(graph, id, {"Clip"});
  if (clip == nullptr) return kNoValue;
  const auto bounds = own_activation(*clip);
  if (!bounds.ok()) return kNoValue;
  const ValueId low_input = input_at(*clip, 1);
  const ValueId high_input = input_at(*clip, 2);
  const auto low = low_input == kNoValue ? bounds->alpha : number(graph, low_input);
  const auto high = high_input == kNoValue ? bounds->beta : number(graph, high_input);
  if (low != 0.0F || high != 6.0F) return kNoValue;
  const Node* add = own_producer(graph, clip->inputs[0], {"Add"});
  return add == nullptr ? kNoValue : beside_number(graph, *add, 3.0F);
}

// x if `id` is HardSigmoid(x) of 1/6 and 1/2.
ValueId hard_gated(const Graph& graph, ValueId id) {
  const Node* node = own_producer(graph, id, {"HardSigmoid"});
  if (node == nullptr) return kNoValue;
  const auto activation = own_activation(*node);
  const bool matches =
      activation.ok() && is_about(activation->alpha, 1.0F / 6.0F) && activation->beta == 0.5F;
  return matches ? node->inputs[0] : kNoValue;
}

// x if `node` is Mul(x, gate(x)) in either order.
template <typename Gate>
ValueId gated_by(const Graph& graph, const Node& node, const Gate& gate) {
  if (!is_op(node, {"Mul"}) || node.inputs.size() != 2) return kNoValue;
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const ValueId x = gate(graph, node.inputs[i]);
    if (x != kNoValue && x == node.inputs[1 - i]) return x;
  }
  return kNoValue;
}

struct Match {
  std::string_view op_type;
  std::int64_t opset = 0;
  ValueId x = kNoValue;
};

Match match(const Graph& graph, const Node& node) {
  const auto sigmoid = [](const Graph& g, ValueId id) {
    const Node* gate = own_producer(g, id, {"Sigmoid"});
    return gate == nullptr ? kNoValue : gate->inputs[0];
  };
  ValueId x = gated_by(graph, node, sigmoid);
  if (x != kNoValue) return {"Swish", kSwishOpset, x};
  x = gated_by(graph, node, hard_gated);
  if (x != kNoValue) return {"HardSwish", kHardSwishOpset, x};
  const ValueId divided = sixth_of(graph, node);
  if (divided == kNoValue) return {};
  x = clipped_sum(graph, divided);
  if (x != kNoValue) return {"HardSigmoid", kHardSigmoidOpset, x};
  const Node* product = own_producer(graph, divided, {"Mul"});
  x = product == nullptr ? kNoValue : gated_by(graph, *product, clipped_sum);
  return x == kNoValue ? Match{} : Match{"HardSwish", kHardSwishOpset, x};
}

void replace(Graph& graph, const Node& node, const Match& match) {
  GraphEditor editor(graph);
  Node activation;
  activation.name = node.name;
  activation.op_type = match.op_type;
  activation.opset = match.opset;
  activation.inputs = {match.x};
  activation.outputs = node.outputs;
  if (match.op_type == "HardSigmoid") {
    activation.attributes["alpha"] = 1.0F / 6.0F;
    activation.attributes["beta"] = 0.5F;
  }
  const std::vector<ValueId> operands = node.inputs;
  editor.remove_node(node.id);
  editor.add_node(std::move(activation));
  for (const ValueId id : operands) remove_unread(editor, graph, id);
}

}  // namespace

Status match_activation(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const Match found = match(graph, node);
    if (found.x == kNoValue) continue;
    if (rank_of(graph, found.x) == std::size_t{0}) {
      refuse(report, node, "its input is a scalar");
      continue;
    }
    if (dtype_of(graph, found.x) != DType::kF32) {
      refuse(report, node, "its input is not known to be f32");
      continue;
    }
    replace(graph, node, found);
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
