#include "engine/ops/integer_conv.h"

#include "engine/ops/element.h"

namespace lode::engine {
namespace {

template <typename X, typename W>
std::int64_t sum_at(const IntegerConvolution& convolution, std::int64_t image, std::int64_t channel,
                    const std::array<std::int64_t, Window::kMaxRank>& out) {
  const Window& window = convolution.window;
  const auto& [depth, height, width] = window.axes;
  const std::int64_t channels = convolution.weight.shape[1];
  const std::int64_t group = channel / (convolution.weight.shape[0] / convolution.groups);
  const X* input = elements<X>(convolution.input) +
                   (image * convolution.input.shape[1] + group * channels) * window.input_count();
  const W* weight = elements<W>(convolution.weight) + channel * channels * window.kernel_count();
  const std::int32_t input_zero = convolution.images.zero_point(image);
  const std::int32_t weight_zero = convolution.filters.zero_point(channel);
  const auto inside = [](const WindowAxis& axis, std::int64_t position) {
    return position >= 0 && position < axis.input;
  };
  std::int64_t sum = 0;
  for (std::int64_t c = 0; c < channels; ++c, input += window.input_count()) {
    for (std::int64_t kd = 0; kd < depth.kernel; ++kd) {
      const std::int64_t d = depth.position(out[0], kd);
      for (std::int64_t kh = 0; kh < height.kernel; ++kh) {
        const std::int64_t h = height.position(out[1], kh);
        for (std::int64_t kw = 0; kw < width.kernel; ++kw, ++weight) {
          const std::int64_t w = width.position(out[2], kw);
          if (!inside(depth, d) || !inside(height, h) || !inside(width, w)) continue;
          const std::int32_t x = input[(d * height.input + h) * width.input + w] - input_zero;
          sum += x * (*weight - weight_zero);
        }
      }
    }
  }
  return sum;
}

}  // namespace

Result<Window> check_integer_convolution(const InferContext& context, std::size_t input,
                                         std::size_t weight) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, input, kByteTypes));
  LODE_CHECK_OK(check_type(context, weight, kByteTypes));
  const Shape& x = context.inputs[input].shape;
  const Shape& w = context.inputs[weight].shape;
  LODE_TRY(const Window window, conv_window(node, x, w));
  LODE_TRY(const std::int64_t groups, attribute_within(node, "group", 1, 1, kMaxElements));
  const bool fits = w[1] <= kMaxElements / groups && x[1] == w[1] * groups && w[0] % groups == 0;
  if (fits) return window;
  return node_error(node, "input {} and weights {} do not fit each other with 'group'={}",
                    x.to_string(), w.to_string(), groups);
}

Result<IntegerConvolution> read_integer_convolution(const ReferenceContext& context,
                                                    OperandInputs input, OperandInputs weight) {
  const TensorView& x = context.inputs[input.data];
  const TensorView& w = context.inputs[weight.data];
  LODE_TRY(const Window window, conv_window(context.node, x.shape, w.shape));
  LODE_TRY(const std::int64_t groups, attribute_int(context.node, "group", 1));
  return IntegerConvolution{.window = window,
                            .groups = groups,
                            .input = x,
                            .weight = w,
                            .images = {context.inputs, input.scale, input.zero_point},
                            .filters = {context.inputs, weight.scale, weight.zero_point}};
}

std::int32_t integer_sum_at(const IntegerConvolution& convolution, std::int64_t image,
                            std::int64_t channel,
                            const std::array<std::int64_t, Window::kMaxRank>& out) {
  return visit_byte(convolution.input.dtype, [&]<typename X>() {
    return visit_byte(convolution.weight.dtype, [&]<typename W>() {
      return static_cast<std::int32_t>(sum_at<X, W>(convolution, image, channel, out));
    });
  });
}

}  // namespace lode::engine
