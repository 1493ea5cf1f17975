// Weights to half, in a form that any engine reads: an f16 constant behind a Cast to f32.
#include <algorithm>
#include <cmath>

#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

constexpr float kHalfMax = 65504.0F;
constexpr std::size_t kWeightInput = 1;
/// The operator set since which Cast's attribute is a number.
constexpr std::int64_t kCastByNumberSince = 6;

bool reads_weights(const Graph& graph, NodeId id, ValueId weights) {
  const Node& node = graph.node(id);
  return is_op(node, {"Conv", "Gemm", "MatMul"}) && input_at(node, kWeightInput) == weights;
}

/// Why the tensor stays as it is; "" if halves can hold it.
std::string why_not_narrowed(const Node& node, const Tensor& weights) {
  const std::size_t rank = weights.shape().rank();
  if (is_op(node, {"Conv"}) ? rank < 3 : rank != 2) return "its weights are not a kernel or matrix";
  const auto values = weights.as<float>();
  const auto worst = std::find_if(values.begin(), values.end(),
                                  [](float value) { return !(std::fabs(value) <= kHalfMax); });
  if (worst == values.end()) return "";
  return fmt::format("a weight is {}, and half ends at {}", *worst, kHalfMax);
}

Tensor narrowed(const Tensor& weights) {
  Tensor halves(DType::kF16, weights.shape());
  const auto values = weights.as<float>();
  auto* to = reinterpret_cast<std::uint16_t*>(halves.mutable_view().data);
  std::transform(values.begin(), values.end(), to, f32_to_f16);
  return halves;
}

/// The halves take the constant's place and name where weights alone read it.
void insert_cast(Graph& graph, ValueId weights, std::int64_t opset) {
  GraphEditor editor(graph);
  const std::vector<NodeId> consumers = graph.value(weights).consumers;
  const bool is_shared = graph.is_output(weights) || graph.value(weights).dtype.has_value() ||
                         !std::all_of(consumers.begin(), consumers.end(), [&](NodeId id) {
                           const Node& node = graph.node(id);
                           return reads_weights(graph, id, weights) &&
                                  std::count(node.inputs.begin(), node.inputs.end(), weights) == 1;
                         });
  const std::string name = graph.value(weights).name;
  Tensor halves = narrowed(*graph.constant(weights));
  const ValueId wide = editor.add_value("");
  for (const NodeId id : consumers) {
    if (reads_weights(graph, id, weights)) editor.set_input(id, kWeightInput, wide);
  }
  ValueId from = weights;
  if (is_shared) {
    from = editor.add_constant("", std::move(halves));
  } else {
    editor.set_constant(weights, std::move(halves));
  }
  Node cast;
  cast.name = name + "_to_f32";
  cast.op_type = "Cast";
  cast.opset = opset;
  cast.inputs = {from};
  cast.outputs = {wide};
  if (opset < kCastByNumberSince) {
    cast.attributes.emplace("to", std::string("FLOAT"));
  } else {
    cast.attributes.emplace("to", std::int64_t{1});
  }
  editor.add_node(std::move(cast));
}

}  // namespace

Status narrow_weights(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const ValueId weights = input_at(node, kWeightInput);
    if (weights == kNoValue || !reads_weights(graph, id, weights)) continue;
    const Tensor* constant = graph.constant(weights);
    if (constant == nullptr || constant->dtype() != DType::kF32) continue;
    std::string why_not = why_not_narrowed(node, *constant);
    if (!why_not.empty()) {
      refuse(report, node, std::move(why_not));
      continue;
    }
    insert_cast(graph, weights, node.opset);
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
