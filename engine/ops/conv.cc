// Conv over one to three spatial axes.
#include "engine/ops/activation.h"
#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"
#include "engine/ops/window.h"

namespace lode::engine {
namespace {

Status check_conv(const Node& node) {
  return check_signature(node, {.min_inputs = 2, .max_inputs = 3},
                         {{"auto_pad"},
                          {"dilations"},
                          {"group"},
                          {"kernel_shape"},
                          {"pads"},
                          {"strides"},
                          {"lode_activation"},
                          {"lode_alpha"},
                          {"lode_beta"}});
}

Status infer_conv(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kFloatTypes));
  LODE_CHECK_OK(check_same_types(context));
  LODE_CHECK_OK(check_fused_activation(context));
  const Shape& input = context.inputs[0].shape;
  const Shape& weight = context.inputs[1].shape;
  LODE_TRY(const Window window, conv_window(node, input, weight));
  LODE_TRY(const std::int64_t groups, attribute_within(node, "group", 1, 1, kMaxElements));
  if (input[1] % groups != 0 || input[1] / groups != weight[1] || weight[0] % groups != 0) {
    return node_error(node, "input {}, weights {} and 'group'={} do not fit each other",
                      input.to_string(), weight.to_string(), groups);
  }
  if (context.inputs.size() > 2 && context.inputs[2].present &&
      context.inputs[2].shape != Shape{weight[0]}) {
    return node_error(node, "bias has shape {}; [{}] is needed",
                      context.inputs[2].shape.to_string(), weight[0]);
  }
  return set_output(context, context.inputs[0].dtype,
                    window_output_shape(window, input[0], weight[0]));
}

// One group's share of one output: the sum over channels and kernel positions inside the input.
template <typename T>
double convolve_at(const Window& window, const std::array<std::int64_t, Window::kMaxRank>& out,
                   const T* input, const T* weight, std::int64_t channels) {
  const auto& [depth, height, width] = window.axes;
  const auto inside = [](const WindowAxis& axis, std::int64_t position) {
    return position >= 0 && position < axis.input;
  };
  double sum = 0.0;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    for (std::int64_t kd = 0; kd < depth.kernel; ++kd) {
      const std::int64_t d = depth.position(out[0], kd);
      for (std::int64_t kh = 0; kh < height.kernel; ++kh) {
        const std::int64_t h = height.position(out[1], kh);
        for (std::int64_t kw = 0; kw < width.kernel; ++kw, ++weight) {
          const std::int64_t w = width.position(out[2], kw);
          if (!inside(depth, d) || !inside(height, h) || !inside(width, w)) continue;
          sum += widen(input[(d * height.input + h) * width.input + w]) * widen(*weight);
        }
      }
    }
    input += window.input_count();
  }
  return sum;
}

template <typename T>
void convolve(const ReferenceContext& context, const Window& window, std::int64_t groups,
              const Activation& activation) {
  const Shape& input = context.inputs[0].shape;
  const Shape& weight = context.inputs[1].shape;
  const std::int64_t group_inputs = weight[1];
  const std::int64_t group_outputs = weight[0] / groups;
  const T* bias = optional_elements<T>(context.inputs, 2);
  T* result = elements<T>(context.outputs[0]);
  for (std::int64_t n = 0; n < input[0]; ++n) {
    for (std::int64_t m = 0; m < weight[0]; ++m) {
      const std::int64_t first_channel = n * input[1] + m / group_outputs * group_inputs;
      const T* source = elements<T>(context.inputs[0]) + first_channel * window.input_count();
      const T* filter = elements<T>(context.inputs[1]) + m * group_inputs * window.kernel_count();
      std::array<std::int64_t, Window::kMaxRank> out{};
      for (out[0] = 0; out[0] < window.depth().output; ++out[0]) {
        for (out[1] = 0; out[1] < window.height().output; ++out[1]) {
          for (out[2] = 0; out[2] < window.width().output; ++out[2]) {
            double sum = convolve_at(window, out, source, filter, group_inputs);
            if (bias != nullptr) sum += widen(bias[m]);
            *result = narrow<T>(sum);
            if constexpr (std::is_same_v<T, float>) *result = apply_activation(activation, *result);
            ++result;
          }
        }
      }
    }
  }
}

Status run_conv(const ReferenceContext& context) {
  LODE_TRY(const Window window,
           conv_window(context.node, context.inputs[0].shape, context.inputs[1].shape));
  LODE_TRY(const std::int64_t groups, attribute_int(context.node, "group", 1));
  LODE_TRY(const Activation activation, fused_activation(context.node));
  visit_floating(context.inputs[0].dtype,
                 [&]<typename T>() { convolve<T>(context, window, groups, activation); });
  return {};
}

}  // namespace

OperatorDef conv_operator() {
  return {.op_type = "Conv",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_conv,
          .infer = infer_conv,
          .reference = run_conv,
          .lower = lower_conv,
          .layout = LayoutRule::kChannelsLast};
}

}  // namespace lode::engine
