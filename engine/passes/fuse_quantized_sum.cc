// QLinearAdd into the QLinearConv that makes one of its operands: the sum is made in the registers
// of the convolution, of the bytes that it would have stored.
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

bool is_constant_of_one(const Graph& graph, ValueId id, DType type) {
  const Tensor* constant = graph.constant(id);
  return constant != nullptr && constant->dtype() == type && constant->element_count() == 1;
}

/// One constant scale, and one constant zero point of u8.
bool has_parameters(const Graph& graph, const Node& node, std::size_t scale, std::size_t zero) {
  return is_constant_of_one(graph, input_at(node, scale), DType::kF32) &&
         is_constant_of_one(graph, input_at(node, zero), DType::kU8);
}

std::string why_not_of(const Graph& graph, const Node& conv) {
  if (conv.attributes.contains("lode_activation")) return "an activation is fused already";
  if (conv.attributes.contains("lode_residual")) return "a sum is fused already";
  if (conv.attributes.contains(kFloatOutputAttribute)) return "the convolution makes floats";
  const Tensor* weight = graph.constant(input_at(conv, kQConvWeight.data));
  if (weight == nullptr || weight->shape().rank() != 4) {
    return "the convolution's weights are not constant, or not of two spatial axes";
  }
  const auto groups = attribute_int(conv, "group", 1);
  const bool is_depthwise = groups.ok() && *groups == weight->shape()[0] && weight->shape()[1] == 1;
  return is_depthwise ? "the convolution is depthwise: its kernels add nothing" : "";
}

std::string why_not_into(const Graph& graph, const SymbolicShapes& shapes, const Node& add,
                         const Split& split) {
  const ValueId data = add.inputs[split.made.data];
  const ValueId other = add.inputs[split.other.data];
  const Node& conv = *producer_of(graph, data);
  std::string why = why_not_absorbed(graph, data, add);
  if (why.empty()) why = why_not_of(graph, conv);
  if (!why.empty()) return why;
  if (!has_parameters(graph, conv, kQConvScale, kQConvZeroPoint) ||
      dtype_of(graph, other) != DType::kU8) {
    return "its values are not u8";
  }
  const QScale read =
      scale_of(graph, add.inputs[split.made.scale], add.inputs[split.made.zero_point]);
  if (!is_same_scale(read,
                     scale_of(graph, conv.inputs[kQConvScale], conv.inputs[kQConvZeroPoint]))) {
    return "it reads by another scale or zero point than the convolution writes";
  }
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
  while (graph.node(conv).inputs.size() <= kQConvSumZeroPoint) editor.append_input(conv, kNoValue);
  editor.set_input(conv, kQConvResidual.data, add.inputs[split.other.data]);
  editor.set_input(conv, kQConvResidual.scale, add.inputs[split.other.scale]);
  editor.set_input(conv, kQConvResidual.zero_point, add.inputs[split.other.zero_point]);
  editor.set_input(conv, kQConvSumScale, add.inputs[kQBinaryScale]);
  editor.set_input(conv, kQConvSumZeroPoint, add.inputs[kQBinaryZeroPoint]);
  editor.set_attribute(conv, "lode_residual", std::int64_t{1});
  for (const char* name : {"lode_activation", "lode_alpha", "lode_beta"}) {
    const auto found = add.attributes.find(name);
    if (found != add.attributes.end()) editor.set_attribute(conv, name, found->second);
  }
  absorb(editor, graph, conv, add.id);
}

/// Bytes whose scales and zero points are there, and are constants.
bool is_sum_of_bytes(const Graph& graph, const Node& node) {
  return node.domain == kMicrosoftDomain && node.op_type == "QLinearAdd" &&
         has_parameters(graph, node, kQBinaryA.scale, kQBinaryA.zero_point) &&
         has_parameters(graph, node, kQBinaryB.scale, kQBinaryB.zero_point) &&
         has_parameters(graph, node, kQBinaryScale, kQBinaryZeroPoint);
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
    if (!is_sum_of_bytes(graph, node)) continue;
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
