// Half weights into the node that reads them, past the Cast that stands between.
#include "engine/ops/half_weights.h"

#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

Status half_weights(Graph& graph, PassReport& report) {
  GraphEditor editor(graph);
  for (const NodeId id : graph.topological_order()) {
    const Node* node = graph.find_node(id);  // a Cast may be gone by now
    if (node == nullptr || !is_op(*node, {"Conv", "Gemm", "MatMul"})) continue;
    const ValueId wide = input_at(*node, kWeightInput);
    if (!is_widened_half(graph, wide)) continue;
    if (input_at(*node, 0) == wide) {
      refuse(report, *node, "the weights are its data, too");
      continue;
    }
    editor.set_input(id, kWeightInput, producer_of(graph, wide)->inputs[0]);
    editor.set_attribute(id, kHalfWeightsAttribute, std::int64_t{1});
    remove_unread(editor, graph, wide);
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
