// Activations into the node before them, as attributes.
#include "engine/ops/activation.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

// The activation that a fused node will carry, or why the node cannot be fused.
struct Candidate {
  Activation activation;
  std::string why_not;
};

// A bound of Clip that is an input, which must be constant; without one `bound` stays.
void read_clip_bound(const Graph& graph, ValueId id, float& bound, std::string& why_not) {
  if (id == kNoValue) return;
  const Tensor* constant = graph.constant(id);
  if (constant == nullptr || constant->dtype() != DType::kF32 || constant->element_count() != 1) {
    why_not = "its bounds are not f32 constants";
    return;
  }
  bound = constant->as<float>()[0];
}

Result<Candidate> read_candidate(const Graph& graph, const Node& node) {
  Candidate result;
  LODE_TRY(result.activation, own_activation(node));
  if (result.activation.kind == ActivationKind::kClip) {
    read_clip_bound(graph, input_at(node, 1), result.activation.alpha, result.why_not);
    read_clip_bound(graph, input_at(node, 2), result.activation.beta, result.why_not);
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

bool takes_activation(const Node& node) {
  return is_op(node, {"Conv", "Gemm", "Add", "BatchNormalization"}) || is_dynamic_product(node);
}

}  // namespace

Status fuse_activation(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!is_op(node, {"Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Swish"}))
      continue;
    const ValueId data = input_at(node, 0);
    const Node* producer = producer_of(graph, data);
    if (producer == nullptr || !takes_activation(*producer)) {
      refuse(report, node, "no Conv, Gemm, Add or BatchNormalization stands before it");
      continue;
    }
    LODE_TRY(Candidate candidate, read_candidate(graph, node));
    if (candidate.why_not.empty()) candidate.why_not = why_not_absorbed(graph, data, node);
    if (candidate.why_not.empty()) candidate.why_not = why_not_into(graph, *producer, data);
    if (!candidate.why_not.empty()) {
      refuse(report, node, candidate.why_not);
      continue;
    }
    GraphEditor editor(graph);
    editor.set_attribute(producer->id, "lode_activation", node.op_type);
    editor.set_attribute(producer->id, "lode_alpha", candidate.activation.alpha);
    editor.set_attribute(producer->id, "lode_beta", candidate.activation.beta);
    absorb(editor, graph, producer->id, id);
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
