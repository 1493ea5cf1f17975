// What passes make of dynamic quantisation: lode.DynamicRange and lode.DynamicQuantize turn floats
// into u8, with a scale and a zero point of each image; lode.DynamicConv and lode.DynamicGemm
// multiply them by constant weights, to float.
//
//   DynamicRange     x -> ranges [sets, pieces, 2]: least and greatest, of 0 and stretches of x; a
//                    set is an image, or all of them (lode_per_tensor)
//   DynamicQuantize  x, ranges -> y u8, scale f32 [N], zero point u8 [N]
#include <algorithm>

#include "engine/kernels/quantize/quantize.h"
#include "engine/ops/activation.h"
#include "engine/ops/dynamic_range.h"
#include "engine/ops/element.h"
#include "engine/ops/integer_conv.h"
#include "engine/ops/lowering.h"
#include "engine/ops/qlinear_inputs.h"

namespace lode::engine {
namespace {

constexpr TypeSet kFloat = types({DType::kF32});

Status check_range(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {}, {{kPerTensorAttribute}}));
  LODE_CHECK_OK(attribute_flag(node, kPerTensorAttribute, false));
  return {};
}

Status infer_range(InferContext& context) {
  LODE_CHECK_OK(check_type(context, 0, kFloat));
  LODE_CHECK_OK(check_rank(context, 0, 2));
  LODE_TRY(const RangeShape shape, range_shape(context.node, context.inputs[0].shape));
  return set_output(context, DType::kF32, Shape{shape.samples, range_pieces(shape), 2});
}

Status run_range(const ReferenceContext& context) {
  LODE_TRY(const RangeShape shape, range_shape(context.node, context.inputs[0].shape));
  range_reference(shape, {.x = elements<float>(context.inputs[0]),
                          .ranges = elements<float>(context.outputs[0])});
  return {};
}

Status check_quantize(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 2, .max_inputs = 2, .max_outputs = 3},
                                {{kPerTensorAttribute}}));
  LODE_CHECK_OK(attribute_flag(node, kPerTensorAttribute, false));
  return {};
}

Status infer_quantize(InferContext& context) {
  LODE_CHECK_OK(check_type(context, 0, kFloat));
  LODE_CHECK_OK(check_type(context, 1, kFloat));
  LODE_CHECK_OK(check_rank(context, 0, 2));
  const Shape& input = context.inputs[0].shape;
  LODE_TRY(const RangeShape ranges, range_shape(context.node, input));
  const Shape wanted{ranges.samples, range_pieces(ranges), 2};
  if (context.inputs[1].shape != wanted || context.outputs.size() != 3) {
    return node_error(context.node, "ranges have shape {}; {} and three outputs are needed",
                      context.inputs[1].shape.to_string(), wanted.to_string());
  }
  for (const std::size_t index : {std::size_t{1}, std::size_t{2}}) {
    context.outputs[index].present = true;
    context.outputs[index].dtype = index == 1 ? DType::kF32 : DType::kU8;
    context.outputs[index].shape = Shape{input[0]};
  }
  return set_output(context, DType::kU8, input);
}

Status run_quantize(const ReferenceContext& context) {
  const Shape& input = context.inputs[0].shape;
  const Shape& ranges = context.inputs[1].shape;
  const float* pairs = elements<float>(context.inputs[1]);
  const float* x = elements<float>(context.inputs[0]);
  std::uint8_t* y = elements<std::uint8_t>(context.outputs[0]);
  const std::int64_t count = extent_product(input, 1, input.rank());
  for (std::int64_t image = 0; image < input[0]; ++image) {
    const float* own = pairs + (ranges[0] == 1 ? 0 : image) * ranges[1] * 2;
    float low = 0.0F;
    float high = 0.0F;
    for (std::int64_t piece = 0; piece < ranges[1]; ++piece) {
      low = std::min(low, own[2 * piece]);
      high = std::max(high, own[2 * piece + 1]);
    }
    const DynamicRange range = dynamic_range(low, high);
    elements<float>(context.outputs[1])[image] = range.scale;
    elements<std::uint8_t>(context.outputs[2])[image] = static_cast<std::uint8_t>(range.zero_point);
    for (std::int64_t i = 0; i < count; ++i) {
      *y++ = quantise<std::uint8_t>(*x++, range.scale, range.zero_point);
    }
  }
  return {};
}

