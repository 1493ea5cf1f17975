// Dynamic quantization in ONNX's own operators:
//   x -> DynamicQuantizeLinear -> ConvInteger -> Cast -> Mul(x scale * weight scales) -> Add(bias)
#include <map>
#include <optional>

#include "engine/graph/editor.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"
#include "engine/passes/rewrite.h"
#include "quant/convert.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::Node;
using engine::NodeId;
using engine::Tensor;
using engine::ValueId;

constexpr std::int64_t kDynamicSince = 11;

/// Why a layer is left as it is; "" if it is not.
std::string why_float(const Graph& graph, const LayerMatch& match, const DynamicOptions& options) {
  if (!match.why_not.empty()) return match.why_not;
  const Layer& layer = match.layer;
  if (options.float_nodes.contains(graph.node(layer.node).name)) return "asked for";
  if (layer.groups > 1) return "depthwise or grouped: few weights, and faster in float";
  if (layer.is_convolution() && layer.weights.shape().rank() != 4) return "not a 2-D convolution";
  const auto inputs = graph.inputs();
  if (std::find(inputs.begin(), inputs.end(), layer.input) != inputs.end()) {
    return "reads the model's input: few weights, and its error goes through all that follows";
  }
  if (layer.is_convolution() && engine::is_narrow(layer.weights.shape())) {
    return std::string(engine::kNarrowReason);
  }
  return "";
}

class DynamicConverter {
 public:
  DynamicConverter(Graph& graph, const DynamicOptions& options, std::int64_t opset)
      : graph_(graph), editor_(graph), options_(options), opset_(opset) {}

  void convert(const Layer& layer) {
    const Node old = graph_.node(layer.node);
    const std::string name = old.name;
    const Source& source = quantized(layer.input);
    const std::vector<float> bias = layer.bias_values();
    const QuantizedWeights weights = quantize_weights(layer.weights, layer.channel_axis,
                                                      options_.weights, {}, options_.scale_floor);
    const ValueId codes = editor_.add_constant("", row_major(layer, weights.codes));
    std::vector<ValueId> inputs = {source.codes, codes, source.zero_point};
    if (options_.weights.symmetry == Symmetry::kAsymmetric) {
      inputs.push_back(editor_.add_constant("", zero_points_of(weights)));
    }
    Node product;
    product.op_type = layer.is_convolution() ? "ConvInteger" : "MatMulInteger";
    if (layer.is_convolution()) product.attributes = old.attributes;
    editor_.remove_node(layer.node);
    const ValueId sums = add(name + "_" + product.op_type, std::move(product), inputs);
    Node cast;
    cast.op_type = "Cast";
    cast.attributes.emplace("to", std::int64_t{1});  // TensorProto.FLOAT
    const ValueId wide = add(name + "_Cast", std::move(cast), {sums});
    const Shape shape = layer.is_convolution() ? Shape{channel_count(layer, weights), 1, 1}
                                               : Shape{channel_count(layer, weights)};
    const ValueId weight_scales =
        editor_.add_constant("", Tensor::of<float>(weights.scales, shape));
    const ValueId scales = add(name + "_scale", binary("Mul"), {source.scale, weight_scales});
    if (!layer.bias) {
      add(name + "_Mul", binary("Mul"), {wide, scales}, layer.output);
      return;
    }
    const auto channels = static_cast<std::int64_t>(layer.channels);
    const ValueId offset = editor_.add_constant(
        "",
        Tensor::of<float>(bias, layer.is_convolution() ? Shape{channels, 1, 1} : Shape{channels}));
    const ValueId scaled = add(name + "_Mul", binary("Mul"), {wide, scales});
    add(name + "_Add", binary("Add"), {scaled, offset}, layer.output);
  }

 private:
  struct Source {
    ValueId codes = engine::kNoValue;
    ValueId scale = engine::kNoValue;
    ValueId zero_point = engine::kNoValue;
  };

  static std::int64_t channel_count(const Layer& layer, const QuantizedWeights& weights) {
    return weights.scales.size() == 1 ? 1 : static_cast<std::int64_t>(layer.channels);
  }

