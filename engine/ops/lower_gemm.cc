// Gemm and MatMul with constant weights to the gemm kernels.
#include <vector>

#include "engine/kernels/gemm/gemm.h"
#include "engine/ops/activation.h"
#include "engine/ops/half_weights.h"
#include "engine/ops/lowering.h"

namespace lode::engine {

namespace {

/// `pack_into(const GemmKernel&, float*)` is called only where no plan has packed the weights yet.
template <typename PackInto>
Step gemm_step(LowerContext& context, GemmShape shape, const Activation& activation,
               const PackInto& pack_into) {
  shape.workers = context.workers;
  const auto selection = select_gemm(shape, context.isa);
  const auto& kernel = *selection.kernel;
  auto packed = cached_floats(context, kernel.name, kernel.packed_floats(shape),
                              [&](float* to) { pack_into(kernel, to); });
  Step step = kernel_step(selection, shape,
                          [data = packed->data(), activation](const StepArguments& arguments) {
                            return GemmArguments{.x = float_input(arguments, 0),
                                                 .packed = data,
                                                 .y = float_output(arguments, 0),
                                                 .scratch = arguments.scratch,
                                                 .activation = activation};
                          });
  step.flops = gemm_flops(shape);
  attach_weights(step, std::move(packed), 0b110U);
  return step;
}

std::vector<float> scaled(std::span<const float> values, float factor) {
  std::vector<float> result(values.begin(), values.end());
  for (float& value : result) value *= factor;
  return result;
}

/// True if C adds the same to each row: [n], [1,n], or one number.
bool is_row_bias(const Shape& c, std::int64_t n) {
  return c.element_count() == 1 || (c.element_count() == n && c.rank() > 0 && c[c.rank() - 1] == n);
}

}  // namespace

Result<Step> lower_gemm(LowerContext& context) {
  const Node& node = context.node;
  if (!is_float_input(context, 0)) return refuse_lowering("not float");
  if (!has_constant_weights(context)) return refuse_lowering("weights are not constant");
  LODE_TRY(const std::int64_t transposed_a, attribute_int(node, "transA", 0));
  LODE_TRY(const std::int64_t transposed_b, attribute_int(node, "transB", 0));
  LODE_TRY(const float alpha, attribute_float(node, "alpha", 1.0F));
  LODE_TRY(const float beta, attribute_float(node, "beta", 1.0F));
  LODE_TRY(const Activation activation, fused_activation(node));
  if (transposed_a != 0) return refuse_lowering("the data input is transposed");
  const Shape& b = context.inputs[1].shape;
  const GemmShape shape{.m = context.inputs[0].shape[0],
                        .n = context.outputs[0].shape[1],
                        .k = context.inputs[0].shape[1],
                        // Scaled halves are none.
                        .half_weights = has_half_constant(context) && alpha == 1.0F};
  const bool has_bias = context.inputs.size() > 2 && context.inputs[2].present;
  if (has_bias &&
      (!is_float_input(context, 2, true) || !is_row_bias(context.inputs[2].shape, shape.n))) {
    return refuse_lowering("C is not a constant row");
  }
  return gemm_step(context, shape, activation, [&](const GemmKernel& kernel, float* to) {
    const FloatWeights weights(*context.inputs[kWeightInput].constant);
    std::vector<float> matrix;  // only where it differs from the stored one, which may be large
    if (alpha != 1.0F) matrix = scaled(weights.values(), alpha);
    std::vector<float> bias;
    if (has_bias) {
      bias = scaled(context.inputs[2].constant->as<float>(), beta);
      if (bias.size() == 1) bias.assign(static_cast<std::size_t>(shape.n), bias[0]);
    }
    kernel.pack(shape,
                {.data = matrix.empty() ? weights.data() : matrix.data(),
                 .k_stride = transposed_b != 0 ? 1 : b[1],
                 .n_stride = transposed_b != 0 ? b[1] : 1,
                 .bias = has_bias ? bias.data() : nullptr},
                to);
  });
}

Result<Step> lower_matmul(LowerContext& context) {
  if (!is_float_input(context, 0)) return refuse_lowering("not float");
  if (!has_constant_weights(context)) return refuse_lowering("weights are not constant");
  const Shape& a = context.inputs[0].shape;
  const Shape& b = context.inputs[1].shape;
  if (b.rank() != 2) return refuse_lowering("the weights are not one matrix");
  GemmShape shape{.m = 1, .n = b[1], .k = b[0], .half_weights = has_half_constant(context)};
  for (std::size_t axis = 0; axis + 1 < a.rank(); ++axis) shape.m *= a[axis];
  return gemm_step(context, shape, Activation{}, [&](const GemmKernel& kernel, float* to) {
    const FloatWeights weights(*context.inputs[kWeightInput].constant);
    kernel.pack(shape,
                {.data = weights.data(), .k_stride = shape.n, .n_stride = 1, .bias = nullptr}, to);
  });
}

}  // namespace lode::engine
