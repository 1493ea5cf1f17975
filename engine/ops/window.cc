// Reads the attributes of convolution and pooling and settles padding and output extents.
#include "engine/ops/window.h"

#include <algorithm>
#include <string>

#include "engine/ops/checks.h"

namespace lode::engine {
namespace {

enum class AutoPad : std::uint8_t { kNotSet, kSameUpper, kSameLower, kValid };

Result<AutoPad> read_auto_pad(const Node& node) {
  LODE_TRY(const std::string text, attribute_string(node, "auto_pad", "NOTSET"));
  if (text == "NOTSET" || text.empty()) return AutoPad::kNotSet;
  if (text == "SAME_UPPER") return AutoPad::kSameUpper;
  if (text == "SAME_LOWER") return AutoPad::kSameLower;
  if (text == "VALID") return AutoPad::kValid;
  return node_error(
      node, "attribute 'auto_pad'='{}' is none of NOTSET, SAME_UPPER, SAME_LOWER, VALID", text);
}

// The list `name`, of `count` entries in [low, kMaxElements]; none if absent.
Result<std::optional<std::span<const std::int64_t>>> read_list(const Node& node,
                                                               std::string_view name,
                                                               std::size_t count,
                                                               std::int64_t low) {
  LODE_TRY(const auto values, attribute_list(node, name));
  if (!values) return values;
  const bool in_range = std::all_of(values->begin(), values->end(), [low](std::int64_t value) {
    return value >= low && value <= kMaxElements;
  });
  if (values->size() == count && in_range) return values;
  return node_error(node, "attribute '{}'={} is not {} numbers in [{}, {}]", name,
                    list_text(*values), count, low, kMaxElements);
}

Status read_pads(const Node& node, AutoPad auto_pad, std::span<WindowAxis> axes) {
  LODE_TRY(const auto pads, read_list(node, "pads", 2 * axes.size(), 0));
  if (!pads) return {};
  const bool any =
      std::any_of(pads->begin(), pads->end(), [](std::int64_t pad) { return pad > 0; });
  if (any && auto_pad != AutoPad::kNotSet) {
    return node_error(node, "attribute 'pads'={} contradicts 'auto_pad'; only one of both may be",
                      list_text(*pads));
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    axes[i].pad_begin = (*pads)[i];
    axes[i].pad_end = (*pads)[axes.size() + i];
  }
  return {};
}

// ceil(input / stride) outputs; the padding that this takes is split in two, the odd one at the end
// (SAME_UPPER) or at the beginning.
void pad_to_same(WindowAxis& axis, AutoPad auto_pad) {
  axis.output = (axis.input + axis.stride - 1) / axis.stride;
  const std::int64_t total =
      std::max<std::int64_t>(0, (axis.output - 1) * axis.stride + axis.span() - axis.input);
  axis.pad_begin = auto_pad == AutoPad::kSameUpper ? total / 2 : total - total / 2;
  axis.pad_end = total - axis.pad_begin;
}

void count_outputs(WindowAxis& axis, bool ceil_mode) {
  const std::int64_t room = axis.input + axis.pad_begin + axis.pad_end - axis.span();
  const std::int64_t rounded = ceil_mode ? room + axis.stride - 1 : room;
  axis.output = rounded < 0 ? 0 : rounded / axis.stride + 1;
  const bool starts_behind = (axis.output - 1) * axis.stride >= axis.input + axis.pad_begin;
  if (ceil_mode && axis.output > 0 && starts_behind) --axis.output;
}

// Everything but input extents and kernel, which `axes` hold already.
Status resolve(const Node& node, bool ceil_mode, std::span<WindowAxis> axes) {
  LODE_TRY(const AutoPad auto_pad, read_auto_pad(node));
  LODE_TRY(const auto strides, read_list(node, "strides", axes.size(), 1));
  LODE_TRY(const auto dilations, read_list(node, "dilations", axes.size(), 1));
  LODE_CHECK_OK(read_pads(node, auto_pad, axes));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    WindowAxis& axis = axes[i];
    if (strides) axis.stride = (*strides)[i];
    if (dilations) axis.dilation = (*dilations)[i];
    if (auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower) {
      pad_to_same(axis, auto_pad);
    } else {
      count_outputs(axis, ceil_mode);
    }
    if (axis.output < 1) {
      return node_error(node, "a window of {} positions does not fit {} with padding {} and {}",
                        axis.span(), axis.input, axis.pad_begin, axis.pad_end);
    }
  }
  return {};
}

Status check_spatial_rank(const Node& node, const Shape& input) {
  if (input.rank() >= 3 && input.rank() <= 2 + Window::kMaxRank) return {};
  return node_error(node, "input 0 has shape {}; [N,C] and 1 to {} spatial axes are supported",
                    input.to_string(), Window::kMaxRank);
}

// The axes that the tensor has; the leading ones stay as they are.
std::span<WindowAxis> used_axes(Window& window) {
  return std::span(window.axes).subspan(Window::kMaxRank - window.rank);
}

void set_input(Window& window, const Shape& input) {
  window.rank = input.rank() - 2;
  const std::span<WindowAxis> axes = used_axes(window);
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i].input = input[2 + i];
}

