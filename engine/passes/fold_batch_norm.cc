// BatchNormalization into the weights of the Conv or Gemm before it.
#include <cmath>

#include "engine/passes/channel_affine.h"
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

// The node as a map of channels, or a reason why it is none that holds in inference.
struct Normalisation {
  ChannelAffine affine;
  std::string why_not;
};

Result<std::string> why_not_inference(const Node& node) {
  LODE_TRY(const std::int64_t training, attribute_int(node, "training_mode", 0));
  LODE_TRY(const std::int64_t spatial, attribute_int(node, "spatial", 1));
  if (training != 0 || node.opset < 7)
    return std::string("it is not known to be in inference mode");
  if (spatial != 1) return std::string("its statistics are not per channel");
  return std::string();
}

// y = (x - mean) / sqrt(var + epsilon) * scale + bias, as ONNX's BatchNormalization has it.
Result<Normalisation> read_normalisation(const Graph& graph, const Node& node,
                                         std::int64_t channels) {
  Normalisation result;
  LODE_TRY(result.why_not, why_not_inference(node));
  if (!result.why_not.empty()) return result;
  LODE_TRY(const float epsilon, attribute_float(node, "epsilon", 1e-5F));
  const Tensor* scale = channel_vector(graph, input_at(node, 1), channels);
  const Tensor* bias = channel_vector(graph, input_at(node, 2), channels);
  const Tensor* mean = channel_vector(graph, input_at(node, 3), channels);
  const Tensor* variance = channel_vector(graph, input_at(node, 4), channels);
  if (scale == nullptr || bias == nullptr || mean == nullptr || variance == nullptr) {
    result.why_not = fmt::format("its parameters are not f32 constants of {} channels", channels);
    return result;
  }
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    const double spread = double{variance->as<float>()[c]} + epsilon;
    const double factor = scale->as<float>()[c] / std::sqrt(spread);
    if (!std::isfinite(factor)) {
      result.why_not = fmt::format("variance + epsilon of channel {} is {}", c, spread);
      return result;
    }
    result.affine.scale.push_back(factor);
    result.affine.shift.push_back(bias->as<float>()[c] - mean->as<float>()[c] * factor);
  }
  return result;
}

}  // namespace

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
