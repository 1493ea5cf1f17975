// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.
#include <algorithm>
#include <optional>

#include "engine/ops/element.h"
#include "engine/ops/lowering.h"
#include "engine/ops/quantization.h"

namespace lode::engine {
namespace {

constexpr std::size_t kScale = 1;
constexpr std::size_t kZeroPoint = 2;

// The versions of QuantizeLinear and DequantizeLinear that brought something.
constexpr std::int64_t kPerAxisSince = 13;
constexpr std::int64_t kHalvesSince = 19;
constexpr std::int64_t kBlocksSince = 21;
constexpr std::int64_t kPrecisionSince = 23;

TypeSet quantised_types(const Node& node) {
  return node.opset >= kBlocksSince ? kByteTypes | types({DType::kU16, DType::kI16}) : kByteTypes;
}

TypeSet real_types(const Node& node) {
  return node.opset >= kHalvesSince ? kFloatTypes & ~types({DType::kF64}) : types({DType::kF32});
}

// ONNX's number of an element type in 'output_dtype'; none: the zero point's, or u8.
Result<std::optional<DType>> output_type_attribute(const Node& node) {
  LODE_TRY(const std::int64_t code, attribute_int(node, "output_dtype", 0));
  using Type = std::optional<DType>;
  switch (code) {
    case 0:
      return Type();
    case 2:
      return Type(DType::kU8);
    case 3:
      return Type(DType::kI8);
    case 4:
      return Type(DType::kU16);
    case 5:
      return Type(DType::kI16);
    default:
      break;
  }
  return node_error(node,
                    "attribute 'output_dtype'={} is not supported: u8 (2), s8 (3), u16 (4) and s16 "
                    "(5) are; 8-bit floats and types of 4 bits are not",
                    code);
}

Status refuse_blocks(const Node& node) {
  LODE_TRY(const std::int64_t block, attribute_int(node, "block_size", 0));
  if (block == 0) return {};
  return node_error(node,
                    "attribute 'block_size'={}: blocked quantisation is not supported; one scale "
                    "for all elements or one for each index of an axis is",
                    block);
}

Status check_quantize(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 2, .max_inputs = 3},
                                {{"axis", kPerAxisSince},
                                 {"saturate", kHalvesSince},
                                 {"block_size", kBlocksSince},
                                 {"output_dtype", kBlocksSince},
                                 {"precision", kPrecisionSince}}));
  LODE_CHECK_OK(output_type_attribute(node));
  // Means something for 16-bit floats alone, whose quotients are computed in f32 here.
  LODE_CHECK_OK(attribute_int(node, "precision", 0));
  return refuse_blocks(node);
}

Status check_dequantize(const Node& node) {
  LODE_CHECK_OK(check_signature(
      node, {.min_inputs = 2, .max_inputs = 3},
      {{"axis", kPerAxisSince}, {"block_size", kBlocksSince}, {"output_dtype", kPrecisionSince}}));
  LODE_TRY(const std::int64_t type, attribute_int(node, "output_dtype", 0));
  if (type != 0) {
    return node_error(node, "attribute 'output_dtype'={} is not supported: leave it out", type);
  }
  return refuse_blocks(node);
}

// How a tensor is walked: [outer, channels, inner], a scale for each channel (or one for all).
struct ChannelWalk {
  std::int64_t outer = 1;
  std::int64_t channels = 1;
  std::int64_t inner = 1;
};

Result<ChannelWalk> channel_walk(const Node& node, const Shape& shape, const Shape& scale) {
  if (scale.element_count() == 1) return ChannelWalk{.inner = shape.element_count()};
  if (node.opset < kPerAxisSince || scale.rank() != 1) {
    return node_error(node, "scale (input 1) has shape {}; {} is needed", scale.to_string(),
                      node.opset < kPerAxisSince ? "one element" : "one element or a vector");
  }
  LODE_TRY(const std::int64_t wanted, attribute_int(node, "axis", 1));
  LODE_TRY(const std::size_t axis, resolve_axis(node, wanted, shape.rank()));
  if (shape[axis] != scale[0]) {
    return node_error(node, "scale (input 1) has {} elements; axis {} of input {} has {}", scale[0],
                      axis, shape.to_string(), shape[axis]);
  }
  return ChannelWalk{.outer = extent_product(shape, 0, axis),
                     .channels = shape[axis],
                     .inner = extent_product(shape, axis + 1, shape.rank())};
}

