// GraphEditor: every change keeps both ends of a link in step.
#include "engine/graph/editor.h"

#include <fmt/format.h>
#include <algorithm>

namespace lode::engine {

namespace {

// `wanted` if it is free, else one made from it and `id`, which is unique among its kind: no search
// over the names that a hostile file has taken but in the last resort.
std::string claim_name(std::set<std::string, std::less<>>& taken, std::string_view wanted,
                       std::string_view fallback, std::int32_t id) {
  std::string name(wanted);
  if (name.empty() || taken.contains(name)) {
    const std::string base = fmt::format("{}_{}", wanted.empty() ? fallback : wanted, id);
    name = base;
    for (int attempt = 2; taken.contains(name); ++attempt)
      name = fmt::format("{}_{}", base, attempt);
  }
  taken.insert(name);
  return name;
}

}  // namespace

ValueId GraphEditor::add_value(std::string_view name) {
  LODE_ASSERT(name.empty() || !graph_.value_names_.contains(name));
  Value value;
  value.id = static_cast<ValueId>(graph_.values_.size());
  value.name = claim_name(graph_.value_names_, name, "value", value.id);
  graph_.values_.push_back(std::move(value));
  return graph_.values_.back().id;
}

ValueId GraphEditor::add_constant(std::string_view name, Tensor tensor) {
  const ValueId id = add_value(name);
  mutable_value(id).constant = std::move(tensor);
  return id;
}

void GraphEditor::set_constant(ValueId id, Tensor tensor) {
  Value& value = mutable_value(id);
  LODE_ASSERT(value.producer == kNoNode);
  value.constant = std::move(tensor);
}

void GraphEditor::release_constant(ValueId id) {
  Value& value = mutable_value(id);
  LODE_ASSERT(value.constant.has_value());
  value.constant = value.constant->without_elements();
}

void GraphEditor::drop_constant(ValueId id) {
  Value& value = mutable_value(id);
  LODE_ASSERT(value.consumers.empty());
  value.constant.reset();
}

void GraphEditor::declare(ValueId id, std::optional<DType> dtype, std::optional<Shape> shape,
                          std::vector<std::string> symbols) {
  LODE_ASSERT(symbols.empty() || (shape.has_value() && shape->rank() == symbols.size()));
  Value& value = mutable_value(id);
  value.dtype = dtype;
  value.shape = shape;
  value.symbols = std::move(symbols);
}

void GraphEditor::add_input(ValueId id) {
  const Value& value = mutable_value(id);
  LODE_ASSERT(value.producer == kNoNode && !value.constant.has_value());
  graph_.inputs_.push_back(id);
}

void GraphEditor::add_output(ValueId id) {
  LODE_ASSERT(mutable_value(id).id == id);
  graph_.outputs_.push_back(id);
}

NodeId GraphEditor::add_node(Node node) {
  node.id = static_cast<NodeId>(graph_.nodes_.size());
  node.name = claim_name(graph_.node_names_, node.name, node.op_type, node.id);
  for (const ValueId input : node.inputs) link(node.id, input);
  for (const ValueId output : node.outputs) {
    if (output == kNoValue) continue;
    Value& value = mutable_value(output);
    LODE_ASSERT(value.producer == kNoNode && !value.constant.has_value());
    value.producer = node.id;
  }
  graph_.nodes_.push_back(std::move(node));
  return graph_.nodes_.back()->id;
}

void GraphEditor::remove_node(NodeId id) {
  const Node& node = mutable_node(id);
  for (const ValueId input : node.inputs) unlink(id, input);
  for (const ValueId output : node.outputs) {
    if (output != kNoValue) mutable_value(output).producer = kNoNode;
  }
  graph_.node_names_.erase(node.name);
  graph_.nodes_[static_cast<std::size_t>(id)].reset();
}

void GraphEditor::set_attribute(NodeId id, std::string_view name, Attribute value) {
  mutable_node(id).attributes.insert_or_assign(std::string(name), std::move(value));
}

void GraphEditor::set_operator(NodeId id, std::string_view domain, std::string_view op_type,
                               std::int64_t opset) {
  Node& node = mutable_node(id);
  node.domain = domain;
  node.op_type = op_type;
  node.opset = opset;
}

void GraphEditor::set_input(NodeId id, std::size_t index, ValueId value) {
  Node& node = mutable_node(id);
  LODE_ASSERT(index < node.inputs.size());
  unlink(id, node.inputs[index]);
  node.inputs[index] = value;
  link(id, value);
}

void GraphEditor::append_input(NodeId id, ValueId value) {
  mutable_node(id).inputs.push_back(value);
  link(id, value);
}

void GraphEditor::replace_uses(ValueId from, ValueId to) {
  if (from == to) return;
  for (const NodeId consumer : std::exchange(mutable_value(from).consumers, {})) {
    // A node that reads the value twice stands twice: each turn moves one of its reads.
    std::vector<ValueId>& inputs = mutable_node(consumer).inputs;
    const auto read = std::find(inputs.begin(), inputs.end(), from);
    LODE_ASSERT(read != inputs.end());
    *read = to;
    link(consumer, to);
  }
  std::replace(graph_.outputs_.begin(), graph_.outputs_.end(), from, to);
}

void GraphEditor::move_output(NodeId node_id, std::size_t index, ValueId value) {
  Node& node = mutable_node(node_id);
  LODE_ASSERT(index < node.outputs.size());
  Value& taken = mutable_value(value);
  LODE_ASSERT(taken.producer == kNoNode && !taken.constant.has_value());
  if (node.outputs[index] != kNoValue) mutable_value(node.outputs[index]).producer = kNoNode;
  node.outputs[index] = value;
  taken.producer = node_id;
}

Node& GraphEditor::mutable_node(NodeId id) {
  LODE_ASSERT(graph_.find_node(id) != nullptr);
  return *graph_.nodes_[static_cast<std::size_t>(id)];
}

Value& GraphEditor::mutable_value(ValueId id) {
  LODE_ASSERT(id >= 0 && static_cast<std::size_t>(id) < graph_.values_.size());
  return graph_.values_[static_cast<std::size_t>(id)];
}

void GraphEditor::link(NodeId consumer, ValueId value) {
  if (value != kNoValue) mutable_value(value).consumers.push_back(consumer);
}

void GraphEditor::unlink(NodeId consumer, ValueId value) {
  if (value == kNoValue) return;
  std::vector<NodeId>& consumers = mutable_value(value).consumers;
  const auto found = std::find(consumers.begin(), consumers.end(), consumer);
  LODE_ASSERT(found != consumers.end());
  consumers.erase(found);
}

}  // namespace lode::engine
