// Scale layers, as old exporters write them behind a convolution, into the weights.
#include "engine/passes/channel_affine.h"
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

// `constant` as one number a channel, if broadcasting it against a tensor of rank `rank` with
// `channels` channels on axis 1 changes neither the shape nor anything but whole channels.
std::optional<std::vector<double>> per_channel(const Tensor& constant, std::size_t rank,
                                               std::int64_t channels) {
  const Shape& shape = constant.shape();
  if (constant.dtype() != DType::kF32 || shape.rank() > rank) return std::nullopt;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const bool is_channel_axis = axis + rank - shape.rank() == 1;
    if (shape[axis] != 1 && !(is_channel_axis && shape[axis] == channels)) return std::nullopt;
  }
  const std::span<const float> elements = constant.as<float>();
  std::vector<double> values(static_cast<std::size_t>(channels));
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = elements[elements.size() == 1 ? 0 : c];
  return values;
}

// Operands of a Mul or Add with one constant.
struct Operands {
  ValueId data = kNoValue;
  const Tensor* constant = nullptr;
};

Operands split_operands(const Graph& graph, const Node& node) {
  if (node.inputs.size() != 2) return {};
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const Tensor* constant = graph.constant(node.inputs[i]);
    if (constant != nullptr && graph.constant(node.inputs[1 - i]) == nullptr) {
      return {node.inputs[1 - i], constant};
    }
  }
  return {};
}

// Rank of the producer's output: of a Conv its weights', of a Gemm 2.
std::optional<std::size_t> output_rank(const Graph& graph, const Node& producer) {
  if (is_op(producer, {"Gemm"})) return 2;
  if (is_op(producer, {"Conv"})) return graph.constant(producer.inputs[1])->shape().rank();
  return rank_of(graph, producer.outputs[0]);
}

ChannelAffine affine_of(const Node& node, std::vector<double> constant) {
  const std::size_t channels = constant.size();
  if (is_op(node, {"Mul"})) return {std::move(constant), std::vector<double>(channels, 0.0)};
  return {std::vector<double>(channels, 1.0), std::move(constant)};
}

Status fold_into_producer(Graph& graph, PassReport& report, const Node& node,
                          const Operands& operands) {
  const Node* producer = producer_of(graph, operands.data);
  if (producer == nullptr || !is_op(*producer, {"Conv", "Gemm", "BatchNormalization"})) return {};
  LODE_TRY(AffineTarget target, find_affine_target(graph, *producer));
  if (target.why_not.empty()) target.why_not = why_not_absorbed(graph, operands.data, node);
  if (!target.why_not.empty()) {
    refuse(report, node, target.why_not);
    return {};
  }
  const std::optional<std::size_t> rank = output_rank(graph, *producer);
  if (!rank.has_value() || *rank < 2) {
    refuse(report, node, "the rank of its input is not known");
    return {};
  }
  auto values = per_channel(*operands.constant, *rank, target.channels);
  if (!values.has_value()) {
    refuse(report, node,
           fmt::format("{} {} is not a constant per channel of {}",
                       dtype_name(operands.constant->dtype()),
                       operands.constant->shape().to_string(), target.channels));
    return {};
  }
  GraphEditor editor(graph);
  LODE_CHECK_OK(fold_affine(editor, graph, producer->id, affine_of(node, std::move(*values))));
  absorb(editor, graph, producer->id, node.id);
  ++report.changes;
  return {};
}

}  // namespace

Status fold_scale(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    // Before version 7 broadcasting was an attribute with rules of its own.
    if (!is_op(node, {"Mul", "Add"}) || node.opset < 7) continue;
    const Operands operands = split_operands(graph, node);
    if (operands.constant == nullptr) continue;
    LODE_CHECK_OK(fold_into_producer(graph, report, node, operands));
  }
  return {};
}

}  // namespace lode::engine
