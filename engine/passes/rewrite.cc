#include "engine/passes/rewrite.h"

#include <algorithm>

#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

// Operators whose first output has the element type of their first input.
constexpr std::string_view kTypePreserving[] = {"Conv",
                                                "Gemm",
                                                "MatMul",
                                                "BatchNormalization",
                                                "LRN",
                                                "Relu",
                                                "LeakyRelu",
                                                "Clip",
                                                "Sigmoid",
                                                "HardSigmoid",
                                                "HardSwish",
                                                "Softmax",
                                                "Swish",
                                                "Add",
                                                "Mul",
                                                "Sub",
                                                "Div",
                                                "Sum",
                                                "MaxPool",
                                                "AveragePool",
                                                "GlobalAveragePool",
                                                "ReduceMean",
                                                "Concat",
                                                "Pad",
                                                "Transpose",
                                                "Reshape",
                                                "Flatten",
                                                "Squeeze",
                                                "Unsqueeze",
                                                "Gather",
                                                "Identity",
                                                "Dropout"};

// Operators whose first output has the rank of their first input.
constexpr std::string_view kRankPreserving[] = {"Conv",
                                                "BatchNormalization",
                                                "LRN",
                                                "Relu",
                                                "LeakyRelu",
                                                "Clip",
                                                "Sigmoid",
                                                "HardSigmoid",
                                                "HardSwish",
                                                "Softmax",
                                                "Swish",
                                                "MaxPool",
                                                "AveragePool",
                                                "GlobalAveragePool",
                                                "Concat",
                                                "Pad",
                                                "Transpose",
                                                "Identity",
                                                "Dropout",
                                                "Cast",
                                                "QuantizeLinear",
                                                "DequantizeLinear",
                                                "DynamicQuantizeLinear"};

// TensorProto.FLOAT, as Cast's attribute spells it.
constexpr std::int64_t kOnnxFloat = 1;

// The value whose type (or rank) `id` has, found by walking up through operators of the list.
ValueId trace(const Graph& graph, ValueId id, std::span<const std::string_view> preserving) {
  while (id != kNoValue) {
    const Node* producer = producer_of(graph, id);
    if (producer == nullptr || !producer->domain.empty() || producer->outputs[0] != id) break;
    if (std::find(preserving.begin(), preserving.end(), producer->op_type) == preserving.end()) {
      break;
    }
    const ValueId source = input_at(*producer, 0);
    if (source == kNoValue) break;
    id = source;
  }
  return id;
}

// The rank that an operator gives its first output, whatever its data have.
std::optional<std::size_t> made_rank(const Graph& graph, const Node& node) {
  if (is_op(node, {"Flatten", "Gemm"}) || node.op_type == "QGemm" ||
      node.op_type == "DynamicGemm") {
    return 2;
  }
  // A kernel is of its data's rank.
  const bool is_quantised_conv = is_op(node, {"QLinearConv"}) || node.op_type == "DynamicConv";
  const Tensor* constant = nullptr;
  if (is_quantised_conv) constant = graph.constant(input_at(node, kQConvWeight.data));
  if (is_op(node, {"ConvInteger"})) constant = graph.constant(input_at(node, 1));
  if (constant != nullptr) return constant->shape().rank();
  if (is_op(node, {"Reshape"})) constant = graph.constant(input_at(node, 1));
  if (constant == nullptr || constant->shape().rank() != 1) return std::nullopt;
  return static_cast<std::size_t>(constant->element_count());
}

}  // namespace

bool is_op(const Node& node, std::initializer_list<std::string_view> op_types) {
  return node.domain.empty() &&
         std::find(op_types.begin(), op_types.end(), node.op_type) != op_types.end();
}

const Node* producer_of(const Graph& graph, ValueId id) {
  return id == kNoValue ? nullptr : graph.find_node(graph.value(id).producer);
}

ValueId input_at(const Node& node, std::size_t index) {
  return index < node.inputs.size() ? node.inputs[index] : kNoValue;
}

bool has_one_reader(const Graph& graph, ValueId id) {
  return graph.value(id).consumers.size() == 1 && !graph.is_output(id);
}

