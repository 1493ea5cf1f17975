// Convolutions and matrix products of 8-bit integers to the qconv and qdwconv kernels.
#include <algorithm>
#include <vector>

#include "engine/kernels/qconv/qconv.h"
#include "engine/kernels/qdwconv/qdwconv.h"
#include "engine/ops/activation.h"
#include "engine/ops/element.h"
#include "engine/ops/kernel_shapes.h"
#include "engine/ops/lowering.h"
#include "engine/ops/qlinear_inputs.h"

namespace lode::engine {

namespace {

/// Where an operator of the four has what the kernels need. kVariadic: it has no such input.
struct ProductInputs {
  OperandInputs x = kQConvInput;
  OperandInputs w = kQConvWeight;
  std::size_t int_bias = kVariadic;
  std::size_t float_bias = kVariadic;
  OperandInputs residual{kVariadic, kVariadic, kVariadic};
  std::size_t y_scale = kVariadic;
  std::size_t y_zero = kVariadic;
  std::size_t sum_scale = kVariadic;
  std::size_t sum_zero = kVariadic;
};

constexpr ProductInputs kQLinearConv{.int_bias = kQConvBias,
                                     .residual = kQConvResidual,
                                     .y_scale = kQConvScale,
                                     .y_zero = kQConvZeroPoint,
                                     .sum_scale = kQConvSumScale,
                                     .sum_zero = kQConvSumZeroPoint};
constexpr ProductInputs kQGemm{
    .int_bias = kQGemmBias, .y_scale = kQGemmScale, .y_zero = kQGemmZeroPoint};
constexpr ProductInputs kDynamic{.float_bias = kDynamicBias,
                                 .residual = {kDynamicResidual, kVariadic, kVariadic}};

bool is_there(const LowerContext& context, std::size_t index) {
  return index < context.inputs.size() && context.inputs[index].present;
}
bool is_unknown(const LowerContext& context, std::size_t index) {
  return is_there(context, index) && context.inputs[index].constant == nullptr;
}

/// Why no kernel takes the node; "" if one does.
std::string why_not(const LowerContext& context, const ProductInputs& inputs, bool is_dynamic) {
  if (context.inputs[inputs.x.data].dtype != DType::kU8) return "the data are not u8";
  const DType type = context.outputs[0].dtype;
  if (type != DType::kU8 && type != DType::kF32) return "the result is neither u8 nor float";
  for (const std::size_t index :
       {inputs.w.data, inputs.w.scale, inputs.w.zero_point, inputs.int_bias, inputs.float_bias}) {
    if (is_unknown(context, index)) return "weights, their scale or the bias are not constant";
  }
  if (is_dynamic) return "";
  for (const std::size_t index :
       {inputs.x.scale, inputs.x.zero_point, inputs.y_scale, inputs.y_zero, inputs.residual.scale,
        inputs.residual.zero_point, inputs.sum_scale, inputs.sum_zero}) {
    if (is_unknown(context, index)) return "a scale or a zero point is not constant";
  }
  return "";
}

std::vector<TensorView> known_views(const LowerContext& context) {
  std::vector<TensorView> views;
  for (const ValueInfo& input : context.inputs) {
    views.push_back(input.constant != nullptr ? input.constant->view()
                                              : TensorView{nullptr, input.dtype, input.shape});
  }
  return views;
}

/// Whether every weight, as s8, is in [-64, 63]. Found once, since the weights may be released.
int weight_bits(LowerContext& context, std::size_t index) {
  const auto find = [&]() -> std::shared_ptr<const void> {
    require_constants(context);
    const TensorView view = context.inputs[index].constant->view();
    const std::int32_t middle = view.dtype == DType::kU8 ? 128 : 0;
    bool is_narrow = true;
    for (std::int64_t i = 0; is_narrow && i < view.element_count(); ++i) {
      const std::int32_t weight = small_integer_at(view, i) - middle;
      is_narrow = weight >= -64 && weight <= 63;
    }
    return std::make_shared<int>(is_narrow ? 7 : 8);
  };
  const std::string key = fmt::format("{}/weight_bits", context.node.name);
  const auto bits = context.has_shared_constants ? context.weights.get(key, find) : find();
  return *static_cast<const int*>(bits.get());
}

/// The constants of a node, held while they are packed.
struct Constants {
  std::vector<std::int32_t> zeros;
  std::vector<float> scales;
  QConvWeights weights;

