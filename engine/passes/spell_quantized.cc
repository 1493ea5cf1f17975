// Operators on bytes that others can stand for, and then fuse or be written in place:
//
//   QLinearConcat             -> lode.QLinearUnary for each operand of another scale, and Concat
//   QLinearMatMul             -> QGemm, where its weights are a constant matrix
#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

bool is_microsoft(const Node& node, std::string_view op_type) {
  return node.domain == kMicrosoftDomain && node.op_type == op_type;
}

bool are_constant(const Graph& graph, std::initializer_list<ValueId> ids) {
  for (const ValueId id : ids) {
    if (id == kNoValue || graph.constant(id) == nullptr) return false;
  }
  return true;
}

// `node` is a copy, since nodes move when one is added.
std::string split_concat(Graph& graph, const Node node) {
  GraphEditor editor(graph);
  const auto type = dtype_of(graph, node.outputs[0]);
  std::vector<OperandInputs> operands;
  for (std::size_t i = 0; qconcat_operand(i).data < node.inputs.size(); ++i) {
    operands.push_back(qconcat_operand(i));
  }
  const ValueId scale = node.inputs[kQConcatScale];
  const ValueId zero = node.inputs[kQConcatZeroPoint];
  if (!are_constant(graph, {scale, zero})) return "its scale is not constant";
  for (const OperandInputs& operand : operands) {
    if (!are_constant(graph, {node.inputs[operand.scale], input_at(node, operand.zero_point)})) {
      return "the scale of an operand is not constant";
    }
  }
  Node concat;
  concat.op_type = "Concat";
  concat.opset = kQuantisedOpset;
  concat.attributes = node.attributes;
  const QScale wanted = scale_of(graph, scale, zero);
  for (const OperandInputs& operand : operands) {
    const ValueId data = node.inputs[operand.data];
    const QScale own = scale_of(graph, node.inputs[operand.scale], node.inputs[operand.zero_point]);
    if (dtype_of(graph, data) == type && is_same_scale(own, wanted)) {
      concat.inputs.push_back(data);
      continue;
    }
    Node unary;
    unary.domain = kOwnDomain;
    unary.op_type = "QLinearUnary";
    unary.opset = kOwnOpset;
    unary.inputs = {data, node.inputs[operand.scale], node.inputs[operand.zero_point], scale, zero};
    unary.outputs = {editor.add_value("")};
    concat.inputs.push_back(unary.outputs[0]);
    editor.add_node(std::move(unary));
  }
  const ValueId output = node.outputs[0];
  replace_node(editor, graph, node.id, {}, std::move(concat), output);
  return "";
}

std::string to_gemm(Graph& graph, const Node& node) {
  GraphEditor editor(graph);
  const Tensor* b = graph.constant(node.inputs[kQMatMulB.data]);
  const Tensor* a_scale = graph.constant(node.inputs[kQMatMulA.scale]);
  if (b == nullptr || b->shape().rank() != 2) return "its weights are not a constant matrix";
  if (rank_of(graph, node.inputs[kQMatMulA.data]) != 2) return "its data are no known matrix";
  if (a_scale == nullptr || a_scale->element_count() != 1) return "its data have several scales";
  Node gemm = make_node(node, kMicrosoftDomain, "QGemm");
  gemm.inputs.assign(node.inputs.begin(), node.inputs.begin() + kQGemmBias);
  gemm.inputs.insert(gemm.inputs.end(),
                     {kNoValue, node.inputs[kQMatMulScale], node.inputs[kQMatMulZeroPoint]});
  const ValueId output = node.outputs[0];
  replace_node(editor, graph, node.id, {}, std::move(gemm), output);
  return "";
}

}  // namespace

Status spell_quantized(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node* node = graph.find_node(id);
    if (node == nullptr) continue;
    const bool is_concat = is_microsoft(*node, "QLinearConcat");
    if (!is_concat && !is_op(*node, {"QLinearMatMul"})) continue;
    std::string why_not = is_concat ? split_concat(graph, *node) : to_gemm(graph, *node);
    if (why_not.empty()) {
      ++report.changes;
    } else {
      refuse(report, graph.node(id), std::move(why_not));
    }
  }
  return {};
}

}  // namespace lode::engine
