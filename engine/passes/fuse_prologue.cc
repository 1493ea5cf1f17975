// BatchNormalization and Relu into the 1x1 Conv that reads them.
#include "engine/ops/activation.h"
#include "engine/passes/channel_affine.h"
#include "engine/passes/passes.h"
#include "engine/passes/prologue.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

Tensor floats_of(const std::vector<double>& values) {
  Tensor tensor(DType::kF32, {static_cast<std::int64_t>(values.size())});
  const std::span<float> to = tensor.mutable_view().as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) to[i] = static_cast<float>(values[i]);
  return tensor;
}

Result<std::string> why_not_affine_relu(const Graph& graph, const Node& node) {
  LODE_TRY(const Activation activation, fused_activation(node));
  if (activation.kind != ActivationKind::kRelu) return std::string("no Relu is fused into it");
  if (!only_first_output_used(graph, node)) return std::string("its second output is read");
  if (dtype_of(graph, node.inputs[0]) != DType::kF32) {
    return std::string("its input is not known to be f32");
  }
  return std::string();
}

Status fuse(Graph& graph, PassReport& report, const Node& node, const Node& conv) {
  LODE_TRY(std::string why_not, why_not_affine_relu(graph, node));
  if (why_not.empty()) {
    LODE_TRY(why_not, why_no_prologue(graph, conv));
  }
  Normalisation normalisation;
  if (why_not.empty()) {
    const std::int64_t channels = graph.constant(conv.inputs[1])->shape()[1];
    LODE_TRY(normalisation, read_normalisation(graph, node, channels));
    why_not = normalisation.why_not;
  }
  if (!why_not.empty()) {
    refuse(report, node, std::move(why_not));
    return {};
  }
  GraphEditor editor(graph);
  const ValueId unread = node.outputs[0];
  const ValueId scale = editor.add_constant("", floats_of(normalisation.affine.scale));
  const ValueId shift = editor.add_constant("", floats_of(normalisation.affine.shift));
  set_prologue(editor, graph, conv.id, ConvPrologue::kAffineRelu, node.inputs[0], scale, shift);
  remove_unread(editor, graph, unread);
  ++report.changes;
  return {};
}

}  // namespace

Status fuse_prologue(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!is_op(node, {"BatchNormalization"})) continue;
    const Node* conv = conv_reader(graph, node.outputs[0]);
    if (conv == nullptr) {
      refuse(report, node, "no Conv is its one reader");
      continue;
    }
    LODE_CHECK_OK(fuse(graph, report, node, *conv));
  }
  return {};
}

}  // namespace lode::engine
