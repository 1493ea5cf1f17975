// Add into the Conv that makes one of its operands, in front of that Conv's activation.
#include <algorithm>

#include "engine/ops/conv_fusion.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"
#include "engine/passes/symbolic_shape.h"

namespace lode::engine {

namespace {

std::string why_not_into(const Graph& graph, const SymbolicShapes& shapes, const Node& add,
                         std::size_t operand) {
  const ValueId data = add.inputs[operand];
  const ValueId other = add.inputs[1 - operand];
  const Node& conv = *producer_of(graph, data);
  std::string why = why_not_absorbed(graph, data, add);
  if (!why.empty()) return why;
  if (conv.attributes.contains("lode_activation") || add.attributes.contains("lode_activation")) {
    return "an activation is fused already";
  }
  if (conv.attributes.contains("lode_residual")) return "a sum is fused already";
  if (dtype_of(graph, data) != DType::kF32) return "its input is not known to be f32";
  if (graph.constant(other) != nullptr) return "the other operand is a constant";
  const SymbolicShape* shape = shapes.find(data);
  if (shape == nullptr || shape->size() != 4 || !shapes.are_equal(data, other)) {
    return "its operands are not known to be of one shape with two spatial axes";
  }
  return "";
}

void fuse(Graph& graph, const Node& add, std::size_t operand) {
  GraphEditor editor(graph);
  const NodeId conv = graph.value(add.inputs[operand]).producer;
  const ValueId residual = add.inputs[1 - operand];
  const std::size_t index = is_dynamic_product(graph.node(conv)) ? kDynamicResidual : kConvResidual;
  while (graph.node(conv).inputs.size() <= index) editor.append_input(conv, kNoValue);
  editor.set_input(conv, index, residual);
  editor.set_attribute(conv, "lode_residual", std::int64_t{1});
  absorb(editor, graph, conv, add.id);
}

}  // namespace

Status fuse_residual(Graph& graph, PassReport& report) {
  const SymbolicShapes shapes(graph);
  const std::vector<NodeId> order = graph.topological_order();
  const auto position = [&order](NodeId id) {
    return std::find(order.begin(), order.end(), id) - order.begin();
  };
  for (const NodeId id : order) {
    const Node& node = graph.node(id);
    if (!is_op(node, {"Add"}) || node.inputs.size() != 2) continue;
    // Of two that can, the later one: the other's result is there when it runs.
    std::optional<std::size_t> chosen;
    std::string why_not;
    for (const std::size_t operand : {std::size_t{0}, std::size_t{1}}) {
      const Node* conv = producer_of(graph, node.inputs[operand]);
      if (conv == nullptr || !(is_op(*conv, {"Conv"}) || is_dynamic_product(*conv))) continue;
      std::string why = why_not_into(graph, shapes, node, operand);
      if (!why.empty()) {
        why_not = std::move(why);
      } else if (!chosen ||
                 position(conv->id) > position(graph.value(node.inputs[*chosen]).producer)) {
        chosen = operand;
      }
    }
    if (chosen) {
      fuse(graph, node, *chosen);
      ++report.changes;
    } else if (!why_not.empty()) {
      refuse(report, node, std::move(why_not));
    }
  }
  return {};
}

}  // namespace lode::engine
