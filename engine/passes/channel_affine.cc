#include "engine/passes/channel_affine.h"

#include <cmath>

#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

bool is_f32_constant(const Tensor* tensor) {
  return tensor != nullptr && tensor->dtype() == DType::kF32 && tensor->element_count() > 0;
}

AffineTarget cannot(std::string why) {
  return {0, std::move(why)};
}

AffineTarget conv_target(const Graph& graph, const Node& node) {
  if (node.attributes.contains("lode_residual")) return cannot("a sum is fused already");
  const Tensor* weights = graph.constant(input_at(node, 1));
  if (!is_f32_constant(weights) || weights->shape().rank() < 3) {
    return cannot("the weights are not an f32 constant");
  }
  const std::int64_t channels = weights->shape()[0];
  const ValueId bias = input_at(node, 2);
  if (bias != kNoValue && channel_vector(graph, bias, channels) == nullptr) {
    return cannot("the bias is not an f32 constant with an element a channel");
  }
  return {channels, ""};
}

// The bias of a Gemm is broadcast to [M,N]; what has one row folds, one element serving all
// columns.
bool is_gemm_bias(const Tensor* bias, std::int64_t columns) {
  if (!is_f32_constant(bias)) return false;
  const Shape& shape = bias->shape();
  if (shape.rank() > 2 || (shape.rank() == 2 && shape[0] != 1)) return false;
  return bias->element_count() == columns || bias->element_count() == 1;
}

Result<AffineTarget> gemm_target(const Graph& graph, const Node& node) {
  const Tensor* weights = graph.constant(input_at(node, 1));
  if (!is_f32_constant(weights) || weights->shape().rank() != 2) {
    return cannot("the weights are not an f32 constant");
  }
  LODE_TRY(const std::int64_t transposed, attribute_int(node, "transB", 0));
  const std::int64_t channels = weights->shape()[transposed != 0 ? 0 : 1];
  const ValueId bias = input_at(node, 2);
  if (bias != kNoValue && !is_gemm_bias(graph.constant(bias), channels)) {
    return cannot("the bias is not an f32 constant with an element a column");
  }
  return AffineTarget{channels, ""};
}

AffineTarget batch_norm_target(const Graph& graph, const Node& node) {
  const Tensor* scale = graph.constant(input_at(node, 1));
  if (!is_f32_constant(scale) || scale->shape().rank() != 1 ||
      channel_vector(graph, input_at(node, 2), scale->element_count()) == nullptr) {
    return cannot("scale and bias are not f32 constants of one length");
  }
  return {scale->element_count(), ""};
}

// Weights seen as [rows, channels, inner], each multiplied by its channel's scale.
Tensor scaled(const Tensor& weights, std::int64_t rows, const std::vector<double>& scale) {
  Tensor result(DType::kF32, weights.shape());
  const std::span<const float> from = weights.as<float>();
  const std::span<float> to = result.mutable_view().as<float>();
  const auto channels = scale.size();
  const std::size_t inner = from.size() / (static_cast<std::size_t>(rows) * channels);
  std::size_t i = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const double factor : scale) {
      for (const std::size_t end = i + inner; i < end; ++i) {
        to[i] = static_cast<float>(from[i] * factor);
      }
    }
  }
  return result;
}

// factor * bias[c] * scale[c] + shift[c]; a bias of one element serves every channel, none is 0.
Tensor mapped_bias(const Tensor* bias, double factor, const ChannelAffine& affine) {
  const std::size_t channels = affine.scale.size();
  Tensor result(DType::kF32, {static_cast<std::int64_t>(channels)});
  const std::span<float> to = result.mutable_view().as<float>();
  for (std::size_t c = 0; c < channels; ++c) {
    double value = 0.0;
    if (bias != nullptr) value = factor * bias->as<float>()[bias->element_count() == 1 ? 0 : c];
    to[c] = static_cast<float>(value * affine.scale[c] + affine.shift[c]);
  }
  return result;
}

Result<std::string> why_not_inference(const Node& node) {
  LODE_TRY(const std::int64_t training, attribute_int(node, "training_mode", 0));
  LODE_TRY(const std::int64_t spatial, attribute_int(node, "spatial", 1));
  if (training != 0 || node.opset < 7)
    return std::string("it is not known to be in inference mode");
  if (spatial != 1) return std::string("its statistics are not per channel");
  return std::string();
}

}  // namespace

const Tensor* channel_vector(const Graph& graph, ValueId id, std::int64_t channels) {
  const Tensor* tensor = graph.constant(id);
  const bool fits =
      is_f32_constant(tensor) && tensor->shape().rank() == 1 && tensor->element_count() == channels;
  return fits ? tensor : nullptr;
}

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

Result<AffineTarget> find_affine_target(const Graph& graph, const Node& node) {
  if (node.attributes.contains("lode_activation")) return cannot("an activation is fused already");
  if (is_op(node, {"Conv"})) return conv_target(graph, node);
  if (is_op(node, {"Gemm"})) return gemm_target(graph, node);
  if (is_op(node, {"BatchNormalization"})) return batch_norm_target(graph, node);
  return cannot("no Conv, Gemm or BatchNormalization stands before it");
}

Status fold_affine(GraphEditor& editor, const Graph& graph, NodeId id,
                   const ChannelAffine& affine) {
  const Node& node = graph.node(id);
  const Tensor& weights = *graph.constant(node.inputs[1]);
  std::int64_t rows = 1;
  double bias_factor = 1.0;
  if (is_op(node, {"Gemm"})) {
    LODE_TRY(const std::int64_t transposed, attribute_int(node, "transB", 0));
    LODE_TRY(const float beta, attribute_float(node, "beta", 1.0F));
    if (transposed == 0) rows = weights.shape()[0];
    bias_factor = beta;
    editor.set_attribute(id, "beta", 1.0F);
  }
  Tensor bias = mapped_bias(graph.constant(input_at(node, 2)), bias_factor, affine);
  set_constant_input(editor, graph, id, 1, scaled(weights, rows, affine.scale));
  set_constant_input(editor, graph, id, 2, std::move(bias));
  return {};
}

}  // namespace lode::engine
