// Sum as a chain of Adds.
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

Status split_sum(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!is_op(node, {"Sum"}) || node.inputs.size() < 2) continue;
    // From version 8 on both broadcast by one rule; before, Sum took equal shapes only, which Add
    // would no longer check.
    if (node.opset < 8) {
      refuse(report, node, "its operator set is older than 8");
      continue;
    }
    GraphEditor editor(graph);
    const std::vector<ValueId> operands = node.inputs;
    const ValueId output = node.outputs[0];
    const Node whole = node;
    editor.remove_node(id);
    ValueId sum = operands[0];
    for (std::size_t i = 1; i < operands.size(); ++i) {
      Node add;
      add.name = whole.name;
      add.op_type = "Add";
      add.opset = whole.opset;
      add.inputs = {sum, operands[i]};
      sum = i + 1 == operands.size() ? output : editor.add_value("");
      add.outputs = {sum};
      editor.add_node(std::move(add));
    }
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
