// Elementwise operators and pools on quantised values to the qeltwise and qpool kernels.
#include <memory>

#include "engine/kernels/qeltwise/qeltwise.h"
#include "engine/kernels/qpool/qpool.h"
#include "engine/ops/activation.h"
#include "engine/ops/kernel_shapes.h"
#include "engine/ops/lowering.h"
#include "engine/ops/qlinear_inputs.h"
#include "engine/ops/qlinear_table.h"

namespace lode::engine {

namespace {

bool is_u8(const ValueInfo& value) {
  return value.present && value.dtype == DType::kU8;
}

}  // namespace

Result<Step> lower_qbinary(LowerContext& context) {
  const ValueInfo& a = context.inputs[kQBinaryA.data];
  const ValueInfo& b = context.inputs[kQBinaryB.data];
  if (!is_u8(a) || !is_u8(b) || !is_u8(context.outputs[0])) return refuse_lowering("not u8");
  const auto a_scale = constant_scale(context, kQBinaryA.scale, kQBinaryA.zero_point);
  const auto b_scale = constant_scale(context, kQBinaryB.scale, kQBinaryB.zero_point);
  const auto y_scale = constant_scale(context, kQBinaryScale, kQBinaryZeroPoint);
  if (!a_scale || !b_scale || !y_scale) {
    return refuse_lowering("a scale or a zero point is not constant");
  }
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const Shape& y = context.outputs[0].shape;
  const Shape y_strides = physical_strides(y, context.output_places[0]);
  const BinaryOp op = context.node.op_type == "QLinearMul" ? BinaryOp::kMultiply : BinaryOp::kAdd;
  const BinaryShape shape =
      binary_shape(op, y, broadcast_along(a.shape, context.input_places[kQBinaryA.data], y),
                   broadcast_along(b.shape, context.input_places[kQBinaryB.data], y), y_strides);
  Step step = kernel_step(select_qbinary(shape, context.isa), shape,
                          [=, a_scale = *a_scale, b_scale = *b_scale,
                           y_scale = *y_scale](const StepArguments& arguments) {
                            return QBinaryArguments{.a = byte_input(arguments, kQBinaryA.data),
                                                    .b = byte_input(arguments, kQBinaryB.data),
                                                    .y = byte_output(arguments, 0),
                                                    .a_scale = a_scale,
                                                    .b_scale = b_scale,
                                                    .y_scale = y_scale,
                                                    .activation = activation};
                          });
  for (const std::size_t index : {kQBinaryA.data, kQBinaryB.data}) {
    const Shape& x = context.inputs[index].shape;
    const bool in_step = x == y && physical_strides(x, context.input_places[index]) == y_strides;
    if (in_step) step.may_overwrite |= 1U << index;
  }
  return step;
}

Result<Step> lower_qunary(LowerContext& context) {
  const auto from = constant_scale(context, kQUnaryInput.scale, kQUnaryInput.zero_point);
  const auto to = constant_scale(context, kQUnaryScale, kQUnaryZeroPoint);
  if (!from || !to) return refuse_lowering("a scale or a zero point is not constant");
  LODE_TRY(const Activation activation, table_activation(context.node));
  const auto table = std::make_shared<ByteTable>(byte_table({.activation = activation,
                                                             .from = *from,
                                                             .from_type = context.inputs[0].dtype,
                                                             .to = *to,
                                                             .to_type = context.outputs[0].dtype}));
  const Shape& x = context.inputs[0].shape;
  QCopyShape shape;
  shape.x_stride = context.input_places[0].pixel_stride;
  shape.y_stride = context.output_places[0].pixel_stride;
  const bool is_sliced = shape.x_stride != 0 || shape.y_stride != 0;
  shape.columns = is_sliced ? x[1] : x.element_count();
  shape.rows = x.element_count() / shape.columns;
  Step step = kernel_step(
      select_qtable(shape, context.isa), shape, [table](const StepArguments& arguments) {
        return QTableArguments{
            .x = byte_input(arguments, 0), .y = byte_output(arguments, 0), .table = table->data()};
      });
  if (shape.x_stride == shape.y_stride) step.may_overwrite = 1U;
  return step;
}

namespace {

Result<Step> lower_average(LowerContext& context, const PoolShape& shape) {
  if (!is_u8(context.inputs[0])) return refuse_lowering("not u8");
  const auto from = constant_scale(context, kQUnaryInput.scale, kQUnaryInput.zero_point);
  const auto to = constant_scale(context, kQUnaryScale, kQUnaryZeroPoint);
  if (!from || !to) return refuse_lowering("a scale or a zero point is not constant");
  return kernel_step(select_qpool(shape, context.isa), shape,
                     [from = *from, to = *to](const StepArguments& arguments) {
                       return QPoolArguments{.x = byte_input(arguments, 0),
                                             .y = byte_output(arguments, 0),
                                             .x_scale = from,
                                             .y_scale = to};
                     });
}

}  // namespace

Result<Step> lower_qaverage_pool(LowerContext& context) {
  const Shape& input = context.inputs[0].shape;
  if (input.rank() != 4) return refuse_lowering("not two spatial axes");
  LODE_TRY(const Window window, pool_window(context.node, input));
  LODE_TRY(const bool padded, attribute_flag(context.node, "count_include_pad", false));
  return lower_average(
      context, pool_shape(window, input, padded ? PoolKind::kAveragePadded : PoolKind::kAverage));
}

Result<Step> lower_qglobal_average_pool(LowerContext& context) {
  const Shape& input = context.inputs[0].shape;
  if (input.rank() != 4) return refuse_lowering("not two spatial axes");
  PoolShape shape;
  shape.kind = PoolKind::kAverage;
  shape.batch = input[0];
  shape.in_h = shape.kernel_h = input[2];
  shape.in_w = shape.kernel_w = input[3];
  shape.channels = input[1];
  shape.out_h = shape.out_w = 1;
  return lower_average(context, shape);
}

}  // namespace lode::engine
