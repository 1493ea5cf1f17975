// Conv, Gemm and MatMul between DequantizeLinear and QuantizeLinear into QLinearConv and QGemm,
// with the activation and the sum that are fused into them. Where no QuantizeLinear follows, the
// result is float.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/ops/activation.h"
#include "engine/ops/conv_fusion.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

/// A product as it is found.
struct Product {
  LinearNode x;
  LinearNode w;
  std::optional<LinearNode> output;    ///< none: the result stays float
  std::optional<LinearNode> residual;  ///< of a quantised result
  std::vector<float> units;            ///< x scale * weight scale, one or one a channel
  std::optional<Tensor> bias;          ///< i32, in these units
};

/// The bias as i32 in units of the sums: as it is stored where its scale is that unit, else rounded
/// anew. None where a number does not fit.
std::optional<Tensor> integer_bias(const Graph& graph, ValueId id, const std::vector<float>& units,
                                   std::int64_t channels) {
  const auto linear = dequantize_before(graph, id);
  const Tensor* stored = graph.constant(linear ? linear->data : id);
  if (stored == nullptr || stored->element_count() != channels) return std::nullopt;
  if (stored->dtype() != (linear ? DType::kI32 : DType::kF32)) return std::nullopt;
  const Tensor* scales = linear ? graph.constant(linear->scale) : nullptr;
  Tensor bias(DType::kI32, Shape{channels});
  const auto result = bias.mutable_view().as<std::int32_t>();
  constexpr double kLimit = std::numeric_limits<std::int32_t>::max();
  constexpr double kEqual = 1e-5;
  for (std::size_t c = 0; c < result.size(); ++c) {
    const double unit = units[units.size() == 1 ? 0 : c];
    double steps = 0.0;
    if (linear) {
      const auto scale = scales->as<float>();
      const double own = scale[scale.size() == 1 ? 0 : c];
      const double ratio = own / unit;
      const double integer = stored->as<std::int32_t>()[c];
      steps = std::fabs(ratio - 1.0) < kEqual ? integer : integer * ratio;
    } else {
      steps = stored->as<float>()[c] / unit;
    }
    if (!(std::fabs(steps) <= kLimit)) return std::nullopt;
    result[c] = static_cast<std::int32_t>(std::nearbyint(steps));
  }
  return bias;
}

class Matcher {
 public:
  Matcher(Graph& graph, PassReport& report) : graph_(graph), report_(report), editor_(graph) {}

  void run() {
    for (const NodeId id : graph_.topological_order()) {
      const Node* node = graph_.find_node(id);
      if (node == nullptr || !is_op(*node, {"Conv", "Gemm", "MatMul"})) continue;
      // Weights alone, or data alone: not a product of bytes.
      if (!dequantize_before(graph_, node->inputs[0]) ||
          !dequantize_before(graph_, node->inputs[1])) {
        continue;
      }
      Product product;
      std::string why_not = read(*node, product);
      if (why_not.empty()) {
        rewrite(*node, product);
        ++report_.changes;
      } else {
        refuse(report_, *node, std::move(why_not));
      }
    }
  }

 private:
  std::string read(const Node& node, Product& product);
  [[nodiscard]] std::string why_not_operands(const Node& node, const Product& product) const;
  [[nodiscard]] std::string why_not_gemm(const Node& node) const;
  void read_output(const Node& node, Product& product);
  void rewrite(const Node& node, const Product& product);
  void add_output(const Product& product, Node& made);

  Graph& graph_;
  PassReport& report_;
  GraphEditor editor_;
};

std::int64_t channel_axis(const Node& node) {
  if (is_op(node, {"Conv"})) return 0;
  const auto transposed = attribute_int(node, "transB", 0);
  return transposed.ok() && *transposed != 0 ? 0 : 1;
}

std::string Matcher::why_not_operands(const Node& node, const Product& product) const {
  if (!is_byte_tensor(product.x)) return "its data are not 8-bit of one scale";
  const Tensor* weight = graph_.constant(product.w.data);
  if (weight == nullptr) return "its weights are not constant";
  if (product.w.type != DType::kU8 && product.w.type != DType::kI8) {
    return "its weights are not 8-bit";
  }
  if (!is_op(node, {"Conv"}) && weight->shape().rank() != 2) return "its weights are not a matrix";
  if (product.w.is_per_tensor) return "";
  const auto axis = attribute_int(graph_.node(product.w.node), "axis", 1);
  const auto rank = static_cast<std::int64_t>(weight->shape().rank());
  const bool fits = axis.ok() && (*axis + rank) % rank == channel_axis(node);
  return fits ? "" : "the scales of its weights are not those of its channels";
}

