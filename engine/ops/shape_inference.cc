// One walk in topological order; small nodes with known inputs are evaluated on the way.
#include "engine/ops/shape_inference.h"

#include <new>

#include "engine/graph/quote.h"
#include "engine/ops/checks.h"

namespace lode::engine {
namespace {

// Inference evaluates nodes whose inputs and outputs together stay below this: extents and small
// tables, never weights.
constexpr std::int64_t kMaxKnownElements = 64 * 1024;

ValueInfo info_of(const Tensor& constant) {
  return {
      .present = true, .dtype = constant.dtype(), .shape = constant.shape(), .constant = &constant};
}

bool all_shapes_known(std::span<const ValueInfo> values) {
  for (const ValueInfo& value : values) {
    if (value.present && !value.known_shape) return false;
  }
  return true;
}

// infer() of the node's operator, with `outputs` as many as the node's.
Status infer_node(const OperatorDef& definition, const Node& node,
                  std::span<const ValueInfo> inputs, std::span<ValueInfo> outputs) {
  InferContext context{.node = node, .inputs = inputs, .outputs = outputs};
  LODE_CHECK_OK(definition.infer(context));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) outputs[i].present = false;
  }
  return {};
}

// The reference run on inputs and outputs that inference has described. Inputs without elements
// are views without data.
Result<std::vector<Tensor>> run_inferred(const OperatorDef& definition, const Node& node,
                                         std::span<const ValueInfo> inputs,
                                         std::span<const ValueInfo> outputs) {
  std::vector<TensorView> input_views;
  for (const ValueInfo& input : inputs) {
    TensorView view{.data = nullptr, .dtype = input.dtype, .shape = input.shape};
    if (input.present && input.constant != nullptr) view = input.constant->view();
    input_views.push_back(view);
  }
  std::vector<Tensor> results(outputs.size());
  std::vector<MutableTensorView> output_views(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].present) continue;
    try {
      results[i] = Tensor(outputs[i].dtype, outputs[i].shape);
    } catch (const std::bad_alloc&) {
      return node_error(node, "not enough memory for output {} of shape {}", i,
                        outputs[i].shape.to_string());
    }
    output_views[i] = results[i].mutable_view();
  }
  LODE_CHECK_OK(
      definition.reference({.node = node, .inputs = input_views, .outputs = output_views}));
  return results;
}

class Inference {
 public:
  explicit Inference(const Graph& graph) : graph_(graph) {
    result_.values.resize(graph.value_capacity());
  }

  Status bind_inputs(std::span<const Shape> shapes);
  Status bind_constants();
  Status infer_all();
  InferredGraph take() { return std::move(result_); }

 private:
  ValueInfo& info(ValueId id) { return result_.values[static_cast<std::size_t>(id)]; }
  Status infer_one(const Node& node);
  [[nodiscard]] bool is_worth_evaluating(const OperatorDef& definition,
                                         std::span<const ValueInfo> inputs,
                                         std::span<const ValueInfo> outputs) const;

  const Graph& graph_;
  InferredGraph result_;
};

Status Inference::bind_inputs(std::span<const Shape> shapes) {
  if (shapes.size() != graph_.inputs().size()) {
    return runtime_error("{} input shapes are given; the model has {} inputs", shapes.size(),
                         graph_.inputs().size());
  }
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Value& value = graph_.value(graph_.inputs()[i]);
    const Shape& shape = shapes[i];
    if (!value.dtype) {
      return runtime_error("input {}: its element type is not declared", quote(value.name));
    }
    bool matches = shape.is_static() && (!value.shape || value.shape->rank() == shape.rank());
    for (std::size_t axis = 0; matches && value.shape && axis < shape.rank(); ++axis) {
      const std::int64_t declared = (*value.shape)[axis];
      matches = declared < 0 || declared == shape[axis];
    }
    if (!matches) {
      return runtime_error("input {}: shape {} does not fit the declared {}", quote(value.name),
                           shape.to_string(), value.shape ? value.shape->to_string() : "[...]");
    }
    info(value.id) = {.present = true, .dtype = *value.dtype, .shape = shape};
  }
  return {};
}

