// Pooling windows to the pool kernels, and means over axes to the mean kernels.
#include "engine/kernels/qpool/qpool.h"
#include "engine/kernels/reduce/reduce.h"
#include "engine/ops/checks.h"
#include "engine/ops/kernel_shapes.h"
#include "engine/ops/lowering.h"

namespace lode::engine {

namespace {

Result<Step> lower_pool(LowerContext& context, PoolKind kind) {
  if (context.inputs[0].shape.rank() != 4) return refuse_lowering("not two spatial axes");
  if (!has_one_output(context)) return refuse_lowering("the indices are asked for");
  LODE_TRY(const Window window, pool_window(context.node, context.inputs[0].shape));
  const PoolShape shape = pool_shape(window, context.inputs[0].shape, kind);
  if (context.inputs[0].dtype == DType::kU8) {
    return kernel_step(select_qpool(shape, context.isa), shape, [](const StepArguments& arguments) {
      return QPoolArguments{.x = byte_input(arguments, 0),
                            .y = byte_output(arguments, 0),
                            .x_scale = {},
                            .y_scale = {}};
    });
  }
  if (!is_float_input(context, 0)) return refuse_lowering("neither float nor u8");
  return kernel_step(select_pool(shape, context.isa), shape, [](const StepArguments& arguments) {
    return PoolArguments{float_input(arguments, 0), float_output(arguments, 0)};
  });
}

/// The mean over `axes`, one bit each, if in memory these are neighbours but for axes of extent 1.
Result<Step> lower_mean(LowerContext& context, std::uint32_t axes) {
  const Shape& input = context.inputs[0].shape;
  const Shape strides = physical_strides(input, context.input_places[0]);
  ReduceShape shape;
  // Smallest and largest stride tell where the reduced run begins and ends in memory.
  std::int64_t inner = -1;
  std::int64_t span = 0;
  shape.count = 1;
  for (std::size_t axis = 0; axis < input.rank(); ++axis) {
    if ((axes >> axis & 1U) == 0 || input[axis] == 1) continue;
    shape.count *= input[axis];
    if (inner < 0 || strides[axis] < inner) inner = strides[axis];
    span = std::max(span, strides[axis] * input[axis]);
  }
  shape.inner = std::max<std::int64_t>(inner, 1);
  const std::int64_t total = input.element_count();
  if (total == 0) return refuse_lowering("no elements");
  if (inner >= 0 && span != shape.inner * shape.count) {
    return refuse_lowering("the reduced axes are not neighbours in memory");
  }
  if (inner < 0) shape.inner = total;  // nothing is reduced: a copy
  shape.outer = total / (shape.count * shape.inner);
  return kernel_step(select_mean(shape, context.isa), shape, [](const StepArguments& arguments) {
    return ReduceArguments{float_input(arguments, 0), float_output(arguments, 0)};
  });
}

/// The order in which the mean leaves the kept axes must be the output's.
bool keeps_order(const LowerContext& context, std::uint32_t axes) {
  if (!context.input_places[0].is_channels_last()) return true;
  const bool spatial_alone =
      axes == 0b1100U || axes == 0b1101U || axes == 0b1110U || axes == 0b1111U;
  const bool channels_gone = (axes & 0b0010U) != 0;
  if (context.outputs[0].shape.rank() == 4) {
    return context.output_places[0].is_channels_last() ||
           layouts_coincide(context.outputs[0].shape);
  }
  return spatial_alone || channels_gone;
}

}  // namespace

Result<Step> lower_max_pool(LowerContext& context) {
  return lower_pool(context, PoolKind::kMax);
}

Result<Step> lower_average_pool(LowerContext& context) {
  LODE_TRY(const std::int64_t padded, attribute_int(context.node, "count_include_pad", 0));
  return lower_pool(context, padded != 0 ? PoolKind::kAveragePadded : PoolKind::kAverage);
}

Result<Step> lower_global_average_pool(LowerContext& context) {
  if (!is_float_input(context, 0)) return refuse_lowering("not float");
  const std::size_t rank = context.inputs[0].shape.rank();
  return lower_mean(context, ((1U << rank) - 1U) & ~3U);
}

Result<Step> lower_reduce_mean(LowerContext& context) {
  if (!is_float_input(context, 0)) return refuse_lowering("not float");
  const Node& node = context.node;
  const std::size_t rank = context.inputs[0].shape.rank();
  const KnownInputs known(InferContext{node, context.inputs, {}});
  LODE_TRY(const std::int64_t noop, attribute_int(node, "noop_with_empty_axes", 0));
  LODE_TRY(const auto list, list_attribute_or_input(node, "axes", 18, 1, known.views()));
  std::uint32_t axes = noop != 0 ? 0U : (1U << rank) - 1U;
  if (list && list->size() > 0) {
    LODE_TRY(axes, resolve_axes(node, *list, rank));
  }
  if (!keeps_order(context, axes)) return refuse_lowering("the kept axes change their order");
  return lower_mean(context, axes);
}

}  // namespace lode::engine
