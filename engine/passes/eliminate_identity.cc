// Copies out of the way: Identity, and Dropout where it is one.
#include <algorithm>

#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

// Dropout passes its input through in inference. How a node says that it is inference changed: an
// attribute up to version 6 of the operator set, always from 7, an input from 12.
Result<bool> is_training(const Graph& graph, const Node& node) {
  if (node.opset < 7) {
    LODE_TRY(const std::int64_t is_test, attribute_int(node, "is_test", 0));
    return is_test == 0;
  }
  const ValueId mode = node.opset >= 12 ? input_at(node, 2) : kNoValue;
  if (mode == kNoValue) return false;
  const Tensor* constant = graph.constant(mode);
  const bool is_false = constant != nullptr && constant->dtype() == DType::kBool &&
                        constant->element_count() == 1 && !constant->as<bool>()[0];
  return !is_false;
}

// Joins input and output into one value. A graph output keeps its name: the node that makes the
// input makes the output instead.
bool bypass(Graph& graph, const Node& node) {
  GraphEditor editor(graph);
  const ValueId from = node.inputs[0];
  const ValueId to = node.outputs[0];
  if (!graph.is_output(to)) {
    editor.remove_node(node.id);
    editor.replace_uses(to, from);
    return true;
  }
  const Node* producer = producer_of(graph, from);
  if (producer == nullptr || graph.is_output(from)) return false;
  const auto position = std::find(producer->outputs.begin(), producer->outputs.end(), from);
  const auto index = static_cast<std::size_t>(position - producer->outputs.begin());
  editor.remove_node(node.id);
  editor.replace_uses(from, to);
  editor.move_output(producer->id, index, to);
  return true;
}

}  // namespace

Status eliminate_identity(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const bool is_dropout = is_op(node, {"Dropout"});
    if (!is_dropout && !is_op(node, {"Identity"})) continue;
    if (input_at(node, 0) == kNoValue || node.outputs[0] == kNoValue) continue;
    if (is_dropout) {
      LODE_TRY(const bool training, is_training(graph, node));
      if (training) {
        refuse(report, node, "it is not known to be in inference mode");
        continue;
      }
    }
    if (!only_first_output_used(graph, node)) {
      refuse(report, node, "its second output is read");
      continue;
    }
    if (bypass(graph, node)) {
      ++report.changes;
    } else {
      refuse(report, node, "it copies an input, a constant or another output to a graph output");
    }
  }
  return {};
}

}  // namespace lode::engine
