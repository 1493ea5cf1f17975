// s8 activations as u8: 128 is added to their zero points, and to each byte by whoever makes it.
// Kernels then know one type. A value changes only if all that make and read it, and all values
// that they tie to it, can follow.
#include <algorithm>
#include <map>
#include <vector>

#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

bool is_move(const Node& node) {
  return is_op(node, {"MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze",
                      "Concat", "Identity"});
}

/// Operands of quantised data among a node's inputs, and where its output's zero point is.
struct Operands {
  std::vector<OperandInputs> inputs;
  std::optional<std::size_t> output_zero;
};

/// None for an operator that does not follow.
std::optional<Operands> operands_of(const Node& node) {
  constexpr OperandInputs kFirst{.data = 0, .scale = 1, .zero_point = 2};
  if (is_op(node, {"QuantizeLinear"})) return Operands{{}, kFirst.zero_point};
  if (is_op(node, {"DequantizeLinear"})) return Operands{{kFirst}, std::nullopt};
  if (is_op(node, {"QLinearConv"})) {
    Operands operands{{kQConvInput}, std::nullopt};
    if (node.attributes.contains(kFloatOutputAttribute)) return operands;
    operands.output_zero = kQConvZeroPoint;
    if (input_at(node, kQConvResidual.data) != kNoValue) operands.inputs.push_back(kQConvResidual);
    return operands;
  }
  if (is_op(node, {"QLinearMatMul"})) {
    return Operands{{kQMatMulA, kQMatMulB}, kQMatMulZeroPoint};
  }
  const bool is_own_unary = node.domain == kOwnDomain && node.op_type == "QLinearUnary";
  if (node.domain != kMicrosoftDomain && !is_own_unary) return std::nullopt;
  if (node.op_type == "QGemm") {
    Operands operands{{kQGemmA, kQGemmB}, std::nullopt};
    if (input_at(node, kQGemmScale) != kNoValue) operands.output_zero = kQGemmZeroPoint;
    return operands;
  }
  if (node.op_type == "QLinearAdd" || node.op_type == "QLinearMul") {
    return Operands{{kQBinaryA, kQBinaryB}, kQBinaryZeroPoint};
  }
  if (node.op_type == "QLinearConcat") {
    Operands operands{{}, kQConcatZeroPoint};
    for (std::size_t i = 0; qconcat_operand(i).data < node.inputs.size(); ++i) {
      operands.inputs.push_back(qconcat_operand(i));
    }
    return operands;
  }
  if (node.op_type.starts_with("QLinear")) return Operands{{kQUnaryInput}, kQUnaryZeroPoint};
  return std::nullopt;
}

/// Values of a node that must be of one type.
std::vector<ValueId> tied_values(const Node& node) {
  if (node.op_type == "QLinearAdd" || node.op_type == "QLinearMul") {
    return {node.inputs[kQBinaryA.data], node.inputs[kQBinaryB.data]};
  }
  if (node.op_type == "QLinearAveragePool" || node.op_type == "QLinearGlobalAveragePool") {
    return {node.inputs[0], node.outputs[0]};
  }
  const bool has_byte_residual = is_op(node, {"QLinearConv"}) &&
                                 input_at(node, kQConvResidual.data) != kNoValue &&
                                 !node.attributes.contains(kFloatOutputAttribute);
  if (has_byte_residual) return {node.inputs[kQConvResidual.data], node.outputs[0]};
  return {};
}

class Rewriter {
 public:
  explicit Rewriter(Graph& graph) : graph_(graph), editor_(graph) {}

  void run(PassReport& report);

 private:
  [[nodiscard]] bool is_signed(ValueId id) const {
    return id != kNoValue && is_signed_[static_cast<std::size_t>(id)];
  }
  void find_signed();
  void drop_those_that_cannot(PassReport& report);
  [[nodiscard]] std::string why_not(const Node& node) const;
  [[nodiscard]] bool can_shift(const Node& node, std::size_t zero_point) const;
  void shift(NodeId id, std::size_t zero_point);
  void shift_zero_points(NodeId id);

  Graph& graph_;
  GraphEditor editor_;
  std::vector<bool> is_signed_;  ///< by value: is s8 and is to be u8
  std::map<ValueId, ValueId> shifted_;
};

void Rewriter::find_signed() {
  is_signed_.assign(graph_.value_capacity(), false);
  for (const NodeId id : graph_.topological_order()) {
    for (const ValueId output : graph_.node(id).outputs) {
      if (output == kNoValue || graph_.constant(output) != nullptr) continue;
      if (graph_.node(id).outputs[0] != output) continue;
      is_signed_[static_cast<std::size_t>(output)] = dtype_of(graph_, output) == DType::kI8;
    }
  }
}

