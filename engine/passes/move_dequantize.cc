// Operators that only move elements, in front of the DequantizeLinear that they stand behind: they
// then move bytes, and the DequantizeLinear meets the QuantizeLinear that it goes with.
#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

std::string why_not_moved(const Graph& graph, const Node& node, const LinearNode& linear) {
  if (!is_byte_tensor(linear)) return "its data are not 8-bit of one scale";
  if (!only_first_output_used(graph, node)) return "its second output is read";
  // MaxPool takes bytes since then; of the others every version does.
  if (is_op(node, {"MaxPool"}) && node.opset < 12) return "its operator set is older than 12";
  return "";
}

/// op(Dequantize(x)) becomes Dequantize(op(x)).
void swap(Graph& graph, NodeId id, const LinearNode& linear) {
  GraphEditor editor(graph);
  const ValueId output = graph.node(id).outputs[0];
  const ValueId floats = graph.node(id).inputs[0];
  const ValueId bytes = editor.add_value("");
  Node dequantize = graph.node(linear.node);
  dequantize.name = graph.node(id).name + "_dequantized";
  editor.set_input(id, 0, linear.data);
  editor.move_output(id, 0, bytes);
  dequantize.inputs[0] = bytes;
  dequantize.outputs = {output};
  editor.add_node(std::move(dequantize));
  remove_unread(editor, graph, floats);
}

}  // namespace

Status move_dequantize(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!is_op(node, {"MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"})) {
      continue;
    }
    const auto linear = dequantize_before(graph, node.inputs[0]);
    if (!linear || graph.constant(linear->data) != nullptr) continue;
    std::string why_not = why_not_moved(graph, node, *linear);
    if (why_not.empty()) {
      swap(graph, id, *linear);
      ++report.changes;
    } else {
      refuse(report, node, std::move(why_not));
    }
  }
  return {};
}

}  // namespace lode::engine