  Constants(const LowerContext& context, const ProductInputs& inputs, std::int64_t channels,
            bool is_dynamic) {
    const std::vector<TensorView> views = known_views(context);
    const Quantisation filters(views, inputs.w.scale, inputs.w.zero_point);
    for (std::int64_t c = 0; c < channels; ++c) {
      scales.push_back(filters.scale(c));
      zeros.push_back(filters.zero_point(c));
    }
    const TensorView& w = views[inputs.w.data];
    weights.oihw = reinterpret_cast<const std::int8_t*>(w.data);
    weights.is_unsigned = w.dtype == DType::kU8;
    weights.zeros = zeros.data();
    weights.scales = scales.data();
    weights.bias = optional_elements<std::int32_t>(views, inputs.int_bias);
    weights.float_bias = optional_elements<float>(views, inputs.float_bias);
    if (!is_dynamic) {
      const Quantisation x(views, inputs.x.scale, inputs.x.zero_point);
      weights.x_scale = x.scale();
      weights.x_zero = x.zero_point();
    }
    const Quantisation y(views, inputs.y_scale, inputs.y_zero);
    weights.y_scale = y.scale();
    weights.y_zero = y.zero_point();
    const Quantisation residual(views, inputs.residual.scale, inputs.residual.zero_point);
    weights.residual_scale = residual.scale();
    weights.residual_zero = residual.zero_point();
    const Quantisation sum(views, inputs.sum_scale, inputs.sum_zero);
    weights.sum_scale = sum.scale();
    weights.sum_zero = sum.zero_point();
  }

  /// Some zero point of the weights, as s8, is not 0.
  [[nodiscard]] bool has_zeros() const {
    const std::int32_t middle = weights.is_unsigned ? 128 : 0;
    return std::any_of(zeros.begin(), zeros.end(), [&](std::int32_t z) { return z != middle; });
  }
};

/// What the shape of a convolution takes from the types and the fusions of its node.
void set_arithmetic(LowerContext& context, const ProductInputs& inputs, const Constants& constants,
                    bool is_dynamic, QConvShape& shape) {
  shape.output = context.outputs[0].dtype == DType::kU8 ? QOutput::kUint8 : QOutput::kFloat;
  shape.adds_bytes = is_there(context, inputs.sum_scale);
  shape.is_dynamic = is_dynamic;
  shape.has_weight_zeros = constants.has_zeros();
  shape.weight_bits = weight_bits(context, inputs.w.data);
  shape.workers = context.workers;
}

/// The step on a chosen shape. `adjust` may change the weights in front of packing; it lives as
/// long as they do.
template <typename Adjust>
Result<Step> product_step(LowerContext& context, const ProductInputs& inputs, QConvShape shape,
                          Constants constants, const Adjust& adjust) {
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const auto selection =
      is_depthwise(shape) ? select_qdwconv(shape, context.isa) : select_qconv(shape, context.isa);
  const auto& kernel = *selection.kernel;
  auto packed = cached_floats(context, kernel.name, kernel.packed_floats(shape), [&](float* to) {
    adjust(constants.weights);
    kernel.pack(shape, constants.weights, to);
  });
  Step step = kernel_step(
      selection, shape,
      [data = packed->data(), activation, inputs, shape](const StepArguments& arguments) {
        QConvArguments bound{.x = byte_input(arguments, inputs.x.data),
                             .packed = data,
                             .y = arguments.outputs[0],
                             .scratch = arguments.scratch,
                             .activation = activation};
        if (shape.has_residual) bound.residual = arguments.inputs[inputs.residual.data];
        if (arguments.outputs.size() > 1) bound.ranges = float_output(arguments, 1);
        if (shape.is_dynamic) {
          bound.x_scales = float_input(arguments, inputs.x.scale);
          bound.x_zeros = byte_input(arguments, inputs.x.zero_point);
        }
        return bound;
      });
  step.flops = conv_flops(shape);
  std::uint32_t packed_inputs = 1U << inputs.w.data;
  for (const std::size_t bias : {inputs.int_bias, inputs.float_bias}) {
    if (bias != kVariadic) packed_inputs |= 1U << bias;
  }
  attach_weights(step, std::move(packed), packed_inputs);
  return step;
}

Result<Step> lower_conv_of(LowerContext& context, const ProductInputs& inputs, bool is_dynamic) {
  const Shape& input = context.inputs[inputs.x.data].shape;
  const Shape& weight = context.inputs[inputs.w.data].shape;
  if (input.rank() != 4) return refuse_lowering("not two spatial axes");
  std::string refusal = why_not(context, inputs, is_dynamic);
  if (!refusal.empty()) return refuse_lowering(std::move(refusal));
  LODE_TRY(const Window window, conv_window(context.node, input, weight));
  LODE_TRY(const std::int64_t groups, attribute_int(context.node, "group", 1));
  QConvShape shape;
  static_cast<ConvShape&>(shape) = conv_shape(window, input, weight, groups);
  shape.has_residual = is_there(context, inputs.residual.data);
  shape.x_stride = context.input_places[inputs.x.data].pixel_stride;
  shape.y_stride = context.output_places[0].pixel_stride;
  if (shape.has_residual) {
    shape.residual_stride = context.input_places[inputs.residual.data].pixel_stride;
  }
  Constants constants(context, inputs, weight[0], is_dynamic);
  set_arithmetic(context, inputs, constants, is_dynamic, shape);
  LODE_TRY(Step step,
           product_step(context, inputs, shape, std::move(constants), [](QConvWeights&) {}));
  // Ranges keep a tile within an image.
  if (shape.output == QOutput::kFloat && shape.out_pixels() >= kImageRows) {
    step.range_pieces = is_depthwise(shape) ? step.task_count / shape.batch : step.task_count;
  }
  return step;
}

/// [rows, columns] of bytes with rows and columns exchanged.
std::vector<std::int8_t> transposed(const std::int8_t* from, std::int64_t rows,
                                    std::int64_t columns) {
  std::vector<std::int8_t> to(static_cast<std::size_t>(rows * columns));
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      to[static_cast<std::size_t>(column * rows + row)] = from[row * columns + column];
    }
  }
  return to;
}

