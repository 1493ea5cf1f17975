// BatchNormalization as inference uses it: an affine map a channel.
#include <cmath>

#include "engine/ops/activation.h"
#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"

namespace lode::engine {
namespace {

// Training is spelled differently in each era; all of them are refused.
Status refuse_training(const InferContext& context) {
  const Node& node = context.node;
  LODE_TRY(const bool is_test, attribute_flag(node, "is_test", node.opset >= 7));
  if (!is_test) {
    return node_error(node, "attribute 'is_test'=0 asks for training; export for inference");
  }
  LODE_TRY(const bool training, attribute_flag(node, "training_mode", false));
  if (training) {
    return node_error(node, "attribute 'training_mode'=1 is not supported; export for inference");
  }
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    return node_error(node, "output {} exists in training only; export for inference", i);
  }
  return {};
}

Status check_batch_norm(const Node& node) {
  return check_signature(node, {.min_inputs = 5, .max_inputs = 5, .max_outputs = 5},
                         {{"epsilon"},
                          {"momentum"},
                          {"consumed_inputs", 1, 5},
                          {"is_test", 1, 6},
                          {"spatial", 1, 8},
                          {"training_mode", 14},
                          {"lode_activation"},
                          {"lode_alpha"},
                          {"lode_beta"}});
}

Status infer_batch_norm(InferContext& context) {
  const Node& node = context.node;
  for (std::size_t i = 0; i < 5; ++i) LODE_CHECK_OK(check_type(context, i, kFloatTypes));
  // Since set 14 statistics, and since 15 scale and bias, may be of other types than the input.
  if (node.opset < 14) LODE_CHECK_OK(check_same_types(context));
  LODE_CHECK_OK(refuse_training(context));
  LODE_CHECK_OK(check_fused_activation(context));
  LODE_TRY(const float epsilon, attribute_float(node, "epsilon", 1e-5F));
  if (!(epsilon >= 0.0F)) return node_error(node, "attribute 'epsilon'={} is negative", epsilon);
  LODE_TRY(const bool spatial, attribute_flag(node, "spatial", true));
  LODE_CHECK_OK(check_rank(context, 0, 2));
  const Shape& input = context.inputs[0].shape;
  const std::int64_t count = spatial ? input[1] : extent_product(input, 1, input.rank());
  for (std::size_t i = 1; i < 5; ++i) {
    const Shape& shape = context.inputs[i].shape;
    if ((spatial && shape != Shape{count}) || shape.element_count() != count) {
      return node_error(node, "input {} has shape {}; {} elements are needed for input {}", i,
                        shape.to_string(), count, input.to_string());
    }
  }
  for (std::size_t i = 1; i < context.outputs.size(); ++i) {
    context.outputs[i].dtype = context.inputs[3].dtype;
    context.outputs[i].shape = context.inputs[3].shape;
  }
  return set_output(context, context.inputs[0].dtype, input);
}

double parameter(const TensorView& view, std::int64_t index) {
  return visit_floating(view.dtype, [&]<typename T>() { return widen(elements<T>(view)[index]); });
}

Status run_batch_norm(const ReferenceContext& context) {
  LODE_TRY(const float epsilon, attribute_float(context.node, "epsilon", 1e-5F));
  LODE_TRY(const bool spatial, attribute_flag(context.node, "spatial", true));
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const Shape& shape = context.inputs[0].shape;
  // Runs of elements that share their parameters: a channel's plane, or single elements.
  const std::int64_t inner = spatial ? extent_product(shape, 2, shape.rank()) : 1;
  const std::int64_t groups = spatial ? shape[1] : extent_product(shape, 1, shape.rank());
  visit_floating(context.inputs[0].dtype, [&]<typename T>() {
    const T* source = elements<T>(context.inputs[0]);
    T* result = elements<T>(context.outputs[0]);
    for (std::int64_t n = 0; n < shape[0]; ++n) {
      for (std::int64_t group = 0; group < groups; ++group) {
        const double mean = parameter(context.inputs[3], group);
        const double variance = parameter(context.inputs[4], group);
        const double scale = parameter(context.inputs[1], group) /
                             std::sqrt(variance + static_cast<double>(epsilon));
        const double bias = parameter(context.inputs[2], group);
        for (std::int64_t i = 0; i < inner; ++i) {
          T value = narrow<T>((widen(*source++) - mean) * scale + bias);
          if constexpr (std::is_same_v<T, float>) value = apply_activation(activation, value);
          *result++ = value;
        }
      }
    }
  });
  return {};
}

}  // namespace

OperatorDef batch_normalization_operator() {
  return {.op_type = "BatchNormalization",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_batch_norm,
          .infer = infer_batch_norm,
          .reference = run_batch_norm,
          .lower = lower_batch_norm,
          .layout = LayoutRule::kFollow,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
