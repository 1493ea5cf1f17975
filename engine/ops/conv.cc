// Conv over one to three spatial axes.
#include <algorithm>

#include "engine/ops/activation.h"
#include "engine/ops/checks.h"
#include "engine/ops/conv_fusion.h"
#include "engine/ops/element.h"
#include "engine/ops/half_weights.h"
#include "engine/ops/lowering.h"
#include "engine/ops/window.h"

namespace lode::engine {
namespace {

Status check_conv(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 2, .max_inputs = kConvShift + 1},
                                {{"auto_pad"},
                                 {"dilations"},
                                 {"group"},
                                 {"kernel_shape"},
                                 {"pads"},
                                 {"strides"},
                                 {"lode_activation"},
                                 {"lode_alpha"},
                                 {"lode_beta"},
                                 {kHalfWeightsAttribute},
                                 {"lode_prologue"},
                                 {"lode_residual"}}));
  LODE_CHECK_OK(conv_fusion(node));
  return {};
}

Status check_extents(const InferContext& context, std::size_t index, const Shape& wanted) {
  if (index >= context.inputs.size() || !context.inputs[index].present) return {};
  if (context.inputs[index].shape == wanted) return {};
  return node_error(context.node, "input {} has shape {}; {} is needed", index,
                    context.inputs[index].shape.to_string(), wanted.to_string());
}

// The shapes of what passes have fused into the node.
Status check_fusion(const InferContext& context, const Window& window, std::int64_t groups,
                    const Shape& output) {
  LODE_TRY(const ConvFusion fusion, conv_fusion(context.node));
  LODE_CHECK_OK(check_fused_activation(context));
  LODE_CHECK_OK(check_extents(context, kConvResidual, output));
  if (fusion.prologue == ConvPrologue::kNone) return {};
  const Shape& input = context.inputs[0].shape;
  const bool pads = std::any_of(window.axes.begin(), window.axes.end(), [](const auto& axis) {
    return axis.pad_begin != 0 || axis.pad_end != 0;
  });
  if (input.rank() != 4 || window.kernel_count() != 1 || pads || groups != 1) {
    return node_error(context.node,
                      "attribute 'lode_prologue' needs a 1x1 kernel without padding and groups");
  }
  const bool per_image = fusion.prologue == ConvPrologue::kScale;
  LODE_CHECK_OK(check_extents(context, kConvScale,
                              per_image ? Shape{input[0], input[1], 1, 1} : Shape{input[1]}));
  return check_extents(context, kConvShift, Shape{input[1]});
}

Status infer_conv(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kFloatTypes));
  LODE_CHECK_OK(check_weighted_types(context));
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
  const Shape output = window_output_shape(window, input[0], weight[0]);
  LODE_CHECK_OK(check_fusion(context, window, groups, output));
  return set_output(context, context.inputs[0].dtype, output);
}

// What is done to an element of the input before it is multiplied.
template <typename T>
struct Prologue {
  ConvPrologue kind = ConvPrologue::kNone;
  const T* scale = nullptr;  // of the image
  const T* shift = nullptr;

  [[nodiscard]] double apply(double x, std::int64_t channel) const {
    if (kind == ConvPrologue::kNone) return x;
    x *= widen(scale[channel]);
    if (kind == ConvPrologue::kScale) return x;
    x += widen(shift[channel]);
    return x < 0.0 ? 0.0 : x;
  }
};

// One group's share of one output: the sum over channels and kernel positions inside the input.
template <typename T>
double convolve_at(const Window& window, const std::array<std::int64_t, Window::kMaxRank>& out,
                   const T* input, const T* weight, std::int64_t channels,
                   const Prologue<T>& prologue) {
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
          const double x = widen(input[(d * height.input + h) * width.input + w]);
          sum += prologue.apply(x, channel) * widen(*weight);
        }
      }
    }
    input += window.input_count();
  }
  return sum;
}

template <typename T>
void convolve(const ReferenceContext& context, const Window& window, std::int64_t groups,
              const Activation& activation, const ConvFusion& fusion) {
  const Shape& input = context.inputs[0].shape;
  const Shape& weight = context.inputs[1].shape;
  const std::int64_t group_inputs = weight[1];
  const std::int64_t group_outputs = weight[0] / groups;
  const T* bias = optional_elements<T>(context.inputs, kConvBias);
  const T* residual = optional_elements<T>(context.inputs, kConvResidual);
  T* result = elements<T>(context.outputs[0]);
  Prologue<T> prologue{fusion.prologue, optional_elements<T>(context.inputs, kConvScale),
                       optional_elements<T>(context.inputs, kConvShift)};
  for (std::int64_t n = 0; n < input[0]; ++n) {
    if (n > 0 && fusion.prologue == ConvPrologue::kScale) prologue.scale += input[1];
    for (std::int64_t m = 0; m < weight[0]; ++m) {
      const std::int64_t first_channel = n * input[1] + m / group_outputs * group_inputs;
      const T* source = elements<T>(context.inputs[0]) + first_channel * window.input_count();
      const T* filter = elements<T>(context.inputs[1]) + m * group_inputs * window.kernel_count();
      std::array<std::int64_t, Window::kMaxRank> out{};
      for (out[0] = 0; out[0] < window.depth().output; ++out[0]) {
        for (out[1] = 0; out[1] < window.height().output; ++out[1]) {
          for (out[2] = 0; out[2] < window.width().output; ++out[2]) {
            double sum = convolve_at(window, out, source, filter, group_inputs, prologue);
            if (bias != nullptr) sum += widen(bias[m]);
            if (residual != nullptr) sum += widen(*residual++);
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
  LODE_TRY(const ConvFusion fusion, conv_fusion(context.node));
  const WidenedContext widened(context);
  visit_floating(context.inputs[0].dtype, [&]<typename T>() {
    convolve<T>(widened.get(), window, groups, activation, fusion);
  });
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
          .layout = LayoutRule::kChannelsLast,
          .placements = conv_placements,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