Result<Step> lower_gemm_of(LowerContext& context, const ProductInputs& inputs, bool is_dynamic) {
  const Node& node = context.node;
  std::string refusal = why_not(context, inputs, is_dynamic);
  if (!refusal.empty()) return refuse_lowering(std::move(refusal));
  LODE_TRY(const bool transposed_a, attribute_flag(node, "transA", false));
  LODE_TRY(const bool transposed_b, attribute_flag(node, "transB", false));
  LODE_TRY(const float alpha, attribute_float(node, "alpha", 1.0F));
  if (transposed_a) return refuse_lowering("the data input is transposed");
  const Shape& x = context.inputs[inputs.x.data].shape;
  const std::int64_t columns = context.outputs[0].shape[1];
  if (is_there(context, inputs.int_bias)) {
    const Shape& c = context.inputs[inputs.int_bias].shape;
    if (c.element_count() != columns || c[c.rank() - 1] != columns) {
      return refuse_lowering("C is not a row");
    }
  }
  QConvShape shape;
  // Rows with one scale are the pixels of one image: tiles then take several.
  (is_dynamic ? shape.batch : shape.in_h) = x[0];
  (is_dynamic ? shape.in_h : shape.batch) = 1;
  shape.out_h = shape.in_h;
  shape.in_w = shape.out_w = 1;
  shape.in_c = x[1];
  shape.out_c = columns;
  shape.has_residual = is_there(context, inputs.residual.data);
  Constants constants(context, inputs, columns, is_dynamic);
  set_arithmetic(context, inputs, constants, is_dynamic, shape);
  std::vector<std::int8_t> matrix;
  return product_step(context, inputs, shape, std::move(constants), [&](QConvWeights& weights) {
    if (!transposed_b) {
      matrix = transposed(weights.oihw, shape.in_c, columns);
      weights.oihw = matrix.data();
    }
    weights.x_scale = alpha * weights.x_scale;
  });
}

}  // namespace

PlacementSupport qconv_placements(const LowerContext& context) {
  const bool is_dynamic = context.node.domain == kOwnDomain;
  const ProductInputs& inputs = is_dynamic ? kDynamic : kQLinearConv;
  if (context.inputs[inputs.x.data].shape.rank() != 4) return {};
  if (!why_not(context, inputs, is_dynamic).empty()) return {};
  return {.plain_input = false, .strided_inputs = true, .strided_output = true};
}

Result<Step> lower_qlinear_conv(LowerContext& context) {
  return lower_conv_of(context, kQLinearConv, false);
}

Result<Step> lower_dynamic_conv(LowerContext& context) {
  return lower_conv_of(context, kDynamic, true);
}

Result<Step> lower_qgemm(LowerContext& context) {
  return lower_gemm_of(context, kQGemm, false);
}

Result<Step> lower_dynamic_gemm(LowerContext& context) {
  return lower_gemm_of(context, kDynamic, true);
}

}  // namespace lode::engine
