// The chain that stands for a dynamically quantised layer in ONNX:
//
//   DynamicQuantizeLinear -> ConvInteger or MatMulInteger -> Cast -> Mul(x scale * w scale)
//     -> Add(bias)
//
// into lode.DynamicQuantize, once for all readers, and lode.DynamicConv or lode.DynamicGemm, which
// take all of it into their tile. DynamicQuantizeMatMul and MatMulIntegerToFloat are the same in
// one node.
#include <map>
#include <vector>

#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

/// Outputs of lode.DynamicQuantize.
struct Quantised {
  ValueId data = kNoValue;
  ValueId scale = kNoValue;
  ValueId zero_point = kNoValue;
};

/// A layer as it is found, before it is rewritten.
struct Layer {
  ValueId x = kNoValue;  ///< what is quantised
  ValueId weight = kNoValue;
  ValueId weight_zero = kNoValue;
  ValueId bias = kNoValue;  ///< a constant, or none
  ValueId output = kNoValue;
  std::vector<float> weight_scale;  ///< one, or one a channel
  std::vector<NodeId> nodes;        ///< the chain, from the product on
};

bool is_own(const Node& node, std::string_view domain, std::string_view op_type) {
  return node.domain == domain && node.op_type == op_type;
}

/// The elements of an f32 constant that has one element or one for each channel, which must lie
/// along `axis` from the end (0: the last); none otherwise.
std::optional<std::vector<float>> channel_values(const Graph& graph, ValueId id,
                                                 std::int64_t channels, std::size_t axis) {
  const Tensor* constant = graph.constant(id);
  if (constant == nullptr || constant->dtype() != DType::kF32) return std::nullopt;
  const Shape& shape = constant->shape();
  const auto values = constant->as<float>();
  if (values.size() == 1) return std::vector<float>{values[0]};
  if (shape.rank() <= axis || shape[shape.rank() - 1 - axis] != channels) return std::nullopt;
  if (shape.element_count() != channels) return std::nullopt;
  return std::vector<float>(values.begin(), values.end());
}

class Matcher {
 public:
  Matcher(Graph& graph, PassReport& report) : graph_(graph), report_(report), editor_(graph) {}

  void run() {
    for (const NodeId id : graph_.topological_order()) {
      const Node* node = graph_.find_node(id);
      if (node == nullptr) continue;
      std::string why_not;
      if (is_op(*node, {"ConvInteger", "MatMulInteger"})) {
        why_not = match_chain(*node);
      } else if (is_own(*node, kMicrosoftDomain, "MatMulIntegerToFloat") ||
                 is_own(*node, kMicrosoftDomain, "DynamicQuantizeMatMul")) {
        why_not = match_single(*node);
      } else {
        continue;
      }
      if (!why_not.empty()) refuse(report_, graph_.node(id), std::move(why_not));
    }
  }

 private:
  std::string match_chain(const Node& product);
  std::string match_single(const Node& product);
  std::string take_factors(Layer& layer, const Node& quantise, std::int64_t channels,
                           std::size_t axis);
  std::string take_bias(Layer& layer, std::int64_t channels, std::size_t axis);
  [[nodiscard]] const Node* only_reader(ValueId id) const;
  void rewrite(const Layer& layer, Node node);
  Quantised quantised(ValueId x);

  Graph& graph_;
  PassReport& report_;
  GraphEditor editor_;
  std::map<ValueId, Quantised> quantised_;
};

const Node* Matcher::only_reader(ValueId id) const {
  return has_one_reader(graph_, id) ? &graph_.node(graph_.value(id).consumers.front()) : nullptr;
}

/// Multiplications behind the Cast, by the scale of the data and of the weights, in one or two.
std::string Matcher::take_factors(Layer& layer, const Node& quantise, std::int64_t channels,
                                  std::size_t axis) {
  const ValueId x_scale = quantise.outputs[1];
  bool has_data_scale = false;
  layer.weight_scale = {1.0F};
  bool has_weight_scale = false;
  while (!has_data_scale || !has_weight_scale) {
    const Node* mul = only_reader(layer.output);
    if (mul == nullptr || !is_op(*mul, {"Mul"}) || mul->inputs.size() != 2) break;
    const ValueId factor = mul->inputs[mul->inputs[0] == layer.output ? 1 : 0];
    const Node* inner = producer_of(graph_, factor);
    ValueId constant = factor;
    if (factor == x_scale) {
      constant = kNoValue;
    } else if (inner != nullptr && is_op(*inner, {"Mul"}) && inner->inputs.size() == 2) {
      const std::size_t at = inner->inputs[0] == x_scale ? 0 : 1;
      if (inner->inputs[at] != x_scale) return "its scale is not that of its data";
      constant = inner->inputs[1 - at];
    }
    if (constant != factor) {
      if (has_data_scale) return "it is scaled twice by its data's scale";
      has_data_scale = true;
    }
    if (constant != kNoValue) {
      const auto values = channel_values(graph_, constant, channels, axis);
      if (!values || has_weight_scale) return "its factor is not a constant of each channel";
      layer.weight_scale = *values;
      has_weight_scale = true;
    }
    layer.nodes.push_back(mul->id);
    layer.output = mul->outputs[0];
  }
  return has_data_scale ? "" : "nothing scales it back by its data's scale";
}