// Calls body(channel, begin, end) for each run of elements with one scale.
template <typename Body>
void for_each_run(const ChannelWalk& walk, Body body) {
  std::int64_t begin = 0;
  for (std::int64_t outer = 0; outer < walk.outer; ++outer) {
    for (std::int64_t channel = 0; channel < walk.channels; ++channel) {
      body(channel, begin, begin + walk.inner);
      begin += walk.inner;
    }
  }
}

Status check_parameters(const InferContext& context, DType quantised) {
  const Shape& scale = context.inputs[kScale].shape;
  LODE_TRY(const ChannelWalk walk, channel_walk(context.node, context.inputs[0].shape, scale));
  LODE_CHECK_OK(check_scale(context, kScale, walk.channels));
  LODE_CHECK_OK(check_zero_point(context, kZeroPoint, quantised, walk.channels));
  const bool has_zero_point = context.inputs.size() > kZeroPoint && context.inputs[2].present;
  if (has_zero_point && context.inputs[kZeroPoint].shape.element_count() != scale.element_count()) {
    return node_error(context.node, "zero point (input 2) has shape {}, but scale (input 1) has {}",
                      context.inputs[kZeroPoint].shape.to_string(), scale.to_string());
  }
  return {};
}

Status infer_quantize(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, real_types(node) | types({DType::kI32})));
  LODE_CHECK_OK(check_type(context, kScale, real_types(node)));
  LODE_CHECK_OK(check_type(context, kZeroPoint, quantised_types(node)));
  LODE_TRY(const std::optional<DType> asked, output_type_attribute(node));
  DType type = asked.value_or(DType::kU8);
  const bool has_zero_point = context.inputs.size() > kZeroPoint && context.inputs[2].present;
  if (has_zero_point && !asked) type = context.inputs[kZeroPoint].dtype;
  if (has_zero_point && type != context.inputs[kZeroPoint].dtype) {
    return node_error(node, "zero point (input 2) has element type {}, but 'output_dtype' asks {}",
                      dtype_name(context.inputs[kZeroPoint].dtype), dtype_name(type));
  }
  LODE_CHECK_OK(check_parameters(context, type));
  return set_output(context, type, context.inputs[0].shape);
}

Status run_quantize(const ReferenceContext& context) {
  const TensorView& input = context.inputs[0];
  LODE_TRY(const ChannelWalk walk,
           channel_walk(context.node, input.shape, context.inputs[kScale].shape));
  const Quantisation parameters(context.inputs, kScale, kZeroPoint);
  visit_numeric(input.dtype, [&]<typename T>() {
    visit_integer(context.outputs[0].dtype, [&]<typename Q>() {
      if constexpr (sizeof(Q) <= 2) {
        const T* source = elements<T>(input);
        Q* result = elements<Q>(context.outputs[0]);
        for_each_run(walk, [&](std::int64_t channel, std::int64_t begin, std::int64_t end) {
          const float scale = parameters.scale(channel);
          const std::int32_t zero_point = parameters.zero_point(channel);
          for (std::int64_t i = begin; i < end; ++i) {
            if constexpr (std::is_integral_v<T>) {
              result[i] = quantise<Q>(static_cast<float>(source[i]), scale, zero_point);
            } else {
              result[i] = quantise<Q>(static_cast<float>(widen(source[i])), scale, zero_point);
            }
          }
        });
      }
    });
  });
  return {};
}

// A bias in the units of its accumulator has no zero point.
Status check_accumulator_zero_point(const InferContext& context) {
  if (context.inputs[0].dtype != DType::kI32 || context.inputs.size() <= kZeroPoint) return {};
  const Tensor* known = context.inputs[kZeroPoint].constant;
  if (known == nullptr || !known->has_elements()) return {};
  for (const std::int32_t each : known->as<std::int32_t>()) {
    if (each != 0) {
      return node_error(context.node, "zero point (input 2) of an i32 tensor is {}; it must be 0",
                        each);
    }
  }
  return {};
}

