// QLinearAveragePool and QLinearGlobalAveragePool of com.microsoft.
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"
#include "engine/ops/pool_walk.h"
#include "engine/ops/qlinear_inputs.h"

namespace lode::engine {
namespace {

Status refuse_channels_last(const Node& node) {
  LODE_TRY(const bool channels_last, attribute_flag(node, "channels_last", false));
  if (!channels_last) return {};
  return node_error(node, "attribute 'channels_last'=1 is not supported: export the model as NCHW");
}

Status check_average_pool(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 4, .max_inputs = 5, .omittable = 1U << 2U},
                                {{"auto_pad"},
                                 {"ceil_mode"},
                                 {"channels_last"},
                                 {"count_include_pad"},
                                 {"kernel_shape"},
                                 {"pads"},
                                 {"strides"}}));
  LODE_CHECK_OK(attribute_flag(node, "count_include_pad", false));
  return refuse_channels_last(node);
}

Result<DType> check_quantisations(const InferContext& context) {
  LODE_CHECK_OK(check_operand(context, kQUnaryInput));
  LODE_TRY(const DType type, check_output_quantisation(context, kQUnaryScale, kQUnaryZeroPoint));
  if (type == context.inputs[0].dtype) return type;
  return node_error(context.node, "zero point (input {}) has element type {}, but the input {}",
                    kQUnaryZeroPoint, dtype_name(type), dtype_name(context.inputs[0].dtype));
}

Status infer_average_pool(InferContext& context) {
  LODE_TRY(const DType type, check_quantisations(context));
  const Shape& input = context.inputs[0].shape;
  LODE_TRY(const Window window, pool_window(context.node, input));
  return set_output(context, type, window_output_shape(window, input[0], input[1]));
}

// The sum without zero points, in units of the output's scale times the cells.
float average(std::int64_t sum, std::int64_t cells, float from, float to) {
  const float factor = from / (to * static_cast<float>(std::max<std::int64_t>(cells, 1)));
  return static_cast<float>(sum) * factor;
}

Status run_average_pool(const ReferenceContext& context) {
  const TensorView& input = context.inputs[0];
  LODE_TRY(const Window window, pool_window(context.node, input.shape));
  LODE_TRY(const bool padded, attribute_flag(context.node, "count_include_pad", false));
  const Quantisation from(context.inputs, kQUnaryInput.scale, kQUnaryInput.zero_point);
  const Quantisation to(context.inputs, kQUnaryScale, kQUnaryZeroPoint);
  ByteOutput result(context.outputs[0], to);
  for_each_pooled(window, input.shape[0] * input.shape[1],
                  [&](std::int64_t channel, const WindowPosition& out, std::int64_t place) {
                    std::int64_t sum = 0;
                    std::int64_t cells = 0;
                    for_each_covered(window, out, [&](const WindowPosition& at) {
                      const std::int64_t index =
                          channel * window.input_count() + row_major(window, at);
                      sum += small_integer_at(input, index) - from.zero_point();
                      ++cells;
                    });
                    if (padded) cells = padded_count(window, out);
                    result.set(place, average(sum, cells, from.scale(), to.scale()));
                  });
  return {};
}

Status check_global(const Node& node) {
  LODE_CHECK_OK(check_signature(node, {.min_inputs = 4, .max_inputs = 5, .omittable = 1U << 2U},
                                {{"channels_last"}}));
  return refuse_channels_last(node);
}

Status infer_global(InferContext& context) {
  LODE_TRY(const DType type, check_quantisations(context));
  LODE_CHECK_OK(check_rank(context, 0, 3));
  Shape result = context.inputs[0].shape;
  for (std::size_t axis = 2; axis < result.rank(); ++axis) result[axis] = 1;
  return set_output(context, type, result);
}

Status run_global(const ReferenceContext& context) {
  const TensorView& input = context.inputs[0];
  const Quantisation from(context.inputs, kQUnaryInput.scale, kQUnaryInput.zero_point);
  const Quantisation to(context.inputs, kQUnaryScale, kQUnaryZeroPoint);
  ByteOutput result(context.outputs[0], to);
  const std::int64_t channels = input.shape[0] * input.shape[1];
  const std::int64_t cells = extent_product(input.shape, 2, input.shape.rank());
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < cells; ++i) {
      sum += small_integer_at(input, channel * cells + i) - from.zero_point();
    }
    result.set(channel, average(sum, cells, from.scale(), to.scale()));
  }
  return {};
}

}  // namespace

OperatorDef qlinear_average_pool_operator() {
  return {.domain = kMicrosoftDomain,
          .op_type = "QLinearAveragePool",
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_average_pool,
          .infer = infer_average_pool,
          .reference = run_average_pool,
          .lower = lower_qaverage_pool,
          .layout = LayoutRule::kChannelsLast,
          .keeps_samples = each_sample};
}

OperatorDef qlinear_global_average_pool_operator() {
  return {.domain = kMicrosoftDomain,
          .op_type = "QLinearGlobalAveragePool",
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_global,
          .infer = infer_global,
          .reference = run_global,
          .lower = lower_qglobal_average_pool,
          .layout = LayoutRule::kChannelsLast,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