Status Inference::bind_constants() {
  for (std::size_t i = 0; i < result_.values.size(); ++i) {
    const Tensor* constant = graph_.constant(static_cast<ValueId>(i));
    if (constant != nullptr) result_.values[i] = info_of(*constant);
  }
  return {};
}

bool Inference::is_worth_evaluating(const OperatorDef& definition,
                                    std::span<const ValueInfo> inputs,
                                    std::span<const ValueInfo> outputs) const {
  std::int64_t elements = 0;
  for (const ValueInfo& output : outputs) {
    if (!output.known_shape) return false;
    elements += output.shape.element_count();
  }
  // A node without inputs is a constant by another name, which lowering expects to see as one.
  if (inputs.empty()) return true;
  if (definition.needs_shapes_only) return elements <= kMaxKnownElements;
  for (const ValueInfo& input : inputs) {
    if (!input.present) continue;
    if (input.constant == nullptr) return false;
    elements += input.shape.element_count();
  }
  return elements <= kMaxKnownElements;
}

Status Inference::infer_one(const Node& node) {
  LODE_TRY(const OperatorDef* definition, find_operator(node));
  LODE_CHECK_OK(definition->check(node));
  std::vector<ValueInfo> inputs;
  for (const ValueId id : node.inputs) inputs.push_back(id == kNoValue ? ValueInfo{} : info(id));
  std::vector<ValueInfo> outputs(node.outputs.size());
  if (all_shapes_known(inputs)) {
    LODE_CHECK_OK(infer_node(*definition, node, inputs, outputs));
  } else {
    for (ValueInfo& output : outputs) {
      output.present = true;
      output.dtype = inputs[0].dtype;
      output.known_shape = false;
    }
  }
  if (!all_shapes_known(outputs)) result_.data_dependent.push_back(node.id);
  if (is_worth_evaluating(*definition, inputs, outputs)) {
    LODE_TRY(std::vector<Tensor> tensors, run_inferred(*definition, node, inputs, outputs));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      result_.owned.push_back(std::move(tensors[i]));
      outputs[i].constant = outputs[i].present ? &result_.owned.back() : nullptr;
    }
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue) info(node.outputs[i]) = outputs[i];
  }
  return {};
}

Status Inference::infer_all() {
  // Extents come from files and callers: operators rely on products of them not overflowing.
  for (std::size_t i = 0; i < result_.values.size(); ++i) {
    const ValueInfo& value = result_.values[i];
    const auto valid = make_shape(Node{}, value.shape.extents());
    if (value.present && !valid.ok()) {
      return runtime_error("value {}: shape {} has more than {} elements",
                           quote(graph_.value(static_cast<ValueId>(i)).name),
                           value.shape.to_string(), kMaxElements);
    }
  }
  for (const NodeId id : graph_.topological_order()) LODE_CHECK_OK(infer_one(graph_.node(id)));
  return {};
}

}  // namespace

Result<InferredGraph> infer_shapes(const Graph& graph, std::span<const Shape> input_shapes) {
  Inference inference(graph);
  LODE_CHECK_OK(inference.bind_constants());
  LODE_CHECK_OK(inference.bind_inputs(input_shapes));
  LODE_CHECK_OK(inference.infer_all());
  return inference.take();
}

Result<std::vector<Tensor>> run_reference(const Node& node, std::span<const Tensor* const> inputs) {
  LODE_TRY(const OperatorDef* definition, find_operator(node));
  LODE_CHECK_OK(definition->check(node));
  std::vector<ValueInfo> input_infos;
  for (const Tensor* input : inputs) {
    input_infos.push_back(input != nullptr ? info_of(*input) : ValueInfo{});
    LODE_CHECK_OK(make_shape(node, input_infos.back().shape.extents()));
  }
  std::vector<ValueInfo> outputs(node.outputs.size());
  LODE_CHECK_OK(infer_node(*definition, node, input_infos, outputs));
  LODE_ASSERT(all_shapes_known(outputs));
  return run_inferred(*definition, node, input_infos, outputs);
}

}  // namespace lode::engine
