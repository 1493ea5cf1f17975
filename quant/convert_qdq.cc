// QDQ: the graph stays, pairs of QuantizeLinear and DequantizeLinear say where codes stand.
#include <optional>

#include "engine/graph/editor.h"
#include "engine/passes/rewrite.h"
#include "quant/convert.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::Node;
using engine::NodeId;
using engine::Tensor;
using engine::ValueId;

constexpr std::int64_t kQdqSince = 13;

template <typename T>
Tensor scalar(T value) {
  return Tensor::of<T>(std::span<const T>(&value, 1), Shape{});
}

class Converter {
 public:
  Converter(Graph& graph, const Placement& placement, const Encoding& encoding, std::int64_t opset)
      : graph_(graph),
        editor_(graph),
        placement_(placement),
        encoding_(encoding),
        opset_(opset),
        parameters_(encoding.groups.size()) {}

  void run() {
    const std::vector<Layer> layers = quantized_layers(graph_, placement_);
    const std::size_t values = graph_.value_capacity();
    for (std::size_t i = 0; i < values; ++i) {
      const auto id = static_cast<ValueId>(i);
      if (placement_.is_quantized(id)) insert_pair(id);
    }
    for (const Layer& layer : layers) convert_layer(layer);
  }

 private:
  struct Parameters {
    ValueId scale = engine::kNoValue;
    ValueId zero_point = engine::kNoValue;
  };

  const Parameters& parameters_of(ValueId id) {
    auto& own = parameters_[static_cast<std::size_t>(placement_.group(id))];
    if (own) return *own;
    const QuantParams& params = encoding_.params(placement_, id);
    const std::string name = graph_.value(id).name;  // a copy: new values move the old ones
    own = Parameters{editor_.add_constant(free_name(name + "_scale"), scalar(params.scale)),
                     editor_.add_constant(free_name(name + "_zero_point"),
                                          scalar(static_cast<std::uint8_t>(params.zero_point)))};
    return *own;
  }

  /// The name if it is new, or "", for which the editor makes one up.
  std::string free_name(std::string name) {
    if (names_.empty()) {
      for (std::size_t i = 0; i < graph_.value_capacity(); ++i) {
        names_.insert(graph_.value(static_cast<ValueId>(i)).name);
      }
    }
    return names_.insert(name).second ? name : "";
  }

  NodeId add(std::string_view op_type, const std::string& name, std::vector<ValueId> inputs,
             ValueId output, std::optional<std::int64_t> axis = std::nullopt) {
    Node node;
    node.name = name;
    node.op_type = op_type;
    node.opset = opset_;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    if (axis) node.attributes.emplace("axis", *axis);
    return editor_.add_node(std::move(node));
  }

  /// Every reader of the value reads it through codes.
  void insert_pair(ValueId id) {
    const Parameters parameters = parameters_of(id);
    const std::string name = graph_.value(id).name;
    const std::vector<NodeId> readers = graph_.value(id).consumers;
    const ValueId codes = editor_.add_value(free_name(name + "_quantized"));
    const ValueId reals = editor_.add_value(free_name(name + "_dequantized"));
    for (const NodeId reader : readers) {
      for (std::size_t i = 0; i < graph_.node(reader).inputs.size(); ++i) {
        if (graph_.node(reader).inputs[i] == id) editor_.set_input(reader, i, reals);
      }
    }
    add("QuantizeLinear", name + "_QuantizeLinear", {id, parameters.scale, parameters.zero_point},
        codes);
    add("DequantizeLinear", name + "_DequantizeLinear",
        {codes, parameters.scale, parameters.zero_point}, reals);
  }

  /// A constant behind a DequantizeLinear. Without zero points they are 0: ONNX's default, and a
  /// quarter of a bias's bytes.
  ValueId dequantized(const std::string& name, Tensor codes, std::span<const float> scales,
                      const std::optional<Tensor>& zero_points, std::int64_t axis) {
    const ValueId values = editor_.add_constant(free_name(name + "_quantized"), std::move(codes));
    const auto count = static_cast<std::int64_t>(scales.size());
    const Shape shape = count == 1 ? Shape{} : Shape{count};
    const ValueId scale =
        editor_.add_constant(free_name(name + "_scale"), Tensor::of<float>(scales, shape));
    std::vector<ValueId> inputs = {values, scale};
    if (zero_points) {
      inputs.push_back(
          editor_.add_constant(free_name(name + "_zero_point"), zero_points->reshaped(shape)));
    }
    const ValueId reals = editor_.add_value(free_name(name + "_dequantized"));
    add("DequantizeLinear", name + "_DequantizeLinear", std::move(inputs), reals,
        count == 1 ? std::nullopt : std::optional(axis));
    return reals;
  }

  void convert_layer(const Layer& layer) {
    const LayerEncoding& own = encoding_.layers.at(layer.node);
    const QuantizedWeights& weights = own.weights;
    const ValueId old_weights = graph_.node(layer.node).inputs[1];
    const std::string name = weight_name(layer);
    const auto count = static_cast<std::int64_t>(weights.scales.size());
    Tensor zero_points(weights.codes.dtype(), {count});
    auto* zeros = reinterpret_cast<std::uint8_t*>(zero_points.mutable_view().data);
    for (std::size_t c = 0; c < weights.zero_points.size(); ++c) {
      zeros[c] = static_cast<std::uint8_t>(weights.zero_points[c] & 0xFF);
    }
    editor_.set_input(layer.node, 1,
                      dequantized(name, weights.codes, weights.scales, zero_points,
                                  static_cast<std::int64_t>(weights.axis)));
    drop_unread(old_weights);
    if (!own.has_bias) return;
    const ValueId old_bias = engine::input_at(graph_.node(layer.node), 2);
    const ValueId bias = dequantized(name + "_bias", quantize_bias(own.bias, own.bias_scales),
                                     own.bias_scales, std::nullopt, 0);
    if (old_bias == engine::kNoValue && graph_.node(layer.node).inputs.size() < 3) {
      editor_.append_input(layer.node, bias);
    } else {
      editor_.set_input(layer.node, 2, bias);
    }
    drop_unread(old_bias);
  }

  [[nodiscard]] std::string weight_name(const Layer& layer) const {
    return graph_.value(graph_.node(layer.node).inputs[1]).name;
  }

  void drop_unread(ValueId id) {
    if (id == engine::kNoValue) return;
    if (graph_.value(id).consumers.empty() && !graph_.is_output(id)) editor_.drop_constant(id);
  }

  Graph& graph_;
  engine::GraphEditor editor_;
  const Placement& placement_;
  const Encoding& encoding_;
  std::int64_t opset_;
  std::vector<std::optional<Parameters>> parameters_;  ///< by group
  std::set<std::string> names_;
};

}  // namespace

Status convert_to_qdq(Graph& graph, const Placement& placement, const Encoding& encoding) {
  std::int64_t opset = kQdqSince;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!node.domain.empty()) continue;
    opset = node.opset;
    if (opset >= kQdqSince) continue;
    return runtime_error(
        "{}: is of operator set {}; QuantizeLinear knows channels since {}: convert the model to "
        "that version first, with onnx.version_converter say",
        engine::describe(node), opset, kQdqSince);
  }
  Converter(graph, placement, encoding, opset).run();
  return engine::verify(graph);
}

}  // namespace lode::quant
