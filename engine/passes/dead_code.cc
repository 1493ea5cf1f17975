// What no output needs any more.
#include <algorithm>

#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

Status dead_code(Graph& graph, PassReport& report) {
  GraphEditor editor(graph);
  std::vector<bool> is_output(graph.value_capacity(), false);
  for (const ValueId id : graph.outputs()) is_output[static_cast<std::size_t>(id)] = true;
  const auto is_dead = [&](ValueId id) {
    return id == kNoValue ||
           (graph.value(id).consumers.empty() && !is_output[static_cast<std::size_t>(id)]);
  };

  // Consumers first: what only dead nodes read is dead when its turn comes.
  const std::vector<NodeId> order = graph.topological_order();
  for (auto id = order.rbegin(); id != order.rend(); ++id) {
    const std::vector<ValueId>& outputs = graph.node(*id).outputs;
    if (!std::all_of(outputs.begin(), outputs.end(), is_dead)) continue;
    editor.remove_node(*id);
    ++report.changes;
  }
  for (std::size_t i = 0; i < graph.value_capacity(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (graph.constant(id) == nullptr || !is_dead(id)) continue;
    editor.drop_constant(id);
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
