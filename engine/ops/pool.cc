// MaxPool and AveragePool over one to three spatial axes.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"
#include "engine/ops/pool_walk.h"

namespace lode::engine {
namespace {

Status check_max_pool(const Node& node) {
  return check_signature(node, {.max_outputs = node.opset >= 8 ? 2U : 1U},
                         {{"auto_pad"},
                          {"ceil_mode", 10},
                          {"dilations", 10},
                          {"kernel_shape"},
                          {"pads"},
                          {"storage_order", 8},
                          {"strides"}});
}

Status infer_max_pool(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kFloatTypes | types({DType::kU8, DType::kI8})));
  LODE_CHECK_OK(attribute_flag(node, "storage_order", false));
  const Shape& input = context.inputs[0].shape;
  LODE_TRY(const Window window, pool_window(node, input));
  const Shape result = window_output_shape(window, input[0], input[1]);
  if (context.outputs.size() > 1) {
    context.outputs[1].present = true;
    context.outputs[1].dtype = DType::kI64;
    context.outputs[1].shape = result;
  }
  return set_output(context, context.inputs[0].dtype, result);
}

Status check_average_pool(const Node& node) {
  return check_signature(node, {},
                         {{"auto_pad"},
                          {"ceil_mode", 10},
                          {"count_include_pad", 7},
                          {"dilations", 19},
                          {"kernel_shape"},
                          {"pads"},
                          {"strides"}});
}

Status infer_average_pool(InferContext& context) {
  LODE_CHECK_OK(check_type(context, 0, kFloatTypes));
  LODE_CHECK_OK(attribute_flag(context.node, "count_include_pad", false));
  const Shape& input = context.inputs[0].shape;
  LODE_TRY(const Window window, pool_window(context.node, input));
  return set_output(context, context.inputs[0].dtype,
                    window_output_shape(window, input[0], input[1]));
}

// The index that 'storage_order'=1 asks for: the first spatial axis varies fastest.
std::int64_t column_major(const Window& window, const WindowPosition& at) {
  std::int64_t index = 0;
  for (std::size_t i = Window::kMaxRank; i-- > 0;) index = index * window.axes[i].input + at[i];
  return index;
}

// Whether `value` takes the place of `greatest`. As in numpy a NaN is greater than all numbers, so
// that it is seen in the result; the first one stays.
template <typename T>
bool is_greater(T value, T greatest) {
  if constexpr (!std::is_integral_v<T>) {
    if (std::isnan(widen(greatest))) return false;
    if (std::isnan(widen(value))) return true;
  }
  return is_less(greatest, value);
}

// A window that dilation leads past every input position gives the least value and index -1.
template <typename T>
void pool_max(const ReferenceContext& context, const Window& window, bool by_columns) {
  const Shape& shape = context.inputs[0].shape;
  T* result = elements<T>(context.outputs[0]);
  const bool wants_indices = context.outputs.size() > 1 && context.outputs[1].data != nullptr;
  auto* indices = wants_indices ? elements<std::int64_t>(context.outputs[1]) : nullptr;
  for_each_pooled(window, shape[0] * shape[1],
                  [&](std::int64_t channel, const WindowPosition& out, std::int64_t place) {
                    const std::int64_t start = channel * window.input_count();
                    const T* source = elements<T>(context.inputs[0]) + start;
                    T greatest = lowest_value<T>();
                    bool any = false;
                    WindowPosition where{};
                    for_each_covered(window, out, [&](const WindowPosition& at) {
                      const T value = source[row_major(window, at)];
                      if (any && !is_greater(value, greatest)) return;
                      any = true;
                      greatest = value;
                      where = at;
                    });
                    result[place] = greatest;
                    if (indices == nullptr) return;
                    const std::int64_t index =
                        by_columns ? column_major(window, where) : row_major(window, where);
                    indices[place] = any ? start + index : -1;
                  });
}

Status run_max_pool(const ReferenceContext& context) {
  LODE_TRY(const Window window, pool_window(context.node, context.inputs[0].shape));
  LODE_TRY(const bool by_columns, attribute_flag(context.node, "storage_order", false));
  visit_numeric(context.inputs[0].dtype,
                [&]<typename T>() { pool_max<T>(context, window, by_columns); });
  return {};
}

template <typename T>
void pool_average(const ReferenceContext& context, const Window& window, bool include_padding) {
  const Shape& shape = context.inputs[0].shape;
  T* result = elements<T>(context.outputs[0]);
  for_each_pooled(
      window, shape[0] * shape[1],
      [&](std::int64_t channel, const WindowPosition& out, std::int64_t place) {
        const T* source = elements<T>(context.inputs[0]) + channel * window.input_count();
        double sum = 0.0;
        std::int64_t count = 0;
        for_each_covered(window, out, [&](const WindowPosition& at) {
          sum += widen(source[row_major(window, at)]);
          ++count;
        });
        if (include_padding) count = padded_count(window, out);
        // No position at all is possible with dilation; 0 then, as if padded.
        result[place] = narrow<T>(sum / static_cast<double>(std::max<std::int64_t>(count, 1)));
      });
}

Status run_average_pool(const ReferenceContext& context) {
  LODE_TRY(const Window window, pool_window(context.node, context.inputs[0].shape));
  LODE_TRY(const bool include_padding, attribute_flag(context.node, "count_include_pad", false));
  visit_floating(context.inputs[0].dtype,
                 [&]<typename T>() { pool_average<T>(context, window, include_padding); });
  return {};
}

}  // namespace

OperatorDef max_pool_operator() {
  return {.op_type = "MaxPool",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_max_pool,
          .infer = infer_max_pool,
          .reference = run_max_pool,
          .lower = lower_max_pool,
          .layout = LayoutRule::kChannelsLast,
          .keeps_samples = each_sample};
}

OperatorDef average_pool_operator() {
  return {.op_type = "AveragePool",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_average_pool,
          .infer = infer_average_pool,
          .reference = run_average_pool,
          .lower = lower_average_pool,
          .layout = LayoutRule::kChannelsLast,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
