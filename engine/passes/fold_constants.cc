// Computes at load what no input can change.
#include <algorithm>

#include "engine/ops/shape_inference.h"
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

// What folding may add to a model. A small result always pays: tables, scales, broadcast biases. A
// large one pays where it is a weight, since weights are packed at load and every run would have to
// make it again; old exporters write whole models so. The bound on the sum keeps a file of a few
// bytes from asking for all memory.
constexpr std::int64_t kMaxBytes = std::int64_t{64} << 20;
constexpr std::int64_t kMaxWeightBytes = std::int64_t{1} << 30;
constexpr std::int64_t kMaxTotalBytes = std::int64_t{1} << 30;

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

// A Conv, Gemm or MatMul reads the node's result as its second operand.
bool makes_weights(const Graph& graph, const Node& node) {
  const ValueId output = node.outputs[0];
  if (output == kNoValue) return false;
  const std::vector<NodeId>& consumers = graph.value(output).consumers;
  return std::any_of(consumers.begin(), consumers.end(), [&](NodeId id) {
    const Node& consumer = graph.node(id);
    return is_op(consumer, {"Conv", "Gemm", "MatMul"}) && input_at(consumer, 1) == output;
  });
}

// Draws random numbers, or keeps weights small by what folding would undo.
bool must_stay(const Graph& graph, const Node& node) {
  if (is_widened_half(graph, node.outputs[0]) && makes_weights(graph, node)) return true;
  return is_op(node, {"Dropout", "DequantizeLinear"}) ||
         (node.inputs.empty() && !is_op(node, {"Constant"}));
}

bool is_needed(const Graph& graph, const Node& node) {
  return std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
    return output != kNoValue &&
           (!graph.value(output).consumers.empty() || graph.is_output(output));
  });
}

bool makes_graph_output(const Graph& graph, const Node& node) {
  return std::any_of(node.outputs.begin(), node.outputs.end(),
                     [&](ValueId output) { return graph.is_output(output); });
}

// Bytes of a tensor, or more than any limit here if it is huge.
std::int64_t bounded_bytes(const ValueInfo& info) {
  std::int64_t bytes = static_cast<std::int64_t>(dtype_size(info.dtype));
  for (const std::int64_t extent : info.shape) {
    if (extent == 0) return 0;
    if (bytes <= kMaxTotalBytes) bytes *= std::min(extent, kMaxTotalBytes + 1);
  }
  return bytes;
}

// Bytes of the largest result, asked of shape inference so that nothing large is made only to be
// thrown away. Outputs whose shapes depend on the data's values count as nothing: they are no
// larger than the inputs of the operators that have them.
Result<std::int64_t> result_bytes(const Node& node, std::span<const Tensor* const> inputs) {
  LODE_TRY(const OperatorDef* definition, find_operator(node));
  LODE_CHECK_OK(definition->check(node));
  std::vector<ValueInfo> in(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) continue;
    in[i] = {true, inputs[i]->dtype(), inputs[i]->shape(), true, inputs[i]};
  }
  std::vector<ValueInfo> out(node.outputs.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i].present = node.outputs[i] != kNoValue;
  InferContext context{node, in, out};
  LODE_CHECK_OK(definition->infer(context));
  std::int64_t bytes = 0;
  for (const ValueInfo& info : out) {
    if (!info.present || !info.known_shape) continue;
    bytes = std::max(bytes, bounded_bytes(info));
  }
  return bytes;
}

// Why the results should not be kept; empty if they should.
std::string size_objection(std::int64_t bytes, std::int64_t total, bool is_weight) {
  const std::int64_t limit = is_weight ? kMaxWeightBytes : kMaxBytes;
  if (bytes > limit) return fmt::format("its result is larger than {} MB", limit >> 20);
  if (bytes > kMaxTotalBytes - total) {
    return fmt::format("folding has added {} MB already", kMaxTotalBytes >> 20);
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
  std::int64_t total = 0;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const auto inputs = constant_inputs(graph, node);
    if (!inputs.has_value() || !is_needed(graph, node)) continue;
    if (must_stay(graph, node)) {
      refuse(report, node, "the operator is not folded, even with constant inputs");
      continue;
    }
    if (makes_graph_output(graph, node)) {
      refuse(report, node, "it makes an output of the graph");
      continue;
    }
    // A node that does not infer or run stays: it is for the plan to name it, if it is needed.
    const Result<std::int64_t> bytes = result_bytes(node, *inputs);
    if (!bytes.ok()) {
      refuse(report, node, bytes.error().message);
      continue;
    }
    std::string objection = size_objection(bytes.value(), total, makes_weights(graph, node));
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
    total += bytes.value();
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