Status infer_dequantize(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, quantised_types(node) | kAccumulatorTypes));
  LODE_CHECK_OK(check_type(context, kScale, real_types(node)));
  LODE_CHECK_OK(check_parameters(context, context.inputs[0].dtype));
  LODE_CHECK_OK(check_accumulator_zero_point(context));
  return set_output(context, context.inputs[kScale].dtype, context.inputs[0].shape);
}

Status run_dequantize(const ReferenceContext& context) {
  const TensorView& input = context.inputs[0];
  LODE_TRY(const ChannelWalk walk,
           channel_walk(context.node, input.shape, context.inputs[kScale].shape));
  const Quantisation parameters(context.inputs, kScale, kZeroPoint);
  visit_floating(context.outputs[0].dtype, [&]<typename T>() {
    T* result = elements<T>(context.outputs[0]);
    for_each_run(walk, [&](std::int64_t channel, std::int64_t begin, std::int64_t end) {
      const float scale = parameters.scale(channel);
      const std::int64_t zero_point = parameters.zero_point(channel);
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t steps = small_integer_at(input, i) - zero_point;
        result[i] = narrow<T>(static_cast<float>(steps) * scale);
      }
    });
  });
  return {};
}

bool has_one_scale(const Node&, std::span<const ValueInfo> inputs) {
  return inputs[kScale].constant != nullptr && inputs[kScale].shape.element_count() == 1;
}

Status check_dynamic_quantize(const Node& node) {
  return check_signature(node, {.max_outputs = 3}, {});
}

void set_scalar(InferContext& context, std::size_t index, DType type) {
  if (index >= context.outputs.size()) return;
  context.outputs[index].present = true;
  context.outputs[index].dtype = type;
}

Status infer_dynamic_quantize(InferContext& context) {
  LODE_CHECK_OK(check_type(context, 0, types({DType::kF32})));
  set_scalar(context, 1, DType::kF32);
  set_scalar(context, 2, DType::kU8);
  return set_output(context, DType::kU8, context.inputs[0].shape);
}

Status run_dynamic_quantize(const ReferenceContext& context) {
  const auto source = context.inputs[0].as<float>();
  float low = 0.0F;
  float high = 0.0F;
  for (const float x : source) {
    low = std::min(low, x);
    high = std::max(high, x);
  }
  const DynamicRange range = dynamic_range(low, high);
  std::uint8_t* result = elements<std::uint8_t>(context.outputs[0]);
  for (const float x : source) *result++ = quantise<std::uint8_t>(x, range.scale, range.zero_point);
  const auto wants = [&](std::size_t index) {
    return context.outputs.size() > index && context.outputs[index].data != nullptr;
  };
  if (wants(1)) *elements<float>(context.outputs[1]) = range.scale;
  if (wants(2)) {
    *elements<std::uint8_t>(context.outputs[2]) = static_cast<std::uint8_t>(range.zero_point);
  }
  return {};
}

}  // namespace

OperatorDef quantize_linear_operator() {
  return {.op_type = "QuantizeLinear",
          .opset_min = 10,
          .opset_max = kLatestOpset,
          .check = check_quantize,
          .infer = infer_quantize,
          .reference = run_quantize,
          .lower = lower_quantize_linear,
          .layout = LayoutRule::kChannelsLast,
          .placements = quantize_placements,
          .keeps_samples = has_one_scale};
}

OperatorDef dequantize_linear_operator() {
  return {.op_type = "DequantizeLinear",
          .opset_min = 10,
          .opset_max = kLatestOpset,
          .check = check_dequantize,
          .infer = infer_dequantize,
          .reference = run_dequantize,
          .lower = lower_dequantize_linear,
          .layout = LayoutRule::kFollow,
          .placements = strided_placements,
          .keeps_samples = has_one_scale};
}

OperatorDef dynamic_quantize_linear_operator() {
  return {.op_type = "DynamicQuantizeLinear",
          .opset_min = 11,
          .opset_max = kLatestOpset,
          .check = check_dynamic_quantize,
          .infer = infer_dynamic_quantize,
          .reference = run_dynamic_quantize};
}

}  // namespace lode::engine
