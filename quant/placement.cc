#include "quant/placement.h"

#include <algorithm>
#include <numeric>

#include "engine/passes/rewrite.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::is_op;
using engine::kNoValue;
using engine::Node;
using engine::NodeId;
using engine::ValueId;

bool is_activation(const Node& node) {
  return is_op(node, {"Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish"});
}

/// Elementwise operators in which activations are spelled out: x * sigmoid(x).
bool is_elementwise(const Node& node) {
  return is_op(node, {"Sigmoid", "HardSigmoid", "Mul", "Div", "Clip", "Sub", "Add"});
}

bool is_same_scale(const Node& node) {
  return is_op(node, {"MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"});
}

bool is_average(const Node& node) {
  return is_op(node, {"AveragePool", "GlobalAveragePool"});
}

bool makes_one_value(const Graph& graph, const Node& node) {
  return !node.outputs.empty() && engine::only_first_output_used(graph, node);
}

class Placer {
 public:
  Placer(const Graph& graph, const PlacementOptions& options)
      : graph_(graph),
        options_(options),
        order_(graph.topological_order()),
        wanted_(graph.value_capacity(), false) {
    placement_.roles.assign(graph.node_capacity(), NodeRole::kFloat);
    placement_.groups.assign(graph.value_capacity(), Placement::kNotQuantized);
  }

  Result<Placement> run() {
    LODE_CHECK_OK(check_names());
    find_squeeze_and_excite();
    for (const NodeId id : order_) place_layer(graph_.node(id));
    while (spread()) {
    }
    join_groups();
    return std::move(placement_);
  }

 private:
  Status check_names() const {
    std::set<std::string> layers;
    for (const NodeId id : order_) {
      if (match_layer(graph_, graph_.node(id)).is_layer_type) layers.insert(graph_.node(id).name);
    }
    for (const std::string& name : options_.float_nodes) {
      if (layers.contains(name)) continue;
      return usage_error("there is no layer '{}' that could be left in float; the first is '{}'",
                         name, layers.empty() ? "" : *layers.begin());
    }
    return {};
  }

  /// Layers between a mean over pixels and the gate that is multiplied with what was averaged.
  void find_squeeze_and_excite() {
    in_gate_.assign(graph_.node_capacity(), false);
    for (const NodeId id : order_) {
      const Node& node = graph_.node(id);
      if (!is_op(node, {"Mul"}) || node.inputs.size() != 2) continue;
      for (const ValueId input : node.inputs) mark_gate(input);
    }
  }

  void mark_gate(ValueId gate) {
    std::vector<NodeId> branch;
    const Node* node = engine::producer_of(graph_, gate);
    while (node != nullptr && !is_op(*node, {"GlobalAveragePool", "ReduceMean"})) {
      const bool passes = is_op(*node, {"Conv", "Gemm", "MatMul", "Add", "Mul", "Div", "Reshape",
                                        "Flatten", "Squeeze", "Unsqueeze", "BatchNormalization"}) ||
                          is_activation(*node);
      if (!passes || !engine::has_one_reader(graph_, node->outputs[0])) return;
      branch.push_back(node->id);
      node = engine::producer_of(graph_, node->inputs[0]);
    }
    if (node == nullptr) return;
    for (const NodeId id : branch) in_gate_[static_cast<std::size_t>(id)] = true;
  }

  void place_layer(const Node& node) {
    LayerMatch match = match_layer(graph_, node);
    if (!match.is_layer_type) return;
    std::string why = std::move(match.why_not);
    const bool is_gate = in_gate_[static_cast<std::size_t>(node.id)];
    if (why.empty() && is_gate) why = "squeeze-and-excite branch";
    if (options_.fallback_nodes.contains(node.name)) why = "the target asks for it";
    if (options_.float_nodes.contains(node.name)) why = "asked for";
    if (!options_.only_nodes.empty() && !options_.only_nodes.contains(node.name)) {
      why = "not among the nodes asked for";
    }
    if (!why.empty()) {
      placement_.kept_float.push_back({node.name, std::move(why)});
      return;
    }
    set_role(node, NodeRole::kLayer);
    want(node.inputs[0]);
    const ValueId end = end_of_activations(graph_, node.outputs[0]);
    if (options_.only_nodes.empty() && is_stored_as_codes(end)) want(end);
  }

  /// Whether a layer's result is stored as codes even if no layer asks for it: unless it is a
  /// result of the graph, or an activation is spelled out behind it.
  [[nodiscard]] bool is_stored_as_codes(ValueId end) const {
    if (graph_.is_output(end)) return false;
    const auto& readers = graph_.value(end).consumers;
    return std::any_of(readers.begin(), readers.end(), [&](NodeId id) {
      const Node& reader = graph_.node(id);
      if (is_op(reader, {"Softmax", "LogSoftmax"}) || is_elementwise(reader)) return false;
      return !is_same_scale(reader) || is_stored_as_codes(reader.outputs[0]);
    });
  }

