#include "engine/passes/quantized.h"

#include <algorithm>

namespace lode::engine {

namespace {

/// Type of the quantised side of a QuantizeLinear; none where it is not of 8, 16 or 32 bits.
std::optional<DType> linear_type(const Graph& graph, const Node& node) {
  if (const Tensor* zero = graph.constant(input_at(node, 2))) return zero->dtype();
  if (node.attributes.contains("output_dtype")) return std::nullopt;
  if (is_op(node, {"QuantizeLinear"})) return DType::kU8;
  return dtype_of(graph, node.inputs[0]);
}

/// The type of a constant zero point at this input, or u8.
std::optional<DType> zero_point_type(const Graph& graph, const Node& node, std::size_t index) {
  const ValueId zero = input_at(node, index);
  if (zero == kNoValue) return DType::kU8;
  return dtype_of(graph, zero);
}

}  // namespace

std::optional<LinearNode> read_linear_node(const Graph& graph, const Node& node) {
  const Tensor* scale = graph.constant(input_at(node, 1));
  const ValueId zero = input_at(node, 2);
  if (scale == nullptr || scale->dtype() != DType::kF32 || scale->element_count() < 1) {
    return std::nullopt;
  }
  if (zero != kNoValue && graph.constant(zero) == nullptr) return std::nullopt;
  const auto type = linear_type(graph, node);
  if (!type) return std::nullopt;
  return LinearNode{.node = node.id,
                    .data = node.inputs[0],
                    .scale = node.inputs[1],
                    .zero_point = zero,
                    .type = *type,
                    .is_per_tensor = scale->element_count() == 1};
}

std::optional<LinearNode> dequantize_before(const Graph& graph, ValueId id) {
  const Node* node = producer_of(graph, id);
  if (node == nullptr || !is_op(*node, {"DequantizeLinear"})) return std::nullopt;
  return read_linear_node(graph, *node);
}

std::optional<LinearNode> quantize_behind(const Graph& graph, ValueId id) {
  if (id == kNoValue || !has_one_reader(graph, id)) return std::nullopt;
  const Node& node = graph.node(graph.value(id).consumers.front());
  if (!is_op(node, {"QuantizeLinear"}) || node.inputs[0] != id) return std::nullopt;
  return read_linear_node(graph, node);
}

bool is_byte_tensor(const LinearNode& linear) {
  return linear.is_per_tensor && (linear.type == DType::kU8 || linear.type == DType::kI8);
}

QScale scale_of(const Graph& graph, ValueId scale, ValueId zero_point) {
  QScale result;
  result.scale = graph.constant(scale)->as<float>()[0];
  if (const Tensor* zero = graph.constant(zero_point))
    result.zero = small_integer_at(zero->view(), 0);
  return result;
}

QScale scale_of(const Graph& graph, const LinearNode& linear) {
  return scale_of(graph, linear.scale, linear.zero_point);
}

bool is_same_scale(const QScale& a, const QScale& b) {
  return a.scale == b.scale && a.zero == b.zero;
}

std::optional<DType> quantised_output_type(const Graph& graph, const Node& node) {
  if (node.domain == kOwnDomain) {
    if (node.op_type == "QLinearUnary") return zero_point_type(graph, node, kQUnaryZeroPoint);
    return node.op_type == "DynamicQuantize" ? DType::kU8 : DType::kF32;
  }
  if (is_op(node, {"QuantizeLinear"})) return linear_type(graph, node);
  if (is_op(node, {"DequantizeLinear"})) return dtype_of(graph, input_at(node, 1));
  if (is_op(node, {"DynamicQuantizeLinear"})) return DType::kU8;
  if (is_op(node, {"ConvInteger", "MatMulInteger"})) return DType::kI32;
  if (is_op(node, {"QLinearConv"})) {
    if (node.attributes.contains(kFloatOutputAttribute)) return DType::kF32;
    return zero_point_type(graph, node, kQConvZeroPoint);
  }
  if (is_op(node, {"QLinearMatMul"})) return zero_point_type(graph, node, kQMatMulZeroPoint);
  if (node.domain != kMicrosoftDomain) return std::nullopt;
  if (node.op_type == "QGemm") {
    if (input_at(node, kQGemmScale) == kNoValue) return DType::kF32;
    return zero_point_type(graph, node, kQGemmZeroPoint);
  }
  if (node.op_type == "QLinearAdd" || node.op_type == "QLinearMul") {
    return zero_point_type(graph, node, kQBinaryZeroPoint);
  }
  if (node.op_type == "QLinearConcat") return zero_point_type(graph, node, kQConcatZeroPoint);
  if (node.op_type.starts_with("QLinear")) return zero_point_type(graph, node, kQUnaryZeroPoint);
  return DType::kF32;
}

ValueId zero_point_of(GraphEditor& editor, const LinearNode& linear) {
  if (linear.zero_point != kNoValue) return linear.zero_point;
  return editor.add_constant("", Tensor(linear.type, {}));
}

void replace_node(GraphEditor& editor, const Graph& graph, NodeId old, std::vector<NodeId> also,
                  Node node, ValueId output) {
  node.name = graph.node(old).name;
  also.push_back(old);
  std::vector<ValueId> inputs;
  for (const NodeId id : also) {
    const std::vector<ValueId>& own = graph.node(id).inputs;
    inputs.insert(inputs.end(), own.begin(), own.end());
  }
  for (const NodeId id : also) editor.remove_node(id);
  node.outputs = {output};
  editor.add_node(std::move(node));
  for (const ValueId input : inputs) remove_unread(editor, graph, input);
}

std::array<ValueId, 3> add_dynamic_quantisation(GraphEditor& editor, ValueId x,
                                                bool is_per_tensor) {
  Node range;
  range.domain = kOwnDomain;
  range.op_type = "DynamicRange";
  range.opset = kOwnOpset;
  if (is_per_tensor) range.attributes.emplace(kPerTensorAttribute, std::int64_t{1});
  Node quantise = range;
  quantise.op_type = "DynamicQuantize";
  const ValueId ranges = editor.add_value("");
  range.inputs = {x};
  range.outputs = {ranges};
  editor.add_node(std::move(range));
  const std::array made = {editor.add_value(""), editor.add_value(""), editor.add_value("")};
  quantise.inputs = {x, ranges};
  quantise.outputs.assign(made.begin(), made.end());
  editor.add_node(std::move(quantise));
  return made;
}

Node make_node(const Node& from, std::string_view domain, std::string_view op_type) {
  Node node;
  node.domain = domain;
  node.op_type = op_type;
  node.opset = domain.empty() ? std::max(from.opset, kQuantisedOpset) : 1;
  node.attributes = from.attributes;
  return node;
}

}  // namespace lode::engine