template <typename Extent>
std::int64_t product(const Window& window, Extent extent) {
  std::int64_t count = 1;
  for (const WindowAxis& axis : window.axes) count *= axis.*extent;
  return count;
}

}  // namespace

std::int64_t Window::input_count() const {
  return product(*this, &WindowAxis::input);
}
std::int64_t Window::kernel_count() const {
  return product(*this, &WindowAxis::kernel);
}
std::int64_t Window::output_count() const {
  return product(*this, &WindowAxis::output);
}

Result<Window> conv_window(const Node& node, const Shape& input, const Shape& weight) {
  LODE_CHECK_OK(check_spatial_rank(node, input));
  if (weight.rank() != input.rank()) {
    return node_error(node, "weights of shape {} do not fit input of shape {}", weight.to_string(),
                      input.to_string());
  }
  Window window;
  set_input(window, input);
  const std::span<WindowAxis> axes = used_axes(window);
  LODE_TRY(const auto kernel, read_list(node, "kernel_shape", axes.size(), 1));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    axes[i].kernel = weight[2 + i];
    if (axes[i].kernel < 1 || (kernel && (*kernel)[i] != axes[i].kernel)) {
      return node_error(node, "weights of shape {} do not fit 'kernel_shape'={}",
                        weight.to_string(),
                        list_text(kernel.value_or(std::span<const std::int64_t>())));
    }
  }
  LODE_CHECK_OK(resolve(node, false, axes));
  return window;
}

Result<Window> pool_window(const Node& node, const Shape& input) {
  LODE_CHECK_OK(check_spatial_rank(node, input));
  Window window;
  set_input(window, input);
  const std::span<WindowAxis> axes = used_axes(window);
  LODE_TRY(const auto kernel, read_list(node, "kernel_shape", axes.size(), 1));
  if (!kernel) return node_error(node, "attribute 'kernel_shape' is missing");
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i].kernel = (*kernel)[i];
  LODE_TRY(const bool ceil_mode, attribute_flag(node, "ceil_mode", false));
  LODE_CHECK_OK(resolve(node, ceil_mode, axes));
  for (const WindowAxis& axis : axes) {
    if (axis.pad_begin >= axis.span() || axis.pad_end >= axis.span()) {
      return node_error(node, "padding {} and {} must be smaller than the window of {} positions",
                        axis.pad_begin, axis.pad_end, axis.span());
    }
  }
  return window;
}

Shape window_output_shape(const Window& window, std::int64_t batch, std::int64_t channels) {
  Shape shape{batch, channels};
  for (std::size_t i = Window::kMaxRank - window.rank; i < Window::kMaxRank; ++i) {
    shape.push_back(window.axes[i].output);
  }
  return shape;
}

}  // namespace lode::engine
