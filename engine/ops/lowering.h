// From operators to kernels: one lower_*.cc for each group, tied to its operator in the operator's
// OperatorDef. A lowering that cannot take a node says why in an empty step; the reference serves.
#pragma once

#include <exception>
#include <optional>

#include "engine/kernels/aligned_floats.h"
#include "engine/kernels/eltwise/round.h"
#include "engine/kernels/kernel.h"
#include "engine/kernels/qeltwise/qeltwise.h"
#include "engine/ops/operator.h"

namespace lode::engine {

[[nodiscard]] Result<Step> lower_conv(LowerContext& context);
[[nodiscard]] PlacementSupport conv_placements(const LowerContext& context);
[[nodiscard]] Result<Step> lower_gemm(LowerContext& context);
[[nodiscard]] Result<Step> lower_matmul(LowerContext& context);
[[nodiscard]] Result<Step> lower_max_pool(LowerContext& context);
[[nodiscard]] Result<Step> lower_average_pool(LowerContext& context);
[[nodiscard]] Result<Step> lower_global_average_pool(LowerContext& context);
[[nodiscard]] Result<Step> lower_reduce_mean(LowerContext& context);
[[nodiscard]] Result<Step> lower_unary(LowerContext& context);   ///< Relu to HardSwish, Clip
[[nodiscard]] Result<Step> lower_binary(LowerContext& context);  ///< Add, Sub, Mul, Div, Sum of two
[[nodiscard]] Result<Step> lower_batch_norm(LowerContext& context);
[[nodiscard]] Result<Step> lower_lrn(LowerContext& context);
[[nodiscard]] Result<Step> lower_softmax(LowerContext& context);
[[nodiscard]] Result<Step> lower_concat(LowerContext& context);
[[nodiscard]] PlacementSupport concat_placements(const LowerContext& context);
[[nodiscard]] Result<Step> lower_pad(LowerContext& context);
[[nodiscard]] Result<Step> lower_transpose(LowerContext& context);
[[nodiscard]] Result<Step> lower_qlinear_conv(LowerContext& context);
[[nodiscard]] Result<Step> lower_dynamic_conv(LowerContext& context);
[[nodiscard]] PlacementSupport qconv_placements(const LowerContext& context);
[[nodiscard]] Result<Step> lower_qgemm(LowerContext& context);
[[nodiscard]] Result<Step> lower_dynamic_gemm(LowerContext& context);
[[nodiscard]] Result<Step> lower_quantize_linear(LowerContext& context);
[[nodiscard]] Result<Step> lower_dequantize_linear(LowerContext& context);
[[nodiscard]] Result<Step> lower_dynamic_range(LowerContext& context);
[[nodiscard]] Result<Step> lower_dynamic_quantize(LowerContext& context);
[[nodiscard]] PlacementSupport quantize_placements(const LowerContext& context);
[[nodiscard]] PlacementSupport strided_placements(const LowerContext& context);
[[nodiscard]] Result<Step> lower_qbinary(LowerContext& context);
[[nodiscard]] Result<Step> lower_qunary(LowerContext& context);  ///< QLinearSigmoid and its kin
[[nodiscard]] Result<Step> lower_qaverage_pool(LowerContext& context);
[[nodiscard]] Result<Step> lower_qglobal_average_pool(LowerContext& context);

/// A copy of a value from one memory order to another: what the planner puts between operators.
[[nodiscard]] Step layout_step(DType dtype, const Shape& shape, const Placement& from,
                               const Placement& to, Isa isa);

/// Rounds a float value to half, in place: what the planner puts behind operators where asked to.
[[nodiscard]] Step round_step(const RoundShape& shape, Isa isa);

/// True if both layouts put the elements of this shape in the same order.
[[nodiscard]] bool layouts_coincide(const Shape& shape);

/// Strides, in elements and in ONNX's axis order, of a value that stands so.
[[nodiscard]] Shape physical_strides(const Shape& shape, const Placement& place);

/// Strides along the axes of `output`, in elements, of an input that broadcasts to it and stands
/// so: 0 where the input repeats.
[[nodiscard]] Shape broadcast_along(const Shape& input, const Placement& place,
                                    const Shape& output);

// ---- for the lower_*.cc

/// The empty step that says why.
[[nodiscard]] inline Step refuse_lowering(std::string reason) {
  Step step;
  step.reason = std::move(reason);
  return step;
}

/// Input `index` is there, is float and, if `constant`, its elements are known.
[[nodiscard]] bool is_float_input(const LowerContext& context, std::size_t index,
                                  bool constant = false);

/// Input 1 is a constant in half (engine/ops/half_weights.h).
[[nodiscard]] bool has_half_constant(const LowerContext& context);

/// Input 1 is a constant in float or half.
[[nodiscard]] bool has_constant_weights(const LowerContext& context);

/// There is no output beside output 0.
[[nodiscard]] bool has_one_output(const LowerContext& context);

/// Output 0 is float and there is no other.
[[nodiscard]] bool has_one_float_output(const LowerContext& context);

/// The one scale and zero point (0 if omitted) at these inputs, if they are known.
[[nodiscard]] std::optional<QScale> constant_scale(const LowerContext& context, std::size_t scale,
                                                   std::size_t zero_point);

/// The elements of a known float input; null if it is omitted.
[[nodiscard]] const float* constant_floats(const LowerContext& context, std::size_t index);

[[nodiscard]] inline const float* float_input(const StepArguments& arguments, std::size_t index) {
  return reinterpret_cast<const float*>(arguments.inputs[index]);
}
/// Null where the node has no such input, or omits it.
[[nodiscard]] inline const float* optional_float_input(const StepArguments& arguments,
                                                       std::size_t index) {
  return index < arguments.inputs.size() ? float_input(arguments, index) : nullptr;
}
[[nodiscard]] inline float* float_output(const StepArguments& arguments, std::size_t index) {
  return reinterpret_cast<float*>(arguments.outputs[index]);
}

[[nodiscard]] inline const std::uint8_t* byte_input(const StepArguments& arguments,
                                                    std::size_t index) {
  return reinterpret_cast<const std::uint8_t*>(arguments.inputs[index]);
}
[[nodiscard]] inline std::uint8_t* byte_output(const StepArguments& arguments, std::size_t index) {
  return reinterpret_cast<std::uint8_t*>(arguments.outputs[index]);
}

/// The step of a chosen kernel; bind(const StepArguments&) makes the kernel's arguments.
template <typename Chosen, typename KernelShape, typename Bind>
[[nodiscard]] Step kernel_step(const Selection<Chosen>& selection, KernelShape shape, Bind bind) {
  if (selection.kernel->prepare != nullptr) selection.kernel->prepare(shape);
  Step step;
  step.kernel = selection.kernel->name;
  step.reason = selection.reason;
  step.task_count = selection.kernel->task_count(shape);
  if (selection.kernel->scratch_bytes != nullptr) {
    step.scratch_bytes = selection.kernel->scratch_bytes(shape);
  }
  step.run = [kernel = selection.kernel, shape, bind](const StepArguments& arguments,
                                                      std::int64_t task) {
    kernel->run(shape, bind(arguments), task);
  };
  return step;
}

/// Thrown where weights are to be packed again, for another kernel, of constants that the graph has
/// released: they must be brought back before the plan can be made.
class ConstantsReleased : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "constants are released"; }
};

/// Throws ConstantsReleased if an input is a constant without elements.
void require_constants(const LowerContext& context);

/// Floats made at load from a node's constants by fill(float*): shared by all plans of the model
/// if the constants are, else made for this plan. `what` names them among the node's.
[[nodiscard]] std::shared_ptr<const AlignedFloats> cached_floats(
    LowerContext& context, std::string_view what, std::size_t count,
    const std::function<void(float*)>& fill);

/// Makes the step keep `weights` alive and account for them. They hold all that the step wants of
/// the inputs whose bits are set in `packed_inputs`.
inline void attach_weights(Step& step, std::shared_ptr<const AlignedFloats> weights,
                           std::uint32_t packed_inputs = 0) {
  step.packed_inputs = packed_inputs;
  step.weight_bytes = weights->size() * sizeof(float);
  step.weights = std::move(weights);
}

}  // namespace lode::engine
