// What all lowerings share.
#include "engine/ops/lowering.h"

#include <fmt/format.h>

#include "engine/kernels/eltwise/copy.h"
#include "engine/ops/quantization.h"

namespace lode::engine {

bool layouts_coincide(const Shape& shape) {
  return shape.rank() != 4 || shape[1] == 1 || shape[2] * shape[3] == 1;
}

Shape physical_strides(const Shape& shape, const Placement& place) {
  if (!place.is_channels_last() || shape.rank() != 4) return shape.strides();
  const std::int64_t pixel = place.pixel_stride != 0 ? place.pixel_stride : shape[1];
  return {shape[2] * shape[3] * pixel, 1, shape[3] * pixel, pixel};
}

Shape broadcast_along(const Shape& input, const Placement& place, const Shape& output) {
  const Shape own = physical_strides(input, place);
  const std::size_t missing = output.rank() - input.rank();
  Shape strides;
  for (std::size_t axis = 0; axis < output.rank(); ++axis) {
    const bool repeats = axis < missing || input[axis - missing] == 1;
    strides.push_back(repeats ? 0 : own[axis - missing]);
  }
  return strides;
}

Step layout_step(DType dtype, const Shape& shape, const Placement& from, const Placement& to,
                 Isa isa) {
  const CopyShape copy = copy_shape(dtype_size(dtype), shape, physical_strides(shape, from),
                                    physical_strides(shape, to));
  return kernel_step(select_copy(copy, isa), copy, [](const StepArguments& arguments) {
    return CopyArguments{arguments.inputs[0], arguments.outputs[0]};
  });
}

Step round_step(const RoundShape& shape, Isa isa) {
  return kernel_step(select_round(shape, isa), shape, [](const StepArguments& arguments) {
    return RoundArguments{float_output(arguments, 0)};
  });
}

bool is_float_input(const LowerContext& context, std::size_t index, bool constant) {
  if (index >= context.inputs.size()) return false;
  const ValueInfo& input = context.inputs[index];
  if (!input.present || input.dtype != DType::kF32) return false;
  return !constant || input.constant != nullptr;
}

bool has_half_constant(const LowerContext& context) {
  const ValueInfo& weights = context.inputs[1];
  return weights.dtype == DType::kF16 && weights.constant != nullptr;
}

bool has_constant_weights(const LowerContext& context) {
  return is_float_input(context, 1, true) || has_half_constant(context);
}

bool has_one_output(const LowerContext& context) {
  for (std::size_t i = 1; i < context.outputs.size(); ++i) {
    if (context.outputs[i].present) return false;
  }
  return true;
}

bool has_one_float_output(const LowerContext& context) {
  return context.outputs[0].dtype == DType::kF32 && has_one_output(context);
}

std::optional<QScale> constant_scale(const LowerContext& context, std::size_t scale,
                                     std::size_t zero_point) {
  QScale result;
  const ValueInfo& known = context.inputs[scale];
  if (known.constant == nullptr || known.dtype != DType::kF32) return std::nullopt;
  if (known.shape.element_count() != 1) return std::nullopt;
  result.scale = known.constant->as<float>()[0];
  if (zero_point >= context.inputs.size() || !context.inputs[zero_point].present) return result;
  const Tensor* zero = context.inputs[zero_point].constant;
  if (zero == nullptr) return std::nullopt;
  result.zero = small_integer_at(zero->view(), 0);
  return result;
}

const float* constant_floats(const LowerContext& context, std::size_t index) {
  if (index >= context.inputs.size() || !context.inputs[index].present) return nullptr;
  LODE_ASSERT(context.inputs[index].constant != nullptr);
  return context.inputs[index].constant->as<float>().data();
}

void require_constants(const LowerContext& context) {
  for (const ValueInfo& input : context.inputs) {
    if (input.constant != nullptr && !input.constant->has_elements()) throw ConstantsReleased();
  }
}

std::shared_ptr<const AlignedFloats> cached_floats(LowerContext& context, std::string_view what,
                                                   std::size_t count,
                                                   const std::function<void(float*)>& fill) {
  const auto make = [&] {
    require_constants(context);
    auto floats = std::make_shared<AlignedFloats>(count);
    fill(floats->data());
    return floats;
  };
  if (!context.has_shared_constants) return make();
  // Node names are unique and cannot hold this separator's neighbours by accident: kernels' names
  // have no slash.
  const std::string key = fmt::format("{}/{}", context.node.name, what);
  const auto made = std::static_pointer_cast<const AlignedFloats>(context.weights.get(key, make));
  LODE_ASSERT(made->size() == count);
  return made;
}

}  // namespace lode::engine
