// Activations into the node before them, as attributes.
#include <limits>

#include "engine/ops/activation.h"
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

// The parameters that a fused node will carry, or why the node cannot be fused.
struct Parameters {
  float alpha = 0.0F;
  float beta = 0.0F;
  std::string why_not;
};

// A bound of Clip: an attribute up to version 10, then an input that must be constant.
Result<float> clip_bound(const Graph& graph, const Node& node, std::size_t index, float fallback,
                         std::string& why_not) {
  if (node.opset < 11) return attribute_float(node, index == 1 ? "min" : "max", fallback);
  const ValueId id = input_at(node, index);
  if (id == kNoValue) return fallback;
  const Tensor* bound = graph.constant(id);
  if (bound == nullptr || bound->dtype() != DType::kF32 || bound->element_count() != 1) {
    why_not = "its bounds are not f32 constants";
    return fallback;
  }
  return bound->as<float>()[0];
}

Result<Parameters> read_parameters(const Graph& graph, const Node& node) {
  Parameters result;
  if (is_op(node, {"Clip"})) {
    using Limits = std::numeric_limits<float>;
    LODE_TRY(result.alpha, clip_bound(graph, node, 1, Limits::lowest(), result.why_not));
    LODE_TRY(result.beta, clip_bound(graph, node, 2, Limits::max(), result.why_not));
  } else if (is_op(node, {"LeakyRelu"})) {
    LODE_TRY(result.alpha, attribute_float(node, "alpha", 0.01F));
  } else if (is_op(node, {"HardSigmoid"})) {
    LODE_TRY(result.alpha, attribute_float(node, "alpha", 0.2F));
    LODE_TRY(result.beta, attribute_float(node, "beta", 0.5F));
  }
  // The first operator sets gave attributes that say how, not what; the shape inference of the
  // operator itself is there to judge them.
  if (node.opset < 6) result.why_not = "its operator set is older than 6";
  return result;
}

std::string why_not_into(const Graph& graph, const Node& producer, ValueId data) {
  if (producer.attributes.contains("lode_activation")) return "an activation is fused already";
  // Activations are computed in f32; Relu and Clip of other types keep their own node.
  if (dtype_of(graph, data) != DType::kF32) return "its input is not known to be f32";
  return "";
}

}  // namespace

Status fuse_activation(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!is_op(node, {"Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish"}))
      continue;
    const ValueId data = input_at(node, 0);
    const Node* producer = producer_of(graph, data);
    if (producer == nullptr || !is_op(*producer, {"Conv", "Gemm", "Add"})) {
      refuse(report, node, "no Conv, Gemm or Add stands before it");
      continue;
    }
    LODE_TRY(Parameters parameters, read_parameters(graph, node));
    if (parameters.why_not.empty()) parameters.why_not = why_not_absorbed(graph, data, node);
    if (parameters.why_not.empty()) parameters.why_not = why_not_into(graph, *producer, data);
    if (!parameters.why_not.empty()) {
      refuse(report, node, parameters.why_not);
      continue;
    }
    GraphEditor editor(graph);
    editor.set_attribute(producer->id, "lode_activation", node.op_type);
    editor.set_attribute(producer->id, "lode_alpha", parameters.alpha);
    editor.set_attribute(producer->id, "lode_beta", parameters.beta);
    absorb(editor, graph, producer->id, id);
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
