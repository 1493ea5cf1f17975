// verify(): the invariants of a Graph, recomputed from its nodes alone.
#include <algorithm>
#include <set>

#include "engine/graph/graph.h"
#include "engine/graph/quote.h"

namespace lode::engine {

namespace {

bool in_range(const Graph& graph, ValueId id) {
  return id >= 0 && static_cast<std::size_t>(id) < graph.value_capacity();
}

// The links as the nodes' own lists of inputs and outputs state them.
struct Links {
  std::vector<NodeId> producer;
  std::vector<std::vector<NodeId>> consumers;
};

Status collect_links(const Graph& graph, const Node& node, Links& links) {
  for (const ValueId input : node.inputs) {
    if (input == kNoValue) continue;
    if (!in_range(graph, input)) {
      return runtime_error("{}: input id {} is out of range", describe(node), input);
    }
    links.consumers[static_cast<std::size_t>(input)].push_back(node.id);
  }
  for (const ValueId output : node.outputs) {
    if (output == kNoValue) continue;
    if (!in_range(graph, output)) {
      return runtime_error("{}: output id {} is out of range", describe(node), output);
    }
    NodeId& producer = links.producer[static_cast<std::size_t>(output)];
    if (producer != kNoNode) {
      return runtime_error("{}: value {} is already produced by {}", describe(node),
                           quote(graph.value(output).name), describe(graph.node(producer)));
    }
    producer = node.id;
  }
  return {};
}

Status check_value(const Graph& graph, const Value& value, const Links& links,
                   const std::vector<bool>& is_input) {
  const auto index = static_cast<std::size_t>(value.id);
  if (value.producer != links.producer[index]) {
    return runtime_error("value {}: its producer link is wrong", quote(value.name));
  }
  std::vector<NodeId> stated = value.consumers;
  std::vector<NodeId> found = links.consumers[index];
  std::sort(stated.begin(), stated.end());
  std::sort(found.begin(), found.end());
  if (stated != found) {
    return runtime_error("value {}: its consumer links are wrong", quote(value.name));
  }
  const int sources = (value.producer != kNoNode ? 1 : 0) + (value.constant.has_value() ? 1 : 0) +
                      (is_input[index] ? 1 : 0);
  if (sources > 1) {
    return runtime_error("value {}: is more than one of input, constant and node output",
                         quote(value.name));
  }
  if (sources == 0 && !value.consumers.empty()) {
    return runtime_error("{}: input {} is produced by nothing",
                         describe(graph.node(value.consumers.front())), quote(value.name));
  }
  if (sources == 0 && graph.is_output(value.id)) {
    return runtime_error("graph output {} is produced by nothing", quote(value.name));
  }
  return {};
}

Status check_nodes(const Graph& graph, Links& links) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < graph.node_capacity(); ++i) {
    const Node* node = graph.find_node(static_cast<NodeId>(i));
    if (node == nullptr) continue;
    if (node->id != static_cast<NodeId>(i)) {
      return runtime_error("{}: has id {} at index {}", describe(*node), node->id, i);
    }
    if (node->outputs.empty()) return runtime_error("{}: has no output", describe(*node));
    if (node->name.empty()) return runtime_error("node {} ({}) has no name", i, node->op_type);
    if (!names.insert(node->name).second) {
      return runtime_error("{}: the name is not unique", describe(*node));
    }
    LODE_CHECK_OK(collect_links(graph, *node, links));
  }
  return {};
}

Status check_values(const Graph& graph, const Links& links) {
  std::vector<bool> is_input(graph.value_capacity(), false);
  for (const ValueId input : graph.inputs()) {
    if (!in_range(graph, input)) return runtime_error("graph input id {} is out of range", input);
    if (is_input[static_cast<std::size_t>(input)]) {
      return runtime_error("graph input {} is listed twice", quote(graph.value(input).name));
    }
    is_input[static_cast<std::size_t>(input)] = true;
  }
  for (const ValueId output : graph.outputs()) {
    if (!in_range(graph, output))
      return runtime_error("graph output id {} is out of range", output);
  }
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < graph.value_capacity(); ++i) {
    const Value& value = graph.value(static_cast<ValueId>(i));
    if (value.id != static_cast<ValueId>(i)) {
      return runtime_error("value {}: has id {} at index {}", quote(value.name), value.id, i);
    }
    if (value.name.empty()) return runtime_error("value {} has no name", i);
    if (!names.insert(value.name).second) {
      return runtime_error("value {}: the name is not unique", quote(value.name));
    }
    LODE_CHECK_OK(check_value(graph, value, links, is_input));
  }
  return {};
}

}  // namespace

Status verify(const Graph& graph) {
  Links links;
  links.producer.assign(graph.value_capacity(), kNoNode);
  links.consumers.resize(graph.value_capacity());
  LODE_CHECK_OK(check_nodes(graph, links));
  LODE_CHECK_OK(check_values(graph, links));

  const std::vector<NodeId> order = graph.topological_order();
  if (order.size() == graph.node_count()) return {};
  std::vector<bool> ordered(graph.node_capacity(), false);
  for (const NodeId id : order) ordered[static_cast<std::size_t>(id)] = true;
  for (std::size_t i = 0; i < graph.node_capacity(); ++i) {
    const Node* node = graph.find_node(static_cast<NodeId>(i));
    if (node != nullptr && !ordered[i]) {
      return runtime_error("{}: is on or behind a cycle", describe(*node));
    }
  }
  return {};
}

}  // namespace lode::engine