  static Node binary(std::string_view op_type) {
    Node node;
    node.op_type = op_type;
    return node;
  }

  ValueId add(const std::string& name, Node node, std::vector<ValueId> inputs,
              ValueId output = engine::kNoValue) {
    node.name = name;
    node.opset = opset_;
    node.inputs = std::move(inputs);
    node.outputs = {output == engine::kNoValue ? editor_.add_value("") : output};
    const ValueId made = node.outputs[0];
    editor_.add_node(std::move(node));
    return made;
  }

  /// The codes of a value: made once, whoever reads them.
  const Source& quantized(ValueId id) {
    const auto known = sources_.find(id);
    if (known != sources_.end()) return known->second;
    Source source{editor_.add_value(""), editor_.add_value(""), editor_.add_value("")};
    Node node;
    node.name = graph_.value(id).name + "_DynamicQuantizeLinear";
    node.op_type = "DynamicQuantizeLinear";
    node.opset = opset_;
    node.inputs = {id};
    node.outputs = {source.codes, source.scale, source.zero_point};
    editor_.add_node(std::move(node));
    return sources_.emplace(id, source).first->second;
  }

  /// MatMulInteger reads its matrix as [K,N].
  static Tensor row_major(const Layer& layer, const Tensor& codes) {
    if (layer.is_convolution() || layer.channel_axis == 1) return codes;
    const auto n = static_cast<std::size_t>(codes.shape()[0]);
    const auto k = static_cast<std::size_t>(codes.shape()[1]);
    Tensor turned(codes.dtype(), {codes.shape()[1], codes.shape()[0]});
    const auto* from = codes.view().data;
    auto* to = turned.mutable_view().data;
    for (std::size_t row = 0; row < n; ++row) {
      for (std::size_t column = 0; column < k; ++column)
        to[column * n + row] = from[row * k + column];
    }
    return turned;
  }

  static Tensor zero_points_of(const QuantizedWeights& weights) {
    const auto count = static_cast<std::int64_t>(weights.zero_points.size());
    Tensor zeros(DType::kU8, count == 1 ? Shape{} : Shape{count});
    auto* to = reinterpret_cast<std::uint8_t*>(zeros.mutable_view().data);
    for (std::size_t c = 0; c < weights.zero_points.size(); ++c) {
      to[c] = static_cast<std::uint8_t>(weights.zero_points[c]);
    }
    return zeros;
  }

  Graph& graph_;
  engine::GraphEditor editor_;
  const DynamicOptions& options_;
  std::int64_t opset_;
  std::map<ValueId, Source> sources_;
};

}  // namespace

Result<DynamicReport> convert_to_dynamic(Graph& graph, const DynamicOptions& options) {
  DynamicReport report;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const LayerMatch match = match_layer(graph, node);
    if (!match.is_layer_type) continue;
    if (node.opset < kDynamicSince) {
      return runtime_error(
          "{}: is of operator set {}; DynamicQuantizeLinear is there since {}: convert the model "
          "to "
          "that version first, with onnx.version_converter say",
          engine::describe(node), node.opset, kDynamicSince);
    }
  }
  std::vector<Layer> layers;
  std::int64_t opset = kDynamicSince;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const LayerMatch match = match_layer(graph, node);
    if (!match.is_layer_type) continue;
    opset = node.opset;
    std::string why = why_float(graph, match, options);
    if (why.empty()) {
      layers.push_back(match.layer);
    } else {
      report.kept_float.push_back({node.name, std::move(why)});
    }
  }
  if (layers.empty()) {
    return runtime_error("there is no layer that could be quantized{}",
                         report.kept_float.empty()
                             ? ""
                             : fmt::format(": '{}': {}", report.kept_float.front().node,
                                           report.kept_float.front().why));
  }
  DynamicConverter converter(graph, options, opset);
  for (const Layer& layer : layers) converter.convert(layer);
  report.layers = static_cast<int>(layers.size());
  engine::PassReport cleaning;
  LODE_CHECK_OK(engine::dead_code(graph, cleaning));
  LODE_CHECK_OK(engine::verify(graph));
  return report;
}

}  // namespace lode::quant
