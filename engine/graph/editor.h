// The only mutator of a Graph: keeps producer and consumer links right at every step.
#pragma once

#include "engine/graph/graph.h"

namespace lode::engine {

class GraphEditor {
 public:
  explicit GraphEditor(Graph& graph) : graph_(graph) {}

  /// A value without producer. `name` must be new ("" makes one up).
  ValueId add_value(std::string_view name);
  /// A constant. `name` must be new ("" makes one up).
  ValueId add_constant(std::string_view name, Tensor tensor);
  void set_constant(ValueId id, Tensor tensor);
  /// Frees the elements of a constant, which keeps its type and shape; who still holds a copy of
  /// the tensor keeps them too. set_constant() brings them back.
  void release_constant(ValueId id);
  /// Frees a constant that nothing reads any more.
  void drop_constant(ValueId id);
  void declare(ValueId id, std::optional<DType> dtype, std::optional<Shape> shape,
               std::vector<std::string> symbols);
  void add_input(ValueId id);
  void add_output(ValueId id);

  /// A node; node.id is assigned, an empty or taken name is replaced by a new one. Its outputs
  /// must not have a producer yet.
  NodeId add_node(Node node);
  /// Unlinks and removes; its outputs lose their producer (and must have no consumers, nor be
  /// graph outputs, when the edit ends; verify() checks).
  void remove_node(NodeId id);
  void set_attribute(NodeId id, std::string_view name, Attribute value);
  /// Turns the node into another operator with the same links.
  void set_operator(NodeId id, std::string_view domain, std::string_view op_type,
                    std::int64_t opset);
  void set_input(NodeId id, std::size_t index, ValueId value);
  void append_input(NodeId id, ValueId value);
  /// Every consumer of `from` (and the graph's outputs) reads `to` instead.
  void replace_uses(ValueId from, ValueId to);
  /// `node` becomes the producer of `value` in place of output `index`, taking its name and uses:
  /// how a fused producer takes over the output of the node that it swallowed. `value` must have
  /// no producer any more: remove_node() the swallowed one first.
  void move_output(NodeId node, std::size_t index, ValueId value);

 private:
  Node& mutable_node(NodeId id);
  Value& mutable_value(ValueId id);
  void link(NodeId consumer, ValueId value);
  void unlink(NodeId consumer, ValueId value);

  Graph& graph_;
};

}  // namespace lode::engine
