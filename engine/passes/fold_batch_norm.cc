// BatchNormalization into the weights of the Conv or Gemm before it.
#include "engine/passes/channel_affine.h"
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

Status fold_batch_norm(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const ValueId data = input_at(node, 0);
    if (!is_op(node, {"BatchNormalization"})) continue;
    const Node* producer = producer_of(graph, data);
    if (producer == nullptr || !is_op(*producer, {"Conv", "Gemm"})) {
      refuse(report, node, "no Conv or Gemm stands before it");
      continue;
    }
    LODE_TRY(AffineTarget target, find_affine_target(graph, *producer));
    if (target.why_not.empty()) target.why_not = why_not_absorbed(graph, data, node);
    if (!target.why_not.empty()) {
      refuse(report, node, target.why_not);
      continue;
    }
    LODE_TRY(const Normalisation normalisation, read_normalisation(graph, node, target.channels));
    if (!normalisation.why_not.empty()) {
      refuse(report, node, normalisation.why_not);
      continue;
    }
    GraphEditor editor(graph);
    LODE_CHECK_OK(fold_affine(editor, graph, producer->id, normalisation.affine));
    absorb(editor, graph, producer->id, id);
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
