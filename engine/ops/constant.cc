// Constant and ConstantOfShape.
#include <algorithm>

#include "engine/ops/checks.h"
#include "engine/ops/element.h"

namespace lode::engine {
namespace {

// The value of a Constant node, whose attribute's name tells its type. Borrowed from the node.
Result<TensorView> read_constant(const Node& node) {
  if (node.attributes.size() != 1) {
    return node_error(node,
                      "has {} attributes; exactly one of 'value', 'value_float', ... is needed",
                      node.attributes.size());
  }
  const auto& [name, attribute] = *node.attributes.begin();
  const auto view = [](const auto* values, std::size_t count, Shape shape) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(values)>>;
    LODE_ASSERT(count == static_cast<std::size_t>(shape.element_count()));
    return TensorView{reinterpret_cast<const std::byte*>(values), DTypeOf<T>::value, shape};
  };
  if (const auto* tensor = std::get_if<Tensor>(&attribute); tensor && name == "value") {
    return tensor->view();
  }
  if (const auto* number = std::get_if<float>(&attribute); number && name == "value_float") {
    return view(number, 1, Shape());
  }
  if (const auto* number = std::get_if<std::int64_t>(&attribute); number && name == "value_int") {
    return view(number, 1, Shape());
  }
  if (const auto* list = std::get_if<std::vector<float>>(&attribute);
      list && name == "value_floats") {
    return view(list->data(), list->size(), Shape{static_cast<std::int64_t>(list->size())});
  }
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(&attribute);
      list && name == "value_ints") {
    return view(list->data(), list->size(), Shape{static_cast<std::int64_t>(list->size())});
  }
  return node_error(node, "attribute '{}' has a type that is not supported", name);
}

Status check_constant(const Node& node) {
  return check_signature(node, {.min_inputs = 0, .max_inputs = 0},
                         {{"value"},
                          {"value_float", 12},
                          {"value_floats", 12},
                          {"value_int", 12},
                          {"value_ints", 12}});
}

Status infer_constant(InferContext& context) {
  LODE_TRY(const TensorView value, read_constant(context.node));
  return set_output(context, value.dtype, value.shape);
}

Status run_constant(const ReferenceContext& context) {
  LODE_TRY(const TensorView value, read_constant(context.node));
  if (value.byte_size() > 0) {
    std::memcpy(context.outputs[0].data, value.data, value.byte_size());
  }
  return {};
}

// The element that fills the result: one f32 0 by default.
Result<TensorView> read_fill(const Node& node) {
  static constexpr float kZero = 0.0F;
  LODE_TRY(const Tensor* value, attribute_tensor(node, "value"));
  if (value == nullptr) {
    return TensorView{reinterpret_cast<const std::byte*>(&kZero), DType::kF32, Shape{1}};
  }
  if (value->element_count() == 1) return value->view();
  return node_error(node, "attribute 'value' has shape {}; one element is needed",
                    value->shape().to_string());
}

Status check_constant_of_shape(const Node& node) {
  return check_signature(node, {}, {{"value"}});
}

Status infer_constant_of_shape(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, types({DType::kI64})));
  LODE_TRY(const TensorView fill, read_fill(node));
  if (is_unknown(context, 0)) return unknown_outputs(context, fill.dtype);
  LODE_TRY(const IntList extents, make_list(node, "input", context.inputs[0].constant->view()));
  LODE_TRY(const Shape shape, make_shape(node, extents.values()));
  return set_output(context, fill.dtype, shape);
}

Status run_constant_of_shape(const ReferenceContext& context) {
  LODE_TRY(const TensorView fill, read_fill(context.node));
  visit_storage(fill.dtype, [&]<typename T>() {
    std::fill_n(elements<T>(context.outputs[0]), context.outputs[0].element_count(),
                *elements<T>(fill));
  });
  return {};
}

}  // namespace

OperatorDef constant_operator() {
  return {.op_type = "Constant",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_constant,
          .infer = infer_constant,
          .reference = run_constant};
}

OperatorDef constant_of_shape_operator() {
  return {.op_type = "ConstantOfShape",
          .opset_min = 9,
          .opset_max = kLatestOpset,
          .check = check_constant_of_shape,
          .infer = infer_constant_of_shape,
          .reference = run_constant_of_shape};
}

}  // namespace lode::engine
