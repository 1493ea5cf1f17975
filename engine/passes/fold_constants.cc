#include "engine/ops/shape_inference.h"
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

// A folded result may be larger than what it was made from by so much: enough for every table and
// broadcast bias that exporters write, and a bound for ConstantOfShape and its like, whose results
// are better made when needed than kept.
constexpr std::int64_t kMaxGrowthBytes = std::int64_t{64} << 20;

// Inputs of `node`, null where omitted; empty optional if one is not constant.
std::optional<std::vector<const Tensor*>> constant_inputs(const Graph& graph, const Node& node) {
  std::vector<const Tensor*> tensors;
  for (const ValueId input : node.inputs) {
    const Tensor* tensor = graph.constant(input);
    if (tensor == nullptr && input != kNoValue) return std::nullopt;
    tensors.push_back(tensor);
  }
  return tensors;
}

// Draws random numbers, or keeps weights small by what folding would undo.
bool must_stay(const Node& node) {
  return is_op(node, {"Dropout", "DequantizeLinear"}) ||
         (node.inputs.empty() && !is_op(node, {"Constant"}));
}

bool is_needed(const Graph& graph, const Node& node) {
  for (const ValueId output : node.outputs) {
    if (output != kNoValue && !graph.value(output).consumers.empty()) return true;
  }
  return false;
}

bool makes_graph_output(const Graph& graph, const Node& node) {
  for (const ValueId output : node.outputs) {
    if (output != kNoValue && graph.is_output(output)) return true;
  }
  return false;
}

// Why the results should not be kept; empty if they should. Asks shape inference, so that nothing
// large is made only to be thrown away.
std::string growth_objection(const Node& node, std::span<const Tensor* const> inputs) {
  const Result<const OperatorDef*> definition = find_operator(node);
  if (!definition.ok()) return definition.error().message;
  std::vector<ValueInfo> in(inputs.size());
  std::int64_t budget = kMaxGrowthBytes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) continue;
    in[i] = {true, inputs[i]->dtype(), inputs[i]->shape(), true, inputs[i]};
    budget += static_cast<std::int64_t>(inputs[i]->byte_size());
  }
  std::vector<ValueInfo> out(node.outputs.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i].present = node.outputs[i] != kNoValue;
  InferContext context{node, in, out};
  const Status inferred = (*definition)->infer(context);
  if (!inferred.ok()) return inferred.error().message;
  for (const ValueInfo& info : out) {
    if (!info.present || !info.known_shape) continue;
    auto left = budget / static_cast<std::int64_t>(dtype_size(info.dtype));
    for (const std::int64_t extent : info.shape) {
      if (extent > 0) left /= extent;
    }
    if (left == 0) return "the result would add more than 64 MB to the model";
  }
  return "";
}

void replace_by_constants(Graph& graph, NodeId id, std::vector<Tensor> results) {
  GraphEditor editor(graph);
  const std::vector<ValueId> outputs = graph.node(id).outputs;
  editor.remove_node(id);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == kNoValue || graph.value(outputs[i]).consumers.empty()) continue;
    editor.set_constant(outputs[i], std::move(results[i]));
  }
}

}  // namespace

Status fold_constants(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const auto inputs = constant_inputs(graph, node);
    if (!inputs.has_value() || !is_needed(graph, node)) continue;
    if (must_stay(node)) {
      refuse(report, node, "the operator is not folded, even with constant inputs");
      continue;
    }
    if (makes_graph_output(graph, node)) {
      refuse(report, node, "it makes an output of the graph");
      continue;
    }
    std::string objection = growth_objection(node, *inputs);
    if (!objection.empty()) {
      refuse(report, node, std::move(objection));
      continue;
    }
    Result<std::vector<Tensor>> results = run_reference(node, *inputs);
    if (!results.ok()) {
      refuse(report, node, results.error().message);
      continue;
    }
    replace_by_constants(graph, id, std::move(results).value());
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
