// Add, Sub, Mul, Div and Sum, with broadcasting.
#include <algorithm>

#include "engine/ops/activation.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"

namespace lode::engine {
namespace {

// B as operator sets before 7 see it: equal to A's shape, or with 'broadcast'=1 placed at 'axis'
// of A (at its end if absent) and followed by ones, so that NumPy's rule does the rest.
Result<Shape> place_operand(const Node& node, const Shape& a, const Shape& b) {
  if (node.opset >= 7 || a == b) return b;
  LODE_TRY(const bool broadcast, attribute_flag(node, "broadcast", false));
  if (!broadcast) {
    return node_error(node, "shapes {} and {} differ, and attribute 'broadcast' is not 1",
                      a.to_string(), b.to_string());
  }
  Shape placed = b;
  if (node.attributes.count("axis") != 0) {
    LODE_TRY(const std::int64_t attribute, attribute_int(node, "axis", 0));
    LODE_TRY(const std::size_t axis, resolve_axis(node, attribute, a.rank(), true));
    if (axis + b.rank() > a.rank()) {
      return node_error(node, "shape {} at 'axis'={} exceeds {}", b.to_string(), attribute,
                        a.to_string());
    }
    while (axis + placed.rank() < a.rank()) placed.push_back(1);
  }
  if (broadcasts_to(placed, a)) return placed;
  return node_error(node, "shape {} does not broadcast to {}", b.to_string(), a.to_string());
}

Status check_binary(const Node& node) {
  // Passes fuse activations into Add alone.
  const std::int64_t fused_since = node.op_type == "Add" ? 1 : kLatestOpset + 1;
  return check_signature(node, {.min_inputs = 2, .max_inputs = 2},
                         {{"axis", 1, 6},
                          {"broadcast", 1, 6},
                          {"consumed_inputs", 1, 5},
                          {"lode_activation", fused_since},
                          {"lode_alpha", fused_since},
                          {"lode_beta", fused_since}});
}

Status infer_binary(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kNumericTypes));
  LODE_CHECK_OK(check_same_types(context));
  LODE_CHECK_OK(check_fused_activation(context));
  const Shape& a = context.inputs[0].shape;
  LODE_TRY(const Shape b, place_operand(node, a, context.inputs[1].shape));
  LODE_TRY(const Shape result, broadcast_shapes(node, a, b));
  return set_output(context, context.inputs[0].dtype, result);
}

// result = function(a, b) in the arithmetic that T is computed in.
template <typename T, typename Function>
Status combine(const ReferenceContext& context, Function function) {
  const Shape& a = context.inputs[0].shape;
  const Shape& shape = context.outputs[0].shape;
  LODE_TRY(const Shape b, place_operand(context.node, a, context.inputs[1].shape));
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const T* left = elements<T>(context.inputs[0]);
  const T* right = elements<T>(context.inputs[1]);
  T* result = elements<T>(context.outputs[0]);
  const std::array strides = {broadcast_strides(a, shape), broadcast_strides(b, shape)};
  for_each_row<2>(shape, strides, [&](const Row<2>& row) {
    for (std::int64_t i = 0; i < row.count; ++i) {
      const T x = left[row.offsets[0] + i * row.steps[0]];
      const T y = right[row.offsets[1] + i * row.steps[1]];
      T value = narrow<T>(function(widen(x), widen(y)));
      if constexpr (std::is_same_v<T, float>) value = apply_activation(activation, value);
      result[row.start + i] = value;
    }
  });
  return {};
}

template <typename Function>
Status run_binary(const ReferenceContext& context, Function function) {
  return visit_numeric(context.inputs[0].dtype,
                       [&]<typename T>() { return combine<T>(context, function); });
}

Status run_add(const ReferenceContext& context) {
  return run_binary(context, [](auto x, auto y) { return x + y; });
}

Status run_sub(const ReferenceContext& context) {
  return run_binary(context, [](auto x, auto y) { return x - y; });
}

Status run_mul(const ReferenceContext& context) {
  return run_binary(context, [](auto x, auto y) { return x * y; });
}

