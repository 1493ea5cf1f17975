// ONNX messages in few lines, for tests.
#pragma once

#include <onnx/onnx_pb.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace lode::engine {

/// An f32 tensor in the typed field.
inline onnx::TensorProto float_tensor(std::string_view name, std::vector<std::int64_t> dims,
                                      std::vector<float> values) {
  onnx::TensorProto tensor;
  tensor.set_name(std::string(name));
  tensor.set_data_type(onnx::TensorProto_DataType_FLOAT);
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  for (const float value : values) tensor.add_float_data(value);
  return tensor;
}

/// Declares a tensor of f32 with static extents, and "" or a name for each symbolic one.
inline void declare(onnx::ValueInfoProto& info, std::string_view name,
                    std::vector<std::int64_t> dims) {
  info.set_name(std::string(name));
  auto* type = info.mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto_DataType_FLOAT);
  auto* shape = type->mutable_shape();
  for (const std::int64_t dim : dims) shape->add_dim()->set_dim_value(dim);
}

inline onnx::NodeProto* add_node(onnx::GraphProto& graph, std::string_view name,
                                 std::string_view op_type,
                                 std::initializer_list<std::string_view> inputs,
                                 std::initializer_list<std::string_view> outputs) {
  onnx::NodeProto* node = graph.add_node();
  node->set_name(std::string(name));
  node->set_op_type(std::string(op_type));
  for (const std::string_view input : inputs) node->add_input(std::string(input));
  for (const std::string_view output : outputs) node->add_output(std::string(output));
  return node;
}

inline onnx::AttributeProto* add_attribute(onnx::NodeProto& node, std::string_view name,
                                           onnx::AttributeProto_AttributeType type) {
  onnx::AttributeProto* attribute = node.add_attribute();
  attribute->set_name(std::string(name));
  attribute->set_type(type);
  return attribute;
}

inline void import_operator_set(onnx::ModelProto& model, std::string_view domain,
                                std::int64_t version) {
  onnx::OperatorSetIdProto* set = model.add_opset_import();
  set->set_domain(std::string(domain));
  set->set_version(version);
}

/// y = Relu(x + w) with x [1,2] and w [2].
inline onnx::ModelProto small_model() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  import_operator_set(model, "", 13);
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("small");
  declare(*graph.add_input(), "x", {1, 2});
  declare(*graph.add_output(), "y", {1, 2});
  *graph.add_initializer() = float_tensor("w", {2}, {0.5F, -4.0F});
  add_node(graph, "sum", "Add", {"x", "w"}, {"t"});
  add_node(graph, "act", "Relu", {"t"}, {"y"});
  return model;
}

}  // namespace lode::engine
