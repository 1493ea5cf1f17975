#include "engine/passes/symbolic_shape.h"

#include <algorithm>

#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

// First number of an expression's key; a graph input's extent has its own running number alone.
enum Expression : std::int64_t { kWindow, kSame, kSum };

using Ints = std::vector<std::int64_t>;

// The attribute, or nothing if it is of another type or length.
std::optional<Ints> read_ints(const Node& node, std::string_view name, Ints fallback) {
  const std::size_t count = fallback.size();
  auto values = attribute_ints(node, name, std::move(fallback));
  if (!values.ok() || (count > 0 && values->size() != count)) return std::nullopt;
  return std::move(values).value();
}

std::int64_t read_int(const Node& node, std::string_view name, std::int64_t fallback) {
  const auto value = attribute_int(node, name, fallback);
  return value.ok() ? *value : fallback;
}

std::optional<std::size_t> resolve(std::int64_t axis, std::size_t rank) {
  if (axis < 0) axis += static_cast<std::int64_t>(rank);
  if (axis < 0 || axis >= static_cast<std::int64_t>(rank)) return std::nullopt;
  return static_cast<std::size_t>(axis);
}

SymbolicShape numbers(const Shape& shape) {
  return {shape.begin(), shape.end()};
}

// Where a convolution has its weights; none: it is a pool.
std::optional<std::size_t> weight_input(const Node& node) {
  if (is_op(node, {"Conv", "ConvInteger"})) return 1;
  if (is_op(node, {"QLinearConv"})) return kQConvWeight.data;
  if (node.op_type == "DynamicConv") return kDynamicWeight.data;
  return std::nullopt;
}

}  // namespace

SymbolicShapes::SymbolicShapes(const Graph& graph) : shapes_(graph.value_capacity()) {
  bind_leaves(graph);
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (node.outputs[0] == kNoValue) continue;
    shapes_[static_cast<std::size_t>(node.outputs[0])] = infer(graph, node);
  }
}

const SymbolicShape* SymbolicShapes::find(ValueId id) const {
  if (id == kNoValue || static_cast<std::size_t>(id) >= shapes_.size()) return nullptr;
  const MaybeShape& shape = shapes_[static_cast<std::size_t>(id)];
  return shape ? &*shape : nullptr;
}

bool SymbolicShapes::are_equal(ValueId a, ValueId b) const {
  const SymbolicShape* shape = find(a);
  const SymbolicShape* other = find(b);
  return shape != nullptr && other != nullptr && *shape == *other;
}

std::int64_t SymbolicShapes::expression(std::vector<std::int64_t> key) {
  const auto next = -1 - static_cast<std::int64_t>(expressions_.size());
  return expressions_.try_emplace(std::move(key), next).first->second;
}

// Symbols of one name may be bound to different extents, so each stands for itself.
void SymbolicShapes::bind_leaves(const Graph& graph) {
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    const Tensor* constant = graph.constant(static_cast<ValueId>(i));
    if (constant != nullptr) shapes_[i] = numbers(constant->shape());
  }
  for (const ValueId id : graph.inputs()) {
    const std::optional<Shape>& declared = graph.value(id).shape;
    if (!declared || graph.constant(id) != nullptr) continue;
    SymbolicShape shape = numbers(*declared);
    for (std::int64_t& extent : shape) {
      if (extent < 0) extent = unknown();
    }
    shapes_[static_cast<std::size_t>(id)] = std::move(shape);
  }
}

SymbolicShapes::MaybeShape SymbolicShapes::shape_at(const Node& node, std::size_t input) const {
  const SymbolicShape* shape = find(input_at(node, input));
  return shape == nullptr ? MaybeShape() : MaybeShape(*shape);
}

