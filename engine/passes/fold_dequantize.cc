// Weights that are stored in 8 bits, but multiply floats: back to floats once, at load, instead of
// in each run.
#include "engine/ops/shape_inference.h"
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

Status fold_dequantize(Graph& graph, PassReport& report) {
  GraphEditor editor(graph);
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!is_op(node, {"DequantizeLinear"}) || graph.is_output(node.outputs[0])) continue;
    std::vector<const Tensor*> inputs;
    bool is_constant = true;
    for (const ValueId input : node.inputs) {
      inputs.push_back(graph.constant(input));
      is_constant = is_constant && (input == kNoValue || inputs.back() != nullptr);
    }
    if (!is_constant) continue;
    Result<std::vector<Tensor>> floats = run_reference(node, inputs);
    if (!floats.ok()) {
      refuse(report, node, floats.error().message);
      continue;
    }
    const ValueId output = node.outputs[0];
    editor.remove_node(id);
    editor.set_constant(output, std::move(floats->front()));
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
