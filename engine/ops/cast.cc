// Cast between all element types but strings.
#include <cmath>

#include "engine/ops/checks.h"
#include "engine/ops/element.h"

namespace lode::engine {
namespace {

// 'to' as ONNX numbers (TensorProto.DataType) and, before operator set 6, names element types.
struct CastTarget {
  std::int64_t code;
  std::string_view name;
  DType type;
};
constexpr CastTarget kTargets[] = {
    {1, "FLOAT", DType::kF32},      {2, "UINT8", DType::kU8},    {3, "INT8", DType::kI8},
    {4, "UINT16", DType::kU16},     {5, "INT16", DType::kI16},   {6, "INT32", DType::kI32},
    {7, "INT64", DType::kI64},      {9, "BOOL", DType::kBool},   {10, "FLOAT16", DType::kF16},
    {11, "DOUBLE", DType::kF64},    {12, "UINT32", DType::kU32}, {13, "UINT64", DType::kU64},
    {16, "BFLOAT16", DType::kBF16},
};

Result<DType> read_target(const Node& node) {
  if (node.attributes.count("to") == 0) return node_error(node, "attribute 'to' is missing");
  if (node.opset < 6) {
    LODE_TRY(const std::string name, attribute_string(node, "to", ""));
    for (const CastTarget& target : kTargets) {
      if (target.name == name) return target.type;
    }
    return node_error(node, "attribute 'to'='{}' is not a supported element type", name);
  }
  LODE_TRY(const std::int64_t code, attribute_int(node, "to", 0));
  for (const CastTarget& target : kTargets) {
    if (target.code == code) return target.type;
  }
  return node_error(node, "attribute 'to'={} is not a supported element type", code);
}

Status check_cast(const Node& node) {
  // 'saturate' and 'round_mode' mean something for 8-bit floats alone, which do not get this far.
  return check_signature(node, {}, {{"to"}, {"saturate", 19}, {"round_mode", 24}});
}

Status infer_cast(InferContext& context) {
  LODE_TRY(const DType type, read_target(context.node));
  return set_output(context, type, context.inputs[0].shape);
}

// Where ONNX leaves the result open (a float beyond an integer's range), the nearest number that
// there is, and 0 for a NaN.
template <typename To>
To saturate(double value) {
  constexpr auto kLow = static_cast<double>(std::numeric_limits<To>::lowest());
  // 2^digits, since the greatest 64-bit number itself has no double.
  const double limit = std::ldexp(1.0, std::numeric_limits<To>::digits);
  if (std::isnan(value)) return To{0};
  if (value <= kLow) return std::numeric_limits<To>::lowest();
  if (value >= limit) return std::numeric_limits<To>::max();
  return static_cast<To>(value);
}

template <typename From, typename To>
To convert(From value) {
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (std::is_same_v<From, Boolean>) {
    return convert<std::uint8_t, To>(static_cast<bool>(value) ? 1 : 0);
  } else if constexpr (std::is_same_v<To, Boolean>) {
    if constexpr (std::is_integral_v<From>) {
      return Boolean(value != From{0});
    } else {
      return Boolean(widen(value) != 0.0);
    }
  } else if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
    return static_cast<To>(value);  // the low bits
  } else if constexpr (std::is_integral_v<From>) {
    // Integers of 64 bits go straight to float and double, since these then round once.
    if constexpr (std::is_floating_point_v<To>) return static_cast<To>(value);
    return To(static_cast<double>(value));
  } else if constexpr (std::is_integral_v<To>) {
    return saturate<To>(widen(value));
  } else {
    return narrow<To>(widen(value));
  }
}

template <typename Visitor>
void visit_any(DType type, Visitor&& visitor) {
  if (type == DType::kBool) {
    visitor.template operator()<Boolean>();
  } else {
    visit_numeric(type, std::forward<Visitor>(visitor));
  }
}

Status run_cast(const ReferenceContext& context) {
  const std::int64_t count = context.inputs[0].element_count();
  visit_any(context.inputs[0].dtype, [&]<typename From>() {
    visit_any(context.outputs[0].dtype, [&]<typename To>() {
      const From* source = elements<From>(context.inputs[0]);
      To* result = elements<To>(context.outputs[0]);
      for (std::int64_t i = 0; i < count; ++i) result[i] = convert<From, To>(source[i]);
    });
  });
  return {};
}

}  // namespace

OperatorDef cast_operator() {
  return {.op_type = "Cast",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_cast,
          .infer = infer_cast,
          .reference = run_cast,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