// Truncates towards zero. `y` is not 0; the least number by -1 wraps to itself.
template <typename T>
std::uint64_t divide_integers(std::uint64_t x, std::uint64_t y) {
  if constexpr (std::is_unsigned_v<T>) {
    return x / y;
  } else {
    const auto divisor = static_cast<std::int64_t>(y);
    if (divisor == -1) return 0 - x;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(x) / divisor);
  }
}

template <typename T>
Status divide(const ReferenceContext& context) {
  if constexpr (std::is_integral_v<T>) {
    const T* divisors = elements<T>(context.inputs[1]);
    const std::int64_t count =
        context.outputs[0].element_count() > 0 ? context.inputs[1].element_count() : 0;
    for (std::int64_t i = 0; i < count; ++i) {
      if (divisors[i] != 0) continue;
      return node_error(context.node, "integer division by zero: element {} of input 1 is 0", i);
    }
    return combine<T>(context, divide_integers<T>);
  } else {
    return combine<T>(context, [](double x, double y) { return x / y; });
  }
}

Status run_div(const ReferenceContext& context) {
  return visit_numeric(context.inputs[0].dtype, [&]<typename T>() { return divide<T>(context); });
}

Status check_sum(const Node& node) {
  return check_signature(node, {.min_inputs = 1, .max_inputs = kVariadic},
                         {{"consumed_inputs", 1, 5}});
}

Status infer_sum(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kFloatTypes));
  LODE_CHECK_OK(check_same_types(context));
  Shape result = context.inputs[0].shape;
  for (const ValueInfo& input : context.inputs) {
    if (node.opset < 8 && input.shape != result) {
      return node_error(node, "shapes {} and {} differ", result.to_string(),
                        input.shape.to_string());
    }
    LODE_TRY(result, broadcast_shapes(node, result, input.shape));
  }
  return set_output(context, context.inputs[0].dtype, result);
}

template <typename T>
void add_up(const ReferenceContext& context) {
  const Shape& shape = context.outputs[0].shape;
  T* result = elements<T>(context.outputs[0]);
  for (std::size_t input = 0; input < context.inputs.size(); ++input) {
    const T* source = elements<T>(context.inputs[input]);
    const std::array strides = {broadcast_strides(context.inputs[input].shape, shape)};
    for_each_row<1>(shape, strides, [&](const Row<1>& row) {
      for (std::int64_t i = 0; i < row.count; ++i) {
        const T x = source[row.offsets[0] + i * row.steps[0]];
        T& sum = result[row.start + i];
        sum = input == 0 ? x : narrow<T>(widen(sum) + widen(x));
      }
    });
  }
}

Status run_sum(const ReferenceContext& context) {
  visit_floating(context.inputs[0].dtype, [&]<typename T>() { add_up<T>(context); });
  return {};
}

/// Data of a lower rank would have its samples aligned with another axis.
bool aligns_samples(const Node&, std::span<const ValueInfo> inputs) {
  std::size_t rank = 0;
  for (const ValueInfo& input : inputs) rank = std::max(rank, input.shape.rank());
  return std::all_of(inputs.begin(), inputs.end(), [rank](const ValueInfo& input) {
    return input.constant != nullptr || input.shape.rank() == rank;
  });
}

OperatorDef binary_operator(std::string_view op_type, Status (*run)(const ReferenceContext&)) {
  return {.op_type = op_type,
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_binary,
          .infer = infer_binary,
          .reference = run,
          .lower = lower_binary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = aligns_samples};
}

}  // namespace

OperatorDef add_operator() {
  return binary_operator("Add", run_add);
}
OperatorDef sub_operator() {
  return binary_operator("Sub", run_sub);
}
OperatorDef mul_operator() {
  return binary_operator("Mul", run_mul);
}
OperatorDef div_operator() {
  return binary_operator("Div", run_div);
}

OperatorDef sum_operator() {
  return {.op_type = "Sum",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_sum,
          .infer = infer_sum,
          .reference = run_sum,
          .lower = lower_binary,
          .layout = LayoutRule::kFollow,
          .keeps_samples = aligns_samples};
}

}  // namespace lode::engine