std::string Matcher::why_not_gemm(const Node& node) const {
  // A Gemm's are by definition; a MatMul's may have any rank.
  if (is_op(node, {"MatMul"}) &&
      rank_of(graph_, dequantize_before(graph_, node.inputs[0])->data) != 2 &&
      rank_of(graph_, node.inputs[0]) != 2) {
    return "its data are not known to be a matrix";
  }
  for (const char* name : {"alpha", "beta"}) {
    const auto factor = attribute_float(node, name, 1.0F);
    if (!factor.ok() || *factor != 1.0F) return "its factors are not 1";
  }
  const auto transposed = attribute_int(node, "transA", 0);
  return transposed.ok() && *transposed == 0 ? "" : "its data are transposed";
}

/// What follows: bytes where a QuantizeLinear does and the kernels can go there at once.
void Matcher::read_output(const Node& node, Product& product) {
  const auto output = quantize_behind(graph_, node.outputs[0]);
  const auto activation = fused_activation(node);
  const bool fits = output && is_byte_tensor(*output) && activation.ok() &&
                    activation->kind != ActivationKind::kSigmoid &&
                    activation->kind != ActivationKind::kSilu;
  if (!fits) return;
  const ValueId residual = is_op(node, {"Conv"}) ? input_at(node, kConvResidual) : kNoValue;
  if (residual != kNoValue) {
    product.residual = dequantize_before(graph_, residual);
    if (!product.residual || !is_byte_tensor(*product.residual)) return;
    if (product.residual->type != output->type) return;
  }
  product.output = output;
}

std::string Matcher::read(const Node& node, Product& product) {
  product.x = *dequantize_before(graph_, node.inputs[0]);
  product.w = *dequantize_before(graph_, node.inputs[1]);
  std::string why_not = why_not_operands(node, product);
  if (!why_not.empty()) return why_not;
  if (!is_op(node, {"Conv"})) why_not = why_not_gemm(node);
  if (!why_not.empty()) return why_not;
  if (node.attributes.contains("lode_prologue")) return "something is fused in front of it";
  const Tensor& weight = *graph_.constant(product.w.data);
  const std::int64_t channels = weight.shape()[static_cast<std::size_t>(channel_axis(node))];
  const float x_scale = scale_of(graph_, product.x).scale;
  for (const float scale : graph_.constant(product.w.scale)->as<float>()) {
    product.units.push_back(x_scale * scale);
  }
  const auto is_usable = [](float unit) { return std::isnormal(unit) && unit > 0.0F; };
  if (!std::all_of(product.units.begin(), product.units.end(), is_usable)) {
    return "a product of its scales is no normal positive number";
  }
  const ValueId bias = input_at(node, kConvBias);
  if (bias != kNoValue) {
    product.bias = integer_bias(graph_, bias, product.units, channels);
    if (!product.bias) return "its bias is not constant, or does not fit 32 bits in its units";
  }
  read_output(node, product);
  return "";
}

/// Scale and zero point of the output, or that it is float.
void Matcher::add_output(const Product& product, Node& made) {
  if (product.output) {
    made.inputs.push_back(product.output->scale);
    made.inputs.push_back(zero_point_of(editor_, *product.output));
  } else {
    made.inputs.insert(made.inputs.end(), {kNoValue, kNoValue});
  }
}

void Matcher::rewrite(const Node& node, const Product& product) {
  const bool is_conv = is_op(node, {"Conv"});
  Node made = make_node(node, is_conv ? "" : kMicrosoftDomain, is_conv ? "QLinearConv" : "QGemm");
  made.inputs = {product.x.data, product.x.scale, zero_point_of(editor_, product.x),
                 product.w.data, product.w.scale, zero_point_of(editor_, product.w)};
  const ValueId bias = product.bias ? editor_.add_constant("", *product.bias) : kNoValue;
  if (is_conv) {
    add_output(product, made);
    made.inputs.push_back(bias);
    if (!product.output) made.attributes.emplace(kFloatOutputAttribute, std::int64_t{1});
    if (product.output && product.residual) {
      made.inputs.insert(made.inputs.end(), {product.residual->data, product.residual->scale,
                                             zero_point_of(editor_, *product.residual)});
    } else if (node.attributes.contains("lode_residual")) {
      made.inputs.push_back(input_at(node, kConvResidual));
    }
  } else {
    made.attributes.erase("beta");
    made.inputs.push_back(bias);
    add_output(product, made);
  }
  while (made.inputs.back() == kNoValue) made.inputs.pop_back();
  ValueId output = node.outputs[0];
  std::vector<NodeId> behind;
  if (product.output) {
    behind.push_back(product.output->node);
    output = graph_.node(product.output->node).outputs[0];
  }
  replace_node(editor_, graph_, node.id, behind, std::move(made), output);
}

}  // namespace

Status match_qdq_products(Graph& graph, PassReport& report) {
  Matcher(graph, report).run();
  return {};
}

}  // namespace lode::engine
