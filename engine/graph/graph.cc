// Graph's const interface: look-ups and the topological order.
#include "engine/graph/graph.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace lode::engine {

const Node& Graph::node(NodeId id) const {
  const Node* found = find_node(id);
  LODE_ASSERT(found != nullptr);
  return *found;
}

const Value& Graph::value(ValueId id) const {
  LODE_ASSERT(id >= 0 && static_cast<std::size_t>(id) < values_.size());
  return values_[static_cast<std::size_t>(id)];
}

const Node* Graph::find_node(NodeId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= nodes_.size()) return nullptr;
  const std::optional<Node>& slot = nodes_[static_cast<std::size_t>(id)];
  return slot.has_value() ? &*slot : nullptr;
}

const Tensor* Graph::constant(ValueId id) const {
  if (id == kNoValue) return nullptr;
  const std::optional<Tensor>& tensor = value(id).constant;
  return tensor.has_value() ? &*tensor : nullptr;
}

bool Graph::is_output(ValueId id) const {
  return std::find(outputs_.begin(), outputs_.end(), id) != outputs_.end();
}

std::size_t Graph::node_count() const {
  return static_cast<std::size_t>(std::count_if(
      nodes_.begin(), nodes_.end(), [](const std::optional<Node>& n) { return n.has_value(); }));
}

// Kahn's algorithm, lowest id first among the ready ones: ids in a valid order come out unchanged,
// and an edit moves only what it must. Nodes on a cycle never become ready and are left out, which
// is how verify() sees them.
std::vector<NodeId> Graph::topological_order() const {
  std::vector<std::size_t> waiting_for(nodes_.size(), 0);
  std::priority_queue<NodeId, std::vector<NodeId>, std::greater<>> ready;
  for (const std::optional<Node>& candidate : nodes_) {
    if (!candidate.has_value()) continue;
    std::size_t& count = waiting_for[static_cast<std::size_t>(candidate->id)];
    for (const ValueId input : candidate->inputs) {
      if (input != kNoValue && value(input).producer != kNoNode) ++count;
    }
    if (count == 0) ready.push(candidate->id);
  }
  std::vector<NodeId> order;
  order.reserve(nodes_.size());
  while (!ready.empty()) {
    const NodeId next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const ValueId output : node(next).outputs) {
      if (output == kNoValue) continue;
      for (const NodeId consumer : value(output).consumers) {
        if (--waiting_for[static_cast<std::size_t>(consumer)] == 0) ready.push(consumer);
      }
    }
  }
  return order;
}

}  // namespace lode::engine
