// QuantizeLinear behind DequantizeLinear: nothing at all where both have one scale, else one step
// from bytes to bytes.
#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

void requantise(Graph& graph, const LinearNode& from, const LinearNode& to) {
  GraphEditor editor(graph);
  Node made = make_node(graph.node(to.node), kOwnDomain, "QLinearUnary");
  made.attributes.clear();
  made.inputs = {from.data, from.scale, zero_point_of(editor, from), to.scale,
                 zero_point_of(editor, to)};
  replace_node(editor, graph, to.node, {}, std::move(made), graph.node(to.node).outputs[0]);
}

void drop(Graph& graph, const LinearNode& from, const LinearNode& to) {
  GraphEditor editor(graph);
  const ValueId floats = graph.node(to.node).inputs[0];
  const ValueId output = graph.node(to.node).outputs[0];
  editor.remove_node(to.node);
  editor.replace_uses(output, from.data);
  remove_unread(editor, graph, floats);
}

}  // namespace

Status merge_requantize(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node* node = graph.find_node(id);
    if (node == nullptr || !is_op(*node, {"QuantizeLinear"})) continue;
    const auto from = dequantize_before(graph, node->inputs[0]);
    const auto to = read_linear_node(graph, *node);
    if (!from || !to || graph.constant(from->data) != nullptr) continue;
    if (!is_byte_tensor(*from) || !is_byte_tensor(*to)) {
      refuse(report, *node, "it is not from 8 bits of one scale to 8 bits of one scale");
      continue;
    }
    const bool is_nothing =
        from->type == to->type && is_same_scale(scale_of(graph, *from), scale_of(graph, *to));
    if (is_nothing && !graph.is_output(node->outputs[0])) {
      drop(graph, *from, *to);
    } else {
      requantise(graph, *from, *to);
    }
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
