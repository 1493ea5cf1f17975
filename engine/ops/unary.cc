// One input, one output of its shape: Relu, LeakyRelu, Clip, Sigmoid, HardSigmoid, HardSwish,
// Swish.
#include "engine/ops/activation.h"
#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"

namespace lode::engine {
namespace {

constexpr TypeSet kSignedTypes = types({DType::kI8, DType::kI16, DType::kI32, DType::kI64});

template <typename T, typename Function>
void map_elements(const ReferenceContext& context, Function function) {
  const T* source = elements<T>(context.inputs[0]);
  T* result = elements<T>(context.outputs[0]);
  const std::int64_t count = context.inputs[0].element_count();
  for (std::int64_t i = 0; i < count; ++i) result[i] = function(source[i]);
}

Status infer_same(InferContext& context, TypeSet allowed) {
  LODE_CHECK_OK(check_type(context, 0, allowed));
  return set_output(context, context.inputs[0].dtype, context.inputs[0].shape);
}

// The attributes of an activation, and that what they hold is of their type.
Status check_activation_attributes(const Node& node,
                                   std::initializer_list<AttributeRule> attributes) {
  LODE_CHECK_OK(check_signature(node, {}, attributes));
  LODE_CHECK_OK(own_activation(node));
  return {};
}

Status check_activation(const Node& node) {
  return check_activation_attributes(node, {{"consumed_inputs", 1, 5}});
}

Status check_leaky_relu(const Node& node) {
  return check_activation_attributes(node, {{"alpha"}, {"consumed_inputs", 1, 5}});
}

Status check_hard_sigmoid(const Node& node) {
  return check_activation_attributes(node, {{"alpha"}, {"beta"}, {"consumed_inputs", 1, 5}});
}

Status check_swish(const Node& node) {
  LODE_CHECK_OK(check_activation_attributes(node, {{"alpha"}}));
  LODE_TRY(const float alpha, attribute_float(node, "alpha", 1.0F));
  if (alpha == 1.0F) return {};
  return node_error(node, "attribute 'alpha'={} is not supported; 1 is", alpha);
}

Status infer_activation(InferContext& context) {
  return infer_same(context, kFloatTypes);
}

Status run_activation(const ReferenceContext& context) {
  LODE_TRY(const Activation activation, own_activation(context.node));
  visit_floating(context.inputs[0].dtype, [&]<typename T>() {
    map_elements<T>(context, [&activation](T x) {
      // f64 in its own arithmetic; all others in float's, as kernels have it.
      using Arithmetic = std::conditional_t<std::is_same_v<T, double>, double, float>;
      return narrow<T>(apply_activation(activation, static_cast<Arithmetic>(widen(x))));
    });
  });
  return {};
}

Status infer_relu(InferContext& context) {
  return infer_same(context, kFloatTypes | kSignedTypes);
}

Status run_relu(const ReferenceContext& context) {
  if (is_floating(context.inputs[0].dtype)) return run_activation(context);
  visit_integer(context.inputs[0].dtype, [&]<typename T>() {
    map_elements<T>(context, [](T x) { return x < T{0} ? T{0} : x; });
  });
  return {};
}

Status check_clip(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.max_inputs = node.opset >= 11 ? 3U : 1U},
                                {{"min", 1, 10}, {"max", 1, 10}, {"consumed_inputs", 1, 5}}));
  LODE_CHECK_OK(own_activation(node));
  return {};
}

Status infer_clip(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kNumericTypes));
  LODE_CHECK_OK(check_same_types(context));
  for (std::size_t i = 1; i < context.inputs.size(); ++i) {
    const ValueInfo& bound = context.inputs[i];
    if (!bound.present || bound.shape.element_count() == 1) continue;
    return node_error(node, "input {} has shape {}; one number is needed", i,
                      bound.shape.to_string());
  }
  return set_output(context, context.inputs[0].dtype, context.inputs[0].shape);
}

// A bound of Clip: the input, or the attribute, or none.
template <typename T>
Result<std::optional<T>> read_bound(const ReferenceContext& context, std::string_view name,
                                    std::size_t index) {
  const T* input = optional_elements<T>(context.inputs, index);
  if (input != nullptr) return std::optional<T>(*input);
  if (context.node.attributes.count(name) == 0) return std::optional<T>();
  LODE_TRY(const float attribute, attribute_float(context.node, name, 0.0F));
  if constexpr (std::is_integral_v<T>) {
    return node_error(context.node, "attribute '{}'={} needs a float input", name, attribute);
  } else {
    return std::optional<T>(narrow<T>(static_cast<double>(attribute)));
  }
}

// As numpy.clip: the upper bound wins where the two cross; a NaN stays.
template <typename T>
Status clip(const ReferenceContext& context) {
  LODE_TRY(const std::optional<T> low, read_bound<T>(context, "min", 1));
  LODE_TRY(const std::optional<T> high, read_bound<T>(context, "max", 2));
  map_elements<T>(context, [&](T x) {
    if (low && is_less(x, *low)) x = *low;
    if (high && is_less(*high, x)) x = *high;
    return x;
  });
  return {};
}

Status run_clip(const ReferenceContext& context) {
  return visit_numeric(context.inputs[0].dtype, [&]<typename T>() { return clip<T>(context); });
}

}  // namespace

OperatorDef relu_operator() {
  return {.op_type = "Relu",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_activation,
          .infer = infer_relu,
          .reference = run_relu,
          .lower = lower_unary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = each_sample};
}

OperatorDef leaky_relu_operator() {
  return {.op_type = "LeakyRelu",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_leaky_relu,
          .infer = infer_activation,
          .reference = run_activation,
          .lower = lower_unary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = each_sample};
}

OperatorDef clip_operator() {
  return {.op_type = "Clip",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_clip,
          .infer = infer_clip,
          .reference = run_clip,
          .lower = lower_unary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = each_sample};
}

OperatorDef sigmoid_operator() {
  return {.op_type = "Sigmoid",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_activation,
          .infer = infer_activation,
          .reference = run_activation,
          .lower = lower_unary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = each_sample};
}

OperatorDef hard_sigmoid_operator() {
  return {.op_type = "HardSigmoid",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_hard_sigmoid,
          .infer = infer_activation,
          .reference = run_activation,
          .lower = lower_unary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = each_sample};
}

OperatorDef hard_swish_operator() {
  return {.op_type = "HardSwish",
          .opset_min = 14,
          .opset_max = kLatestOpset,
          .check = check_activation,
          .infer = infer_activation,
          .reference = run_activation,
          .lower = lower_unary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = each_sample};
}

OperatorDef swish_operator() {
  return {.op_type = "Swish",
          .opset_min = 24,
          .opset_max = kLatestOpset,
          .check = check_swish,
          .infer = infer_activation,
          .reference = run_activation,
          .lower = lower_unary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
