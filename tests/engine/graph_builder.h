// Small graphs in few lines, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/graph/editor.h"

namespace lode::engine {

/// An f32 tensor with elements in [low, high), the same for the same seed.
inline Tensor random_tensor(Shape shape, std::uint64_t seed, float low = -1.0F, float high = 1.0F) {
  Rng rng = make_rng(seed, "test tensor");
  Tensor tensor(DType::kF32, shape);
  for (float& element : tensor.mutable_view().as<float>()) {
    element = uniform_between(rng, low, high);
  }
  return tensor;
}

template <typename T>
Tensor tensor_of(std::vector<T> values, Shape shape) {
  return Tensor::of<T>(std::span<const T>(values), shape);
}

/// A Graph and its editor. Values are made by name; nodes take the name of their output and can be
/// changed by `editor` afterwards.
struct GraphBuilder {
  Graph graph;
  GraphEditor editor{graph};
  std::int64_t opset = 13;

  ValueId input(std::string_view name, Shape shape, DType dtype = DType::kF32) {
    const ValueId id = editor.add_value(name);
    editor.declare(id, dtype, shape, {});
    editor.add_input(id);
    return id;
  }

  ValueId constant(std::string_view name, Tensor tensor) {
    return editor.add_constant(name, std::move(tensor));
  }

  /// A node with one output called `name`; returns that output.
  ValueId node(std::string_view name, std::string_view op_type, std::vector<ValueId> inputs,
               std::map<std::string, Attribute, std::less<>> attributes = {}) {
    const ValueId output = editor.add_value(name);
    Node node;
    node.name = name;
    node.op_type = op_type;
    node.opset = opset;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    node.attributes = std::move(attributes);
    editor.add_node(std::move(node));
    return output;
  }

  void output(ValueId id) { editor.add_output(id); }

  [[nodiscard]] NodeId producer(ValueId id) const { return graph.value(id).producer; }
};

}  // namespace lode::engine