  /// One round of what follows from what is known; false if nothing new did.
  bool spread() {
    if (!options_.only_nodes.empty()) return false;  // what stands between is not asked for
    bool is_new = false;
    for (auto at = order_.rbegin(); at != order_.rend(); ++at) {
      const Node& node = graph_.node(*at);
      if (placement_.role(node.id) != NodeRole::kFloat || !makes_one_value(graph_, node) ||
          in_gate_[static_cast<std::size_t>(node.id)]) {
        continue;
      }
      const NodeRole role = role_of(node);
      if (role == NodeRole::kFloat) continue;
      set_role(node, role);
      is_new = true;
      for (const ValueId input : data_inputs(node)) want(input);
      if (role == NodeRole::kSameScale || is_op(node, {"Concat"})) want(node.outputs[0]);
    }
    return is_new;
  }

  /// The inputs that are data, not a shape.
  [[nodiscard]] static std::span<const ValueId> data_inputs(const Node& node) {
    const std::span<const ValueId> all = node.inputs;
    return is_op(node, {"Add", "Concat"}) ? all : all.first(1);
  }

  [[nodiscard]] NodeRole role_of(const Node& node) const {
    const auto inputs = data_inputs(node);
    const bool reads_data = std::all_of(inputs.begin(), inputs.end(), [&](ValueId id) {
      return id != kNoValue && graph_.constant(id) == nullptr;
    });
    if (!reads_data) return NodeRole::kFloat;
    const bool is_wanted = wants(end_of_activations(graph_, node.outputs[0]));
    const bool has_codes =
        std::all_of(inputs.begin(), inputs.end(), [&](ValueId id) { return wants(id); });
    const bool is_result = graph_.is_output(node.outputs[0]);
    if (is_same_scale(node)) {
      const bool moves = is_op(node, {"MaxPool"}) && has_codes && !is_result;
      return wants(node.outputs[0]) || moves ? NodeRole::kSameScale : NodeRole::kFloat;
    }
    if (is_op(node, {"Concat"})) {
      const bool is_codes = has_codes && !is_result;
      return wants(node.outputs[0]) || is_codes ? NodeRole::kInteger : NodeRole::kFloat;
    }
    const bool is_sum = is_op(node, {"Add"}) && node.inputs[0] != node.inputs[1];
    return (is_sum || is_average(node)) && is_wanted ? NodeRole::kInteger : NodeRole::kFloat;
  }

  void join_groups() {
    std::vector<ValueId> root(graph_.value_capacity());
    std::iota(root.begin(), root.end(), 0);
    const auto find = [&](ValueId id) {
      while (root[static_cast<std::size_t>(id)] != id) id = root[static_cast<std::size_t>(id)];
      return id;
    };
    for (const NodeId id : order_) {
      const Node& node = graph_.node(id);
      const bool joins = placement_.role(id) == NodeRole::kSameScale ||
                         (placement_.role(id) == NodeRole::kInteger && is_op(node, {"Concat"}) &&
                          options_.share_concat_scales);
      if (!joins) continue;
      for (const ValueId input : data_inputs(node)) {
        root[static_cast<std::size_t>(find(input))] = find(node.outputs[0]);
      }
    }
    std::vector<int> group_of_root(graph_.value_capacity(), Placement::kNotQuantized);
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      if (!wanted_[i]) continue;
      int& group = group_of_root[static_cast<std::size_t>(find(static_cast<ValueId>(i)))];
      if (group == Placement::kNotQuantized) group = placement_.group_count++;
      placement_.groups[i] = group;
    }
  }

  void set_role(const Node& node, NodeRole role) {
    placement_.roles[static_cast<std::size_t>(node.id)] = role;
  }
  void want(ValueId id) { wanted_[static_cast<std::size_t>(id)] = true; }
  [[nodiscard]] bool wants(ValueId id) const { return wanted_[static_cast<std::size_t>(id)]; }

  const Graph& graph_;
  const PlacementOptions& options_;
  std::vector<NodeId> order_;
  std::vector<bool> wanted_;   ///< by ValueId: stored as codes
  std::vector<bool> in_gate_;  ///< by NodeId
  Placement placement_;
};

}  // namespace

ValueId end_of_activations(const Graph& graph, ValueId value) {
  while (engine::has_one_reader(graph, value)) {
    const Node& reader = graph.node(graph.value(value).consumers[0]);
    if (!is_activation(reader) || reader.inputs[0] != value) break;
    value = reader.outputs[0];
  }
  return value;
}

std::vector<ValueId> quantized_values(const Graph& graph, const Placement& placement) {
  std::vector<ValueId> values;
  const auto add = [&](ValueId id) {
    if (id != kNoValue && placement.is_quantized(id)) values.push_back(id);
  };
  for (const ValueId id : graph.inputs()) add(id);
  for (const NodeId node : graph.topological_order()) {
    for (const ValueId id : graph.node(node).outputs) add(id);
  }
  return values;
}

Result<Placement> place(const Graph& graph, const PlacementOptions& options) {
  return Placer(graph, options).run();
}

}  // namespace lode::quant
