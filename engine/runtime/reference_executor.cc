// The plainest way to run a graph.
#include "engine/runtime/reference_executor.h"

#include <cstring>
#include <new>
#include <optional>

#include "engine/ops/shape_inference.h"
#include "engine/runtime/denormals.h"

namespace lode::engine {

namespace {

class Executor {
 public:
  explicit Executor(const Graph& graph)
      : graph_(graph), values_(graph.value_capacity()), readers_left_(graph.value_capacity()) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      readers_left_[i] = graph.value(static_cast<ValueId>(i)).consumers.size();
    }
    for (const ValueId id : graph.outputs()) ++readers_left_[static_cast<std::size_t>(id)];
  }

  void set(ValueId id, Tensor tensor) { values_[static_cast<std::size_t>(id)] = std::move(tensor); }

  /// Null if the value has none: omitted.
  [[nodiscard]] const Tensor* get(ValueId id) const {
    if (id == kNoValue) return nullptr;
    const auto& made = values_[static_cast<std::size_t>(id)];
    return made ? &*made : graph_.constant(id);
  }

  Status run_node(const Node& node) {
    std::vector<const Tensor*> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(get(id));
    LODE_TRY(std::vector<Tensor> outputs, run_reference(node, inputs));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) set(node.outputs[i], std::move(outputs[i]));
    }
    for (const ValueId id : node.inputs) release(id);
    return {};
  }

 private:
  void release(ValueId id) {
    if (id == kNoValue) return;
    const auto index = static_cast<std::size_t>(id);
    if (--readers_left_[index] == 0) values_[index].reset();
  }

  const Graph& graph_;
  std::vector<std::optional<Tensor>> values_;
  std::vector<std::size_t> readers_left_;
};

Result<Tensor> copy_of(const TensorView& view) try {
  Tensor tensor(view.dtype, view.shape);
  if (view.byte_size() > 0) {
    std::memcpy(tensor.mutable_view().data, view.data, view.byte_size());
  }
  return tensor;
} catch (const std::bad_alloc&) {
  return runtime_error("not enough memory: an input needs {} bytes", view.byte_size());
}

}  // namespace

Result<std::vector<Tensor>> execute_by_reference(const Graph& graph,
                                                 std::span<const TensorView> inputs) {
  LODE_ASSERT(inputs.size() == graph.inputs().size());
  const FlushDenormals flush;  // as in a session's run
  Executor executor(graph);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    LODE_TRY(Tensor input, copy_of(inputs[i]));
    executor.set(graph.inputs()[i], std::move(input));
  }
  for (const NodeId id : graph.topological_order()) {
    LODE_CHECK_OK(executor.run_node(graph.node(id)));
  }
  std::vector<Tensor> outputs;
  for (const ValueId id : graph.outputs()) {
    const Tensor* output = executor.get(id);
    LODE_ASSERT(output != nullptr);
    outputs.push_back(*output);
  }
  return outputs;
}

}  // namespace lode::engine