bool only_first_output_used(const Graph& graph, const Node& node) {
  return std::all_of(node.outputs.begin() + 1, node.outputs.end(), [&](ValueId id) {
    return id == kNoValue || (graph.value(id).consumers.empty() && !graph.is_output(id));
  });
}

std::optional<DType> dtype_of(const Graph& graph, ValueId id) {
  const ValueId source = trace(graph, id, kTypePreserving);
  if (source == kNoValue) return std::nullopt;
  if (const Tensor* constant = graph.constant(source)) return constant->dtype();
  const Node* producer = producer_of(graph, source);
  if (producer != nullptr && producer->outputs[0] == source) {
    if (const auto type = quantised_output_type(graph, *producer)) return type;
  }
  return graph.value(source).dtype;
}

std::optional<std::size_t> rank_of(const Graph& graph, ValueId id) {
  const ValueId source = trace(graph, id, kRankPreserving);
  if (source == kNoValue) return std::nullopt;
  if (const Tensor* constant = graph.constant(source)) return constant->shape().rank();
  if (const Node* producer = producer_of(graph, source)) return made_rank(graph, *producer);
  const std::optional<Shape>& shape = graph.value(source).shape;
  return shape.has_value() ? std::optional(shape->rank()) : std::nullopt;
}

std::string why_not_absorbed(const Graph& graph, ValueId data, const Node& node) {
  if (!has_one_reader(graph, data)) return "the value before it has another reader";
  const bool reads_first = producer_of(graph, data)->outputs[0] == data;
  const bool makes_one = node.outputs.size() == 1 && node.outputs[0] != kNoValue;
  return reads_first && makes_one ? "" : "its inputs or outputs are not those of its operator";
}

void absorb(GraphEditor& editor, const Graph& graph, NodeId producer, NodeId node) {
  const ValueId output = graph.node(node).outputs[0];
  editor.remove_node(node);
  editor.move_output(producer, 0, output);
}

void remove_unread(GraphEditor& editor, const Graph& graph, ValueId id) {
  const Node* producer = producer_of(graph, id);
  if (producer == nullptr) return;
  const auto is_read = [&](ValueId output) {
    return output != kNoValue &&
           (!graph.value(output).consumers.empty() || graph.is_output(output));
  };
  if (std::any_of(producer->outputs.begin(), producer->outputs.end(), is_read)) return;
  const std::vector<ValueId> inputs = producer->inputs;
  editor.remove_node(producer->id);
  for (const ValueId input : inputs) remove_unread(editor, graph, input);
}

void set_constant_input(GraphEditor& editor, const Graph& graph, NodeId node, std::size_t index,
                        Tensor tensor) {
  const ValueId current = input_at(graph.node(node), index);
  if (current != kNoValue && has_one_reader(graph, current)) {
    editor.set_constant(current, std::move(tensor));
    return;
  }
  const ValueId fresh = editor.add_constant("", std::move(tensor));
  if (index < graph.node(node).inputs.size()) {
    editor.set_input(node, index, fresh);
  } else {
    LODE_ASSERT(index == graph.node(node).inputs.size());
    editor.append_input(node, fresh);
  }
}

bool is_cast_to_float(const Node& node) {
  if (!is_op(node, {"Cast"}) || node.inputs.size() != 1) return false;
  const auto to = node.attributes.find("to");
  if (to == node.attributes.end()) return false;
  if (const auto* code = std::get_if<std::int64_t>(&to->second)) return *code == kOnnxFloat;
  const auto* name = std::get_if<std::string>(&to->second);
  return name != nullptr && *name == "FLOAT";
}

bool is_widened_half(const Graph& graph, ValueId id) {
  const Node* cast = producer_of(graph, id);
  if (cast == nullptr || !is_cast_to_float(*cast)) return false;
  const Tensor* halves = graph.constant(cast->inputs[0]);
  return halves != nullptr && halves->dtype() == DType::kF16;
}

void refuse(PassReport& report, const Node& node, std::string why) {
  report.refused.push_back({node.name, std::move(why)});
}

}  // namespace lode::engine