// ---- products

Status check_dynamic_inputs(const InferContext& context, std::int64_t images, std::int64_t channels,
                            const Shape& output) {
  LODE_CHECK_OK(check_type(context, kDynamicInput.data, types({DType::kU8})));
  LODE_CHECK_OK(check_operand(context, kDynamicInput, images));
  LODE_CHECK_OK(check_operand(context, kDynamicWeight, channels));
  for (const auto& [index, shape] :
       {std::pair(kDynamicBias, Shape{channels}), std::pair(kDynamicResidual, output)}) {
    if (!has_input(context.node, index)) continue;
    LODE_CHECK_OK(check_type(context, index, kFloat));
    if (context.inputs[index].shape != shape) {
      return node_error(context.node, "input {} has shape {}; {} is needed", index,
                        context.inputs[index].shape.to_string(), shape.to_string());
    }
  }
  return {};
}

Status check_fusion(const Node& node) {
  LODE_CHECK_OK(fused_activation(node));
  LODE_TRY(const bool has_residual, attribute_flag(node, "lode_residual", false));
  if (has_residual == has_input(node, kDynamicResidual)) return {};
  return node_error(node, "input {} and 'lode_residual' do not agree", kDynamicResidual);
}

Status check_dynamic_conv(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 5, .max_inputs = 8},
                                {{"auto_pad"},
                                 {"dilations"},
                                 {"group"},
                                 {"kernel_shape"},
                                 {"pads"},
                                 {"strides"},
                                 {"lode_activation"},
                                 {"lode_alpha"},
                                 {"lode_beta"},
                                 {"lode_residual"}}));
  return check_fusion(node);
}

Status infer_dynamic_conv(InferContext& context) {
  LODE_TRY(const Window window,
           check_integer_convolution(context, kDynamicInput.data, kDynamicWeight.data));
  const std::int64_t images = context.inputs[kDynamicInput.data].shape[0];
  const std::int64_t channels = context.inputs[kDynamicWeight.data].shape[0];
  const Shape output = window_output_shape(window, images, channels);
  LODE_CHECK_OK(check_dynamic_inputs(context, images, channels, output));
  return set_output(context, DType::kF32, output);
}

// What follows the sum: to float, plus bias and residual, then the activation.
class FloatEpilogue {
 public:
  FloatEpilogue(const ReferenceContext& context, const Activation& activation)
      : activation_(activation),
        bias_(optional_elements<float>(context.inputs, kDynamicBias)),
        residual_(optional_elements<float>(context.inputs, kDynamicResidual)),
        result_(elements<float>(context.outputs[0])) {}

  void set(std::int64_t channel, std::int64_t index, std::int32_t sum, float unit) {
    float value = static_cast<float>(sum) * unit;
    if (bias_ != nullptr) value += bias_[channel];
    if (residual_ != nullptr) value += residual_[index];
    result_[index] = apply_activation(activation_, value);
  }

 private:
  Activation activation_;
  const float* bias_;
  const float* residual_;
  float* result_;
};

Status run_dynamic_conv(const ReferenceContext& context) {
  LODE_TRY(const IntegerConvolution convolution,
           read_integer_convolution(context, kDynamicInput, kDynamicWeight));
  LODE_TRY(const Activation activation, fused_activation(context.node));
  FloatEpilogue epilogue(context, activation);
  for_each_sum(convolution,
               [&](std::int64_t image, std::int64_t channel, std::int64_t index, std::int32_t sum) {
                 epilogue.set(channel, index, sum,
                              convolution.images.scale(image) * convolution.filters.scale(channel));
               });
  return {};
}

Status check_dynamic_gemm(const Node& node) {
  LODE_CHECK_OK(check_signature(
      node, {.min_inputs = 5, .max_inputs = 8},
      {{"transB"}, {"lode_activation"}, {"lode_alpha"}, {"lode_beta"}, {"lode_residual"}}));
  LODE_CHECK_OK(attribute_flag(node, "transB", false));
  return check_fusion(node);
}

