// QLinearAdd into the QLinearConv that makes one of its operands: the sum is made in the registers
// of the convolution, and is rounded once instead of twice.
#include <algorithm>

#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"
#include "engine/passes/symbolic_shape.h"

namespace lode::engine {

namespace {

/// The operand that a convolution makes; the other one is the residual.
struct Split {
  OperandInputs made;
  OperandInputs other;
};
constexpr Split kSplits[] = {{kQBinaryA, kQBinaryB}, {kQBinaryB, kQBinaryA}};

std::string why_not_into(const Graph& graph, const SymbolicShapes& shapes, const Node& add,
                         const Split& split) {
  const ValueId data = add.inputs[split.made.data];
  const ValueId other = add.inputs[split.other.data];
  const Node& conv = *producer_of(graph, data);
  std::string why = why_not_absorbed(graph, data, add);
  if (!why.empty()) return why;
  if (conv.attributes.contains("lode_activation")) return "an activation is fused already";
  if (conv.attributes.contains("lode_residual")) return "a sum is fused already";
  if (conv.attributes.contains(kFloatOutputAttribute)) return "the convolution makes floats";
  for (const ValueId id : {data, other, add.outputs[0]}) {
    if (dtype_of(graph, id) != DType::kU8) return "its values are not u8";
  }
  // The bounds of the convolution's own range may stand for an activation.
  const QScale own =
      scale_of(graph, add.inputs[split.made.scale], add.inputs[split.made.zero_point]);
  if (own.zero == 0 || own.zero == 255) return "the range of the convolution's result is one-sided";
  if (graph.constant(other) != nullptr) return "the other operand is a constant";
  const SymbolicShape* shape = shapes.find(data);
  if (shape == nullptr || shape->size() != 4 || !shapes.are_equal(data, other)) {
    return "its operands are not known to be of one shape with two spatial axes";
  }
  return "";
}

void fuse(Graph& graph, const Node& add, const Split& split) {
  GraphEditor editor(graph);
  const NodeId conv = graph.value(add.inputs[split.made.data]).producer;
  while (graph.node(conv).inputs.size() <= kQConvResidual.zero_point) {
    editor.append_input(conv, kNoValue);
  }
  editor.set_input(conv, kQConvResidual.data, add.inputs[split.other.data]);
  editor.set_input(conv, kQConvResidual.scale, add.inputs[split.other.scale]);
  editor.set_input(conv, kQConvResidual.zero_point, add.inputs[split.other.zero_point]);
  editor.set_input(conv, kQConvScale, add.inputs[kQBinaryScale]);
  editor.set_input(conv, kQConvZeroPoint, input_at(add, kQBinaryZeroPoint));
  editor.set_attribute(conv, "lode_residual", std::int64_t{1});
  for (const char* name : {"lode_activation", "lode_alpha", "lode_beta"}) {
    const auto found = add.attributes.find(name);
    if (found != add.attributes.end()) editor.set_attribute(conv, name, found->second);
  }
  absorb(editor, graph, conv, add.id);
}

bool has_zero_points(const Node& add) {
  return std::all_of(add.inputs.begin(), add.inputs.end(),
                     [](ValueId id) { return id != kNoValue; }) &&
         add.inputs.size() == 8;
}

}  // namespace

Status fuse_quantized_sum(Graph& graph, PassReport& report) {
  const SymbolicShapes shapes(graph);
  const std::vector<NodeId> order = graph.topological_order();
  const auto position = [&order](NodeId id) {
    return std::find(order.begin(), order.end(), id) - order.begin();
  };
  for (const NodeId id : order) {
    const Node& node = graph.node(id);
    if (node.domain != kMicrosoftDomain || node.op_type != "QLinearAdd" || !has_zero_points(node)) {
      continue;
    }
    // Of two that can, the later one: the other's result is there when it runs.
    const Split* chosen = nullptr;
    std::string why_not;
    for (const Split& split : kSplits) {
      const Node* conv = producer_of(graph, node.inputs[split.made.data]);
      if (conv == nullptr || !is_op(*conv, {"QLinearConv"})) continue;
      std::string why = why_not_into(graph, shapes, node, split);
      if (!why.empty()) {
        why_not = std::move(why);
      } else if (chosen == nullptr ||
                 position(conv->id) >
                     position(graph.value(node.inputs[chosen->made.data]).producer)) {
        chosen = &split;
      }
    }
    if (chosen != nullptr) {
      fuse(graph, node, *chosen);
      ++report.changes;
    } else if (!why_not.empty()) {
      refuse(report, node, std::move(why_not));
    }
  }
  return {};
}

}  // namespace lode::engine
