#include "quant/layer.h"

#include "engine/passes/rewrite.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::Node;
using engine::Tensor;

std::string why_not_gemm(const Node& node) {
  const auto alpha = engine::attribute_float(node, "alpha", 1.0F);
  const auto beta = engine::attribute_float(node, "beta", 1.0F);
  const auto trans_a = engine::attribute_int(node, "transA", 0);
  if (!alpha.ok() || *alpha != 1.0F || !beta.ok() || *beta != 1.0F) {
    return "its alpha and beta are not 1";
  }
  return trans_a.ok() && *trans_a == 0 ? "" : "it reads its data transposed";
}

std::size_t channel_axis(const Node& node) {
  if (node.op_type == "Conv") return 0;
  const auto transposed = engine::attribute_int(node, "transB", 0);
  return node.op_type == "Gemm" && transposed.ok() && *transposed != 0 ? 0 : 1;
}

std::string why_not_weights(const Node& node, const Tensor* weights) {
  if (weights == nullptr || weights->dtype() != DType::kF32) {
    return "its weights are not an f32 constant";
  }
  const std::size_t rank = weights->shape().rank();
  if (node.op_type == "Conv" ? rank < 3 : rank != 2) return "its weights are no kernel or matrix";
  return weights->element_count() > 0 ? "" : "its weights are empty";
}

}  // namespace

std::vector<float> Layer::bias_values() const {
  if (!bias) return std::vector<float>(channels, 0.0F);
  const auto values = bias->as<float>();
  return {values.begin(), values.end()};
}

LayerMatch match_layer(const Graph& graph, const Node& node) {
  LayerMatch match;
  match.is_layer_type = engine::is_op(node, {"Conv", "Gemm", "MatMul"});
  if (!match.is_layer_type) return match;
  const Tensor* weights = graph.constant(engine::input_at(node, 1));
  match.why_not = why_not_weights(node, weights);
  if (match.why_not.empty() && node.op_type == "Gemm") match.why_not = why_not_gemm(node);
  if (!match.why_not.empty()) return match;
  Layer& layer = match.layer;
  layer.node = node.id;
  layer.input = node.inputs[0];
  layer.output = node.outputs[0];
  layer.weights = *weights;
  layer.channel_axis = channel_axis(node);
  layer.channels = static_cast<std::size_t>(weights->shape()[layer.channel_axis]);
  if (graph.constant(layer.input) != nullptr) match.why_not = "its data are a constant";
  const engine::ValueId bias = engine::input_at(node, 2);
  if (bias != engine::kNoValue) {
    const Tensor* constant = graph.constant(bias);
    const bool fits = constant != nullptr && constant->dtype() == DType::kF32 &&
                      constant->shape().rank() <= 2 &&
                      constant->element_count() == static_cast<std::int64_t>(layer.channels);
    if (fits) layer.bias = *constant;
    if (!fits) match.why_not = "its bias is not an f32 constant with an element a channel";
  }
  if (node.op_type == "Conv") {
    const auto groups = engine::attribute_int(node, "group", 1);
    layer.groups = groups.ok() ? *groups : 1;
  }
  return match;
}

}  // namespace lode::quant
