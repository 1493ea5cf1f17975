// The intermediate representation: an ONNX-shaped graph of nodes and values.
//
// Shapes and layouts are ONNX's (NCHW); what the machine sees is decided by lowering. Everything
// reads a Graph through its const interface; only GraphEditor (graph/editor.h) changes one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/graph/tensor.h"

namespace lode::engine {

/// Index of a value (an edge: a tensor by name) in its graph. kNoValue is an omitted optional input
/// or output.
using ValueId = std::int32_t;
inline constexpr ValueId kNoValue = -1;
using NodeId = std::int32_t;
inline constexpr NodeId kNoNode = -1;

using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>,
                               std::vector<float>, std::vector<std::string>, Tensor>;

struct Node {
  NodeId id = kNoNode;
  std::string name;        ///< unique and never empty: made up from op type and position if absent
  std::string op_type;     ///< "Conv"
  std::string domain;      ///< "" is ai.onnx
  std::int64_t opset = 0;  ///< version of the domain's operator set that the model imports
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::map<std::string, Attribute, std::less<>> attributes;
};

struct Value {
  ValueId id = kNoValue;
  std::string name;
  /// Declared type and shape of graph inputs and outputs (-1: symbolic); absent elsewhere, where
  /// shape inference tells once the inputs' extents are bound.
  std::optional<DType> dtype;
  std::optional<Shape> shape;
  /// Names of the symbolic extents, parallel to `shape` ("" where static); empty if none.
  std::vector<std::string> symbols;
  std::optional<Tensor> constant;  ///< an initialiser or a folded result
  NodeId producer = kNoNode;       ///< kNoNode: a graph input or a constant
  std::vector<NodeId> consumers;   ///< a node that reads the value twice stands twice
};

class Graph {
 public:
  std::string name;

  [[nodiscard]] const Node& node(NodeId id) const;
  [[nodiscard]] const Value& value(ValueId id) const;
  /// Live nodes in a topological order (producers before consumers), stable under edits.
  [[nodiscard]] std::vector<NodeId> topological_order() const;
  [[nodiscard]] std::span<const ValueId> inputs() const { return inputs_; }
  [[nodiscard]] std::span<const ValueId> outputs() const { return outputs_; }
  [[nodiscard]] bool is_output(ValueId id) const;
  [[nodiscard]] std::size_t node_count() const;  ///< live ones
  /// Bounds for arrays indexed by id; some ids below may be dead.
  [[nodiscard]] std::size_t value_capacity() const { return values_.size(); }
  [[nodiscard]] std::size_t node_capacity() const { return nodes_.size(); }
  /// Null for ids of removed nodes.
  [[nodiscard]] const Node* find_node(NodeId id) const;
  /// The constant behind an input, or null (also for kNoValue).
  [[nodiscard]] const Tensor* constant(ValueId id) const;

 private:
  friend class GraphEditor;
  std::vector<std::optional<Node>> nodes_;
  std::vector<Value> values_;
  std::vector<ValueId> inputs_;
  std::vector<ValueId> outputs_;
  // Names in use, so that making a unique one does not search the graph.
  std::set<std::string, std::less<>> node_names_;
  std::set<std::string, std::less<>> value_names_;
};

/// Checks what every pass and reader relies on: ids in range, producer and consumer links
/// consistent, one producer a value, no cycle, names unique, outputs produced. A violation is a
/// bug of the importer or a pass; the error names node and value.
[[nodiscard]] Status verify(const Graph& graph);

/// One line a node: "conv1: Conv(x, w, b) -> y {group=1}", for `inspect` and tests.
[[nodiscard]] std::string dump(const Graph& graph);

/// Typed attribute access with ONNX's defaults. An attribute of another type than asked for is an
/// error naming node, attribute and type.
[[nodiscard]] Result<std::int64_t> attribute_int(const Node& node, std::string_view name,
                                                 std::int64_t fallback);
[[nodiscard]] Result<float> attribute_float(const Node& node, std::string_view name,
                                            float fallback);
[[nodiscard]] Result<std::string> attribute_string(const Node& node, std::string_view name,
                                                   std::string_view fallback);
[[nodiscard]] Result<std::vector<std::int64_t>> attribute_ints(const Node& node,
                                                               std::string_view name,
                                                               std::vector<std::int64_t> fallback);
[[nodiscard]] Result<std::vector<float>> attribute_floats(const Node& node, std::string_view name,
                                                          std::vector<float> fallback);
/// Null if absent.
[[nodiscard]] Result<const Tensor*> attribute_tensor(const Node& node, std::string_view name);

/// "node 'conv1' (Conv)": how errors name a node.
[[nodiscard]] std::string describe(const Node& node);

}  // namespace lode::engine