SymbolicShapes::MaybeShape SymbolicShapes::infer(const Graph& graph, const Node& node) {
  if (!node.domain.empty()) return infer_foreign(node);
  if (is_op(node, {"Conv", "QLinearConv", "ConvInteger", "MaxPool", "AveragePool"})) {
    return infer_window(node);
  }
  if (is_op(node, {"Add", "Mul", "Sub", "Div", "Sum"})) return infer_broadcast(node);
  if (is_op(node, {"Concat"})) return infer_concat(node);
  if (is_op(node, {"ReduceMean"})) return infer_mean(graph, node);
  if (is_op(node, {"Gemm"})) return infer_gemm(graph, node);
  if (is_op(node, {"GlobalAveragePool"})) {
    MaybeShape shape = shape_at(node, 0);
    for (std::size_t axis = 2; shape && axis < shape->size(); ++axis) (*shape)[axis] = 1;
    return shape;
  }
  if (is_op(node, {"BatchNormalization", "LRN", "Relu", "LeakyRelu", "Clip", "Sigmoid",
                   "HardSigmoid", "HardSwish", "Swish", "Softmax", "Identity", "Dropout", "Cast",
                   "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})) {
    return shape_at(node, 0);
  }
  return std::nullopt;
}

// Operators on quantised values; of what has more than one output, the first.
SymbolicShapes::MaybeShape SymbolicShapes::infer_foreign(const Node& node) {
  if (node.op_type == "DynamicConv" || node.op_type == "QLinearAveragePool") {
    return infer_window(node);
  }
  if (node.op_type == "QLinearAdd" || node.op_type == "QLinearMul") {
    return are_equal(node.inputs[kQBinaryA.data], node.inputs[kQBinaryB.data])
               ? shape_at(node, kQBinaryA.data)
               : std::nullopt;
  }
  if (node.op_type == "QLinearGlobalAveragePool") {
    MaybeShape shape = shape_at(node, 0);
    for (std::size_t axis = 2; shape && axis < shape->size(); ++axis) (*shape)[axis] = 1;
    return shape;
  }
  if (node.op_type == "QLinearUnary" || node.op_type == "QLinearSigmoid" ||
      node.op_type == "QLinearLeakyRelu" || node.op_type == "DynamicQuantize") {
    return shape_at(node, 0);
  }
  return std::nullopt;
}

SymbolicShapes::MaybeShape SymbolicShapes::infer_window(const Node& node) {
  MaybeShape shape = shape_at(node, 0);
  if (!shape || shape->size() < 3) return std::nullopt;
  const std::size_t axes = shape->size() - 2;
  Ints kernel;
  if (const auto weight = weight_input(node)) {
    // A constant's, or of what only changes its type: numbers.
    const MaybeShape weights = shape_at(node, *weight);
    if (!weights || weights->size() != shape->size()) return std::nullopt;
    kernel.assign(weights->begin() + 2, weights->end());
    if (std::any_of(kernel.begin(), kernel.end(), [](auto extent) { return extent < 0; })) {
      return std::nullopt;
    }
    (*shape)[1] = (*weights)[0];
  } else {
    const auto attribute = read_ints(node, "kernel_shape", {});
    if (!attribute || attribute->size() != axes) return std::nullopt;
    kernel = *attribute;
  }
  for (std::size_t axis = 0; axis < axes; ++axis) {
    (*shape)[2 + axis] = window_extent(node, axis, axes, (*shape)[2 + axis], kernel[axis]);
  }
  return shape;
}

// One spatial extent of a convolution or pool; ops/window.cc has the same rules with numbers.
std::int64_t SymbolicShapes::window_extent(const Node& node, std::size_t axis, std::size_t axes,
                                           std::int64_t input, std::int64_t kernel) {
  const auto strides = read_ints(node, "strides", Ints(axes, 1));
  const auto dilations = read_ints(node, "dilations", Ints(axes, 1));
  const auto pads = read_ints(node, "pads", Ints(2 * axes, 0));
  const auto auto_pad = attribute_string(node, "auto_pad", "NOTSET");
  if (!strides || !dilations || !pads || !auto_pad.ok()) return unknown();
  const std::int64_t stride = (*strides)[axis];
  if (stride < 1) return unknown();
  if (auto_pad->starts_with("SAME")) {
    if (stride == 1) return input;
    return input >= 0 ? (input + stride - 1) / stride : expression({kSame, input, stride});
  }
  const std::int64_t before = (*pads)[axis];
  const std::int64_t padding = before + (*pads)[axes + axis];
  const std::int64_t room = padding - (kernel - 1) * (*dilations)[axis] - 1;
  const bool rounds_up = read_int(node, "ceil_mode", 0) != 0;
  if (stride == 1 && room == -1) return input;
  if (input >= 0 && !rounds_up && input + room >= 0) return (input + room) / stride + 1;
  return expression({kWindow, input, room, stride, rounds_up ? before : -1});
}

// Equal extents stay, and an extent of 1 gives way; what else may be is not followed.
SymbolicShapes::MaybeShape SymbolicShapes::infer_broadcast(const Node& node) const {
  MaybeShape result = shape_at(node, 0);
  for (std::size_t i = 1; result && i < node.inputs.size(); ++i) {
    MaybeShape other = shape_at(node, i);
    if (!other) return std::nullopt;
    if (*other == *result) continue;
    if (node.opset < 8) return std::nullopt;  // broadcasting had other rules, or was none
    if (other->size() > result->size()) std::swap(other, result);
    const std::size_t missing = result->size() - other->size();
    for (std::size_t axis = 0; axis < other->size(); ++axis) {
      std::int64_t& extent = (*result)[missing + axis];
      if (extent == 1) extent = (*other)[axis];
      if ((*other)[axis] != 1 && (*other)[axis] != extent) return std::nullopt;
    }
  }
  return result;
}

SymbolicShapes::MaybeShape SymbolicShapes::infer_concat(const Node& node) {
  MaybeShape result = shape_at(node, 0);
  if (!result) return std::nullopt;
  const auto axis = resolve(read_int(node, "axis", 1), result->size());
  if (!axis) return std::nullopt;
  Ints symbols;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const MaybeShape part = shape_at(node, i);
    if (!part || part->size() != result->size()) return std::nullopt;
    const std::int64_t extent = (*part)[*axis];
    if (extent < 0) symbols.push_back(extent);
    if (extent >= 0) sum += extent;
  }
  if (symbols.empty()) {
    (*result)[*axis] = sum;
    return result;
  }
  std::sort(symbols.begin(), symbols.end());
  symbols.insert(symbols.begin(), {kSum, sum});
  (*result)[*axis] = expression(std::move(symbols));
  return result;
}

SymbolicShapes::MaybeShape SymbolicShapes::infer_mean(const Graph& graph, const Node& node) const {
  MaybeShape shape = shape_at(node, 0);
  if (!shape || read_int(node, "keepdims", 1) != 1) return std::nullopt;
  auto axes = read_ints(node, "axes", {});
  if (const Tensor* input = graph.constant(input_at(node, 1))) {
    if (input->dtype() != DType::kI64) return std::nullopt;
    axes = Ints(input->as<std::int64_t>().begin(), input->as<std::int64_t>().end());
  } else if (input_at(node, 1) != kNoValue) {
    return std::nullopt;
  }
  if (!axes || axes->empty()) return std::nullopt;
  for (const std::int64_t listed : *axes) {
    const auto axis = resolve(listed, shape->size());
    if (!axis) return std::nullopt;
    (*shape)[*axis] = 1;
  }
  return shape;
}

SymbolicShapes::MaybeShape SymbolicShapes::infer_gemm(const Graph& graph, const Node& node) const {
  const MaybeShape a = shape_at(node, 0);
  const Tensor* b = graph.constant(input_at(node, 1));
  if (!a || a->size() != 2 || b == nullptr || b->shape().rank() != 2) return std::nullopt;
  const bool transposed_a = read_int(node, "transA", 0) != 0;
  const bool transposed_b = read_int(node, "transB", 0) != 0;
  return SymbolicShape{(*a)[transposed_a ? 1 : 0], b->shape()[transposed_b ? 0 : 1]};
}

}  // namespace lode::engine