Status infer_dynamic_gemm(InferContext& context) {
  LODE_CHECK_OK(check_rank(context, kDynamicInput.data, 2, 2));
  LODE_CHECK_OK(check_rank(context, kDynamicWeight.data, 2, 2));
  LODE_TRY(const bool transposed, attribute_flag(context.node, "transB", false));
  const Shape& x = context.inputs[kDynamicInput.data].shape;
  const Shape& w = context.inputs[kDynamicWeight.data].shape;
  if (x[1] != w[transposed ? 1 : 0]) {
    return node_error(context.node, "input {} and weights {} do not fit each other", x.to_string(),
                      w.to_string());
  }
  const std::int64_t columns = w[transposed ? 0 : 1];
  const Shape output{x[0], columns};
  LODE_CHECK_OK(check_dynamic_inputs(context, x[0], columns, output));
  return set_output(context, DType::kF32, output);
}

Status run_dynamic_gemm(const ReferenceContext& context) {
  LODE_TRY(const bool transposed, attribute_flag(context.node, "transB", false));
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const TensorView& x = context.inputs[kDynamicInput.data];
  const TensorView& w = context.inputs[kDynamicWeight.data];
  const Quantisation rows(context.inputs, kDynamicInput.scale, kDynamicInput.zero_point);
  const Quantisation columns(context.inputs, kDynamicWeight.scale, kDynamicWeight.zero_point);
  const std::int64_t depth = x.shape[1];
  const std::int64_t width = context.outputs[0].shape[1];
  const std::int64_t row_step = transposed ? 1 : width;
  const std::int64_t column_step = transposed ? depth : 1;
  FloatEpilogue epilogue(context, activation);
  for (std::int64_t row = 0; row < x.shape[0]; ++row) {
    for (std::int64_t column = 0; column < width; ++column) {
      std::int64_t sum = 0;
      for (std::int64_t k = 0; k < depth; ++k) {
        const std::int64_t weight = small_integer_at(w, k * row_step + column * column_step);
        sum += (small_integer_at(x, row * depth + k) - rows.zero_point(row)) *
               (weight - columns.zero_point(column));
      }
      epilogue.set(column, row * width + column, static_cast<std::int32_t>(sum),
                   rows.scale(row) * columns.scale(column));
    }
  }
  return {};
}

bool has_ranges_of_samples(const Node& node, std::span<const ValueInfo>) {
  const auto per_tensor = attribute_flag(node, kPerTensorAttribute, false);
  return per_tensor.ok() && !*per_tensor;
}

}  // namespace

Result<RangeShape> range_shape(const Node& node, const Shape& input) {
  LODE_TRY(const bool per_tensor, attribute_flag(node, kPerTensorAttribute, false));
  const std::int64_t images = per_tensor ? 1 : input[0];
  return RangeShape{.samples = images,
                    .rows = 1,
                    .columns = extent_product(input, per_tensor ? 0 : 1, input.rank())};
}

OperatorDef dynamic_range_operator() {
  return {.domain = kOwnDomain,
          .op_type = "DynamicRange",
          .opset_min = kOwnOpset,
          .opset_max = kOwnOpset,
          .check = check_range,
          .infer = infer_range,
          .reference = run_range,
          .lower = lower_dynamic_range,
          .layout = LayoutRule::kFollow,
          .keeps_samples = has_ranges_of_samples};
}

OperatorDef dynamic_quantize_operator() {
  return {.domain = kOwnDomain,
          .op_type = "DynamicQuantize",
          .opset_min = kOwnOpset,
          .opset_max = kOwnOpset,
          .check = check_quantize,
          .infer = infer_quantize,
          .reference = run_quantize,
          .lower = lower_dynamic_quantize,
          .layout = LayoutRule::kChannelsLast,
          .placements = quantize_placements,
          .keeps_samples = has_ranges_of_samples};
}

OperatorDef dynamic_conv_operator() {
  return {.domain = kOwnDomain,
          .op_type = "DynamicConv",
          .opset_min = kOwnOpset,
          .opset_max = kOwnOpset,
          .check = check_dynamic_conv,
          .infer = infer_dynamic_conv,
          .reference = run_dynamic_conv,
          .lower = lower_dynamic_conv,
          .layout = LayoutRule::kChannelsLast,
          .placements = qconv_placements,
          .keeps_samples = each_sample};
}

OperatorDef dynamic_gemm_operator() {
  return {.domain = kOwnDomain,
          .op_type = "DynamicGemm",
          .opset_min = kOwnOpset,
          .opset_max = kOwnOpset,
          .check = check_dynamic_gemm,
          .infer = infer_dynamic_gemm,
          .reference = run_dynamic_gemm,
          .lower = lower_dynamic_gemm,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