/// A zero point that 128 can be added to: a constant.
bool Rewriter::can_shift(const Node& node, std::size_t zero_point) const {
  const ValueId id = input_at(node, zero_point);
  return id == kNoValue || graph_.constant(id) != nullptr;
}

/// Why the node cannot follow, of those that read or make a value that is to change.
std::string Rewriter::why_not(const Node& node) const {
  if (is_move(node)) {
    // What moves bytes ties its data to its result: all of one type, before and after.
    const bool wanted = is_signed(node.outputs[0]);
    const std::size_t count = is_op(node, {"Concat"}) ? node.inputs.size() : 1;
    for (std::size_t i = 0; i < count; ++i) {
      if (is_signed(node.inputs[i]) != wanted) return "its data and its result part";
    }
    return graph_.is_output(node.outputs[0]) ? "it makes an output of the graph" : "";
  }
  const auto operands = operands_of(node);
  if (!operands) return "its operator takes s8 as it is";
  for (const OperandInputs& operand : operands->inputs) {
    if (is_signed(input_at(node, operand.data)) && !can_shift(node, operand.zero_point)) {
      return "a zero point is not constant";
    }
  }
  const std::vector<ValueId> tied = tied_values(node);
  for (const ValueId id : tied) {
    if (is_signed(id) != is_signed(tied.front())) return "one of its values cannot follow";
  }
  if (!is_signed(node.outputs[0])) return "";
  if (graph_.is_output(node.outputs[0])) return "it makes an output of the graph";
  if (node.attributes.contains("output_dtype")) return "its type is an attribute";
  return operands->output_zero && can_shift(node, *operands->output_zero)
             ? ""
             : "a zero point is not constant";
}

void Rewriter::drop_those_that_cannot(PassReport& report) {
  const std::vector<NodeId> order = graph_.topological_order();
  bool has_changed = true;
  while (has_changed) {
    has_changed = false;
    for (const NodeId id : order) {
      const Node& node = graph_.node(id);
      std::vector<ValueId> touched;
      for (const ValueId value : node.inputs) {
        if (is_signed(value)) touched.push_back(value);
      }
      if (is_signed(node.outputs[0])) touched.push_back(node.outputs[0]);
      if (touched.empty()) continue;
      std::string reason = why_not(node);
      if (reason.empty()) continue;
      refuse(report, node, std::move(reason));
      for (const ValueId value : touched) is_signed_[static_cast<std::size_t>(value)] = false;
      has_changed = true;
    }
  }
}

/// Puts a u8 zero point, 128 greater, in the place of an s8 one.
void Rewriter::shift(NodeId id, std::size_t zero_point) {
  const ValueId old = input_at(graph_.node(id), zero_point);
  auto found = shifted_.find(old);
  if (found == shifted_.end()) {
    const Tensor* constant = graph_.constant(old);
    Tensor zero(DType::kU8, constant != nullptr ? constant->shape() : Shape{});
    const auto values = zero.mutable_view().as<std::uint8_t>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::int32_t stored = constant != nullptr ? constant->as<std::int8_t>()[i] : 0;
      values[i] = static_cast<std::uint8_t>(stored + 128);
    }
    found = shifted_.emplace(old, editor_.add_constant("", std::move(zero))).first;
  }
  while (graph_.node(id).inputs.size() <= zero_point) editor_.append_input(id, kNoValue);
  editor_.set_input(id, zero_point, found->second);
}

void Rewriter::shift_zero_points(NodeId id) {
  const auto operands = operands_of(graph_.node(id));
  if (!operands) return;
  for (const OperandInputs& operand : operands->inputs) {
    if (is_signed(input_at(graph_.node(id), operand.data))) shift(id, operand.zero_point);
  }
  if (operands->output_zero && is_signed(graph_.node(id).outputs[0])) {
    shift(id, *operands->output_zero);
  }
}

void Rewriter::run(PassReport& report) {
  find_signed();
  drop_those_that_cannot(report);
  report.changes = std::count(is_signed_.begin(), is_signed_.end(), true);
  if (report.changes == 0) return;
  for (const NodeId id : graph_.topological_order()) shift_zero_points(id);
}

}  // namespace

Status unsigned_activations(Graph& graph, PassReport& report) {
  Rewriter(graph).run(report);
  return {};
}

}  // namespace lode::engine
