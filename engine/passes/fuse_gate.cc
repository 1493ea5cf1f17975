// Mul by a factor for each image and channel, such as squeeze-and-excite makes, into the 1x1 Conv
// that reads the product.
#include "engine/passes/passes.h"
#include "engine/passes/prologue.h"
#include "engine/passes/rewrite.h"
#include "engine/passes/symbolic_shape.h"

namespace lode::engine {

namespace {

// The operand that is [N,C,1,1] where the other is [N,C,H,W].
std::optional<std::size_t> gate_operand(const SymbolicShapes& shapes, const Node& mul) {
  for (const std::size_t i : {std::size_t{1}, std::size_t{0}}) {
    const SymbolicShape* gate = shapes.find(mul.inputs[i]);
    const SymbolicShape* x = shapes.find(mul.inputs[1 - i]);
    if (gate == nullptr || x == nullptr || gate->size() != 4 || x->size() != 4) continue;
    const bool is_single = (*gate)[2] == 1 && (*gate)[3] == 1;
    if (is_single && (*gate)[0] == (*x)[0] && (*gate)[1] == (*x)[1]) return i;
  }
  return std::nullopt;
}

Result<std::string> why_not(const Graph& graph, const Node& mul, const Node& conv,
                            std::optional<std::size_t> gate) {
  if (!gate) return std::string("no operand is known to be a factor for each image and channel");
  if (graph.constant(mul.inputs[0]) != nullptr || graph.constant(mul.inputs[1]) != nullptr) {
    return std::string("an operand is a constant");
  }
  if (dtype_of(graph, mul.inputs[0]) != DType::kF32) {
    return std::string("its input is not known to be f32");
  }
  return why_no_prologue(graph, conv);
}

}  // namespace

Status fuse_gate(Graph& graph, PassReport& report) {
  const SymbolicShapes shapes(graph);
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!is_op(node, {"Mul"}) || node.inputs.size() != 2 || node.opset < 7) continue;
    const Node* conv = conv_reader(graph, node.outputs[0]);
    if (conv == nullptr) {
      refuse(report, node, "no Conv is its one reader");
      continue;
    }
    const std::optional<std::size_t> gate = gate_operand(shapes, node);
    LODE_TRY(std::string why, why_not(graph, node, *conv, gate));
    if (!why.empty()) {
      refuse(report, node, std::move(why));
      continue;
    }
    GraphEditor editor(graph);
    const ValueId unread = node.outputs[0];
    set_prologue(editor, graph, conv->id, ConvPrologue::kScale, node.inputs[1 - *gate],
                 node.inputs[*gate], kNoValue);
    remove_unread(editor, graph, unread);
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
