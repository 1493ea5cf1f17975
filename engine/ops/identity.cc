// Identity, and Dropout, which is one at inference.
#include <algorithm>

#include "engine/ops/checks.h"
#include "engine/ops/copy.h"
#include "engine/ops/element.h"

namespace lode::engine {

namespace {

Status check_identity(const Node& node) {
  return check_signature(node, {}, {});
}

Status infer_identity(InferContext& context) {
  return set_output(context, context.inputs[0].dtype, context.inputs[0].shape);
}

// The one number of an optional input, or `fallback`.
template <typename Visit, typename Value>
Value read_number(std::span<const TensorView> inputs, std::size_t index, Value fallback,
                  Visit visit) {
  if (index >= inputs.size() || inputs[index].data == nullptr) return fallback;
  return visit(inputs[index]);
}

// Since operator set 12 training is an input, which only the run may know. At ratio 0 training
// drops nothing, and is the same as inference.
Status refuse_training(const Node& node, std::span<const TensorView> inputs) {
  const bool training = read_number(inputs, 2, false, [](const TensorView& view) {
    return static_cast<bool>(*elements<Boolean>(view));
  });
  if (!training) return {};
  const double ratio = read_number(inputs, 1, 0.5, [](const TensorView& view) {
    return visit_floating(view.dtype, [&]<typename T>() { return widen(*elements<T>(view)); });
  });
  if (ratio == 0.0) return {};
  return node_error(node, "input 'training_mode' is true, with ratio {}; export for inference",
                    ratio);
}

Status check_dropout(const Node& node) {
  return check_signature(
      node, {.max_inputs = node.opset >= 12 ? 3U : 1U, .max_outputs = 2},
      {{"consumed_inputs", 1, 5}, {"is_test", 1, 6}, {"ratio", 1, 11}, {"seed", 12}});
}

Status infer_dropout(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kFloatTypes));
  LODE_CHECK_OK(check_type(context, 1, kFloatTypes));
  LODE_CHECK_OK(check_type(context, 2, types({DType::kBool})));
  for (std::size_t i = 1; i < context.inputs.size(); ++i) {
    if (!context.inputs[i].present || context.inputs[i].shape.element_count() == 1) continue;
    return node_error(node, "input {} has shape {}; one element is needed", i,
                      context.inputs[i].shape.to_string());
  }
  LODE_TRY(const bool is_test, attribute_flag(node, "is_test", node.opset >= 7));
  if (!is_test) {
    return node_error(node, "attribute 'is_test'=0 asks for training; export for inference");
  }
  const Shape& shape = context.inputs[0].shape;
  if (context.outputs.size() > 1) {
    context.outputs[1].present = true;
    context.outputs[1].dtype = node.opset >= 10 ? DType::kBool : context.inputs[0].dtype;
    context.outputs[1].shape = shape;
  }
  return set_output(context, context.inputs[0].dtype, shape);
}

// The mask says that nothing was dropped.
void fill_mask(const MutableTensorView& mask) {
  const std::int64_t count = mask.element_count();
  if (mask.dtype == DType::kBool) {
    std::fill_n(elements<Boolean>(mask), count, Boolean(true));
    return;
  }
  visit_floating(mask.dtype,
                 [&]<typename T>() { std::fill_n(elements<T>(mask), count, narrow<T>(1.0)); });
}

Status run_dropout(const ReferenceContext& context) {
  LODE_CHECK_OK(refuse_training(context.node, context.inputs));
  if (context.outputs.size() > 1 && context.outputs[1].data != nullptr) {
    fill_mask(context.outputs[1]);
  }
  return copy_elements(context);
}

}  // namespace

OperatorDef identity_operator() {
  return {.op_type = "Identity",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_identity,
          .infer = infer_identity,
          .reference = copy_elements,
          .is_view = true,
          .keeps_samples = each_sample};
}

OperatorDef dropout_operator() {
  return {.op_type = "Dropout",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_dropout,
          .infer = infer_dropout,
          .reference = run_dropout,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