std::string Matcher::take_bias(Layer& layer, std::int64_t channels, std::size_t axis) {
  const Node* add = only_reader(layer.output);
  if (add == nullptr || !is_op(*add, {"Add"}) || add->inputs.size() != 2) return "";
  if (add->attributes.contains("lode_activation")) return "";
  const ValueId other = add->inputs[add->inputs[0] == layer.output ? 1 : 0];
  auto values = channel_values(graph_, other, channels, axis);
  if (!values) return "";
  values->resize(static_cast<std::size_t>(channels), values->front());
  layer.bias = editor_.add_constant("", Tensor::of<float>(*values, Shape{channels}));
  layer.nodes.push_back(add->id);
  layer.output = add->outputs[0];
  return "";
}

std::string Matcher::match_chain(const Node& product) {
  const bool is_conv = product.op_type == "ConvInteger";
  const Node* quantise = producer_of(graph_, product.inputs[0]);
  const Tensor* weight = graph_.constant(product.inputs[1]);
  if (quantise == nullptr || !is_op(*quantise, {"DynamicQuantizeLinear"}) ||
      quantise->outputs.size() != 3 || product.inputs[0] != quantise->outputs[0] ||
      input_at(product, 2) != quantise->outputs[2]) {
    return "its data are not those of a DynamicQuantizeLinear";
  }
  if (weight == nullptr) return "its weights are not constant";
  const std::size_t rank = weight->shape().rank();
  if (is_conv ? rank != 4 : rank != 2) return "its weights are not a kernel or a matrix";
  // A kernel has the rank of its data; what a matrix multiplies may be a stack of them.
  if (!is_conv && rank_of(graph_, quantise->inputs[0]) != 2) return "its data are no known matrix";
  const ValueId zero = input_at(product, 3);
  if (zero != kNoValue && graph_.constant(zero) == nullptr) {
    return "the zero point of its weights is not constant";
  }
  const std::int64_t channels = weight->shape()[is_conv ? 0 : 1];
  const std::size_t axis = is_conv ? 2 : 0;
  Layer layer{.x = quantise->inputs[0],
              .weight = product.inputs[1],
              .weight_zero = zero,
              .output = product.outputs[0],
              .weight_scale = {},
              .nodes = {product.id}};
  const Node* cast = only_reader(layer.output);
  if (cast == nullptr || !is_cast_to_float(*cast)) {
    return "its sums are not cast to f32 alone";
  }
  layer.nodes.push_back(cast->id);
  layer.output = cast->outputs[0];
  std::string why_not = take_factors(layer, *quantise, channels, axis);
  if (!why_not.empty()) return why_not;
  why_not = take_bias(layer, channels, axis);
  if (!why_not.empty()) return why_not;
  Node node = make_node(product, kOwnDomain, is_conv ? "DynamicConv" : "DynamicGemm");
  rewrite(layer, std::move(node));
  return "";
}

std::string Matcher::match_single(const Node& product) {
  const bool quantises = product.op_type == "DynamicQuantizeMatMul";
  const Node* quantise = producer_of(graph_, product.inputs[0]);
  if (!quantises &&
      (quantise == nullptr || !is_op(*quantise, {"DynamicQuantizeLinear"}) ||
       quantise->outputs.size() != 3 || input_at(product, 2) != quantise->outputs[1] ||
       input_at(product, 4) != quantise->outputs[2])) {
    return "its data are not those of a DynamicQuantizeLinear";
  }
  const Tensor* weight = graph_.constant(product.inputs[1]);
  if (weight == nullptr || weight->shape().rank() != 2) return "its weights are not a matrix";
  const std::int64_t channels = weight->shape()[1];
  const auto scales = channel_values(graph_, input_at(product, quantises ? 2 : 3), channels, 0);
  const ValueId zero = input_at(product, quantises ? 3 : 5);
  const ValueId bias = input_at(product, quantises ? 4 : 6);
  const bool is_constant = (zero == kNoValue || graph_.constant(zero) != nullptr) &&
                           (bias == kNoValue || graph_.constant(bias) != nullptr);
  if (!scales || !is_constant) return "scale, zero point or bias of its weights is not constant";
  Layer layer{.x = quantises ? product.inputs[0] : quantise->inputs[0],
              .weight = product.inputs[1],
              .weight_zero = zero,
              .bias = bias,
              .output = product.outputs[0],
              .weight_scale = *scales,
              .nodes = {product.id}};
  if (rank_of(graph_, layer.x) != 2) return "its data are no known matrix";
  rewrite(layer, make_node(product, kOwnDomain, "DynamicGemm"));
  return "";
}

/// One quantisation of a value for all its readers.
Quantised Matcher::quantised(ValueId x) {
  const auto found = quantised_.find(x);
  if (found != quantised_.end()) return found->second;
  const auto ids = add_dynamic_quantisation(editor_, x, true);
  return quantised_.emplace(x, Quantised{ids[0], ids[1], ids[2]}).first->second;
}

void Matcher::rewrite(const Layer& layer, Node node) {
  const Quantised data = quantised(layer.x);
  const auto count = static_cast<std::int64_t>(layer.weight_scale.size());
  const ValueId scale =
      editor_.add_constant("", Tensor::of<float>(layer.weight_scale, Shape{count}));
  node.inputs = {data.data, data.scale,        data.zero_point, layer.weight,
                 scale,     layer.weight_zero, layer.bias};
  while (node.inputs.back() == kNoValue) node.inputs.pop_back();
  const std::vector<NodeId> behind(layer.nodes.begin() + 1, layer.nodes.end());
  // Outputs of the chain's nodes are read within it alone, but for the last.
  replace_node(editor_, graph_, layer.nodes.front(), behind, std::move(node), layer.output);
  ++report_.changes;
}

}  // namespace

Status match_dynamic(Graph& graph, PassReport& report) {
  Matcher(graph, report).run();
  return {};
}

}  // namespace lode::engine
