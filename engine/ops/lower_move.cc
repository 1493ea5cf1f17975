// Operators that only move elements: Concat, Pad and Transpose, to the copy kernels.
#include <algorithm>
#include <array>
#include <vector>

#include "engine/kernels/eltwise/copy.h"
#include "engine/ops/checks.h"
#include "engine/ops/lowering.h"

namespace lode::engine {

namespace {

/// One input of a Concat: its copy into the output.
struct Part {
  const CopyKernel* kernel = nullptr;
  CopyShape shape;
  std::size_t offset_bytes = 0;  ///< of its first element in the output
  std::int64_t first_task = 0;
};

void run_part(const std::vector<Part>& parts, const StepArguments& arguments, std::int64_t task) {
  const auto after = std::upper_bound(
      parts.begin(), parts.end(), task,
      [](std::int64_t wanted, const Part& part) { return wanted < part.first_task; });
  const auto index = static_cast<std::size_t>(after - parts.begin()) - 1;
  const Part& part = parts[index];
  part.kernel->run(part.shape, {arguments.inputs[index], arguments.outputs[0] + part.offset_bytes},
                   task - part.first_task);
}

/// Amounts in front of and behind each axis of a constant Pad; none if the node is of another kind.
struct Amounts {
  std::array<std::int64_t, Shape::kMaxRank> before{};
};

Result<std::optional<Amounts>> constant_amounts(const LowerContext& context) {
  const Node& node = context.node;
  const std::size_t rank = context.inputs[0].shape.rank();
  LODE_TRY(const std::string mode, attribute_string(node, "mode", "constant"));
  if (mode != "constant") return std::optional<Amounts>();
  const KnownInputs known(InferContext{node, context.inputs, {}});
  const std::string_view name = node.opset < 2 ? "paddings" : "pads";
  LODE_TRY(const auto pads, list_attribute_or_input(node, name, 11, 1, known.views()));
  if (!pads) return std::optional<Amounts>();
  Amounts amounts;
  if (known.views().size() > 3 && known.views()[3].data != nullptr) {
    LODE_TRY(const IntList axes, make_list(node, "axes", known.views()[3]));
    for (std::size_t i = 0; i < axes.size(); ++i) {
      LODE_TRY(const std::size_t axis, resolve_axis(node, axes[i], rank));
      amounts.before[axis] = (*pads)[i];
    }
  } else {
    for (std::size_t axis = 0; axis < rank; ++axis) amounts.before[axis] = (*pads)[axis];
  }
  return std::optional<Amounts>(amounts);
}

/// The order of axes in memory, outermost first.
std::array<std::size_t, 4> memory_order(Layout layout) {
  if (layout == Layout::kChannelsLast) return {0, 2, 3, 1};
  return {0, 1, 2, 3};
}

}  // namespace

Result<Step> lower_concat(LowerContext& context) {
  const Node& node = context.node;
  const Shape& y = context.outputs[0].shape;
  const std::size_t bytes = dtype_size(context.outputs[0].dtype);
  LODE_TRY(const std::int64_t attribute, attribute_int(node, "axis", 1));
  LODE_TRY(const std::size_t axis, resolve_axis(node, attribute, y.rank()));
  const Shape y_strides = physical_strides(y, context.output_places[0]);
  std::vector<Part> parts;
  std::int64_t position = 0;
  std::int64_t tasks = 0;
  std::string reason;
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    const Shape& x = context.inputs[i].shape;
    Part part;
    part.shape = copy_shape(bytes, x, physical_strides(x, context.input_places[i]), y_strides);
    const auto selection = select_copy(part.shape, context.isa);
    if (i == 0) reason = selection.reason;
    part.kernel = selection.kernel;
    part.offset_bytes = static_cast<std::size_t>(position * y_strides[axis]) * bytes;
    part.first_task = tasks;
    position += x[axis];
    tasks += part.kernel->task_count(part.shape);
    parts.push_back(part);
  }
  Step step;
  step.kernel = parts[0].kernel->name;
  step.reason = fmt::format("{} slices: {}", parts.size(), reason);
  step.task_count = tasks;
  step.run = [parts = std::move(parts)](const StepArguments& arguments, std::int64_t task) {
    run_part(parts, arguments, task);
  };
  return step;
}

PlacementSupport concat_placements(const LowerContext&) {
  return {.plain_input = false, .strided_inputs = true, .strided_output = true};
}

Result<Step> lower_pad(LowerContext& context) {
  const std::size_t rank = context.inputs[0].shape.rank();
  LODE_TRY(const auto amounts, constant_amounts(context));
  if (!amounts) return refuse_lowering("the padding is not a constant");
  if (rank == 0) return refuse_lowering("a scalar");
  const bool has_value = context.inputs.size() > 2 && context.inputs[2].present;
  if (has_value && context.inputs[2].constant == nullptr) {
    return refuse_lowering("the value is not known");
  }
  PadShape shape;
  shape.element_bytes = dtype_size(context.inputs[0].dtype);
  shape.rank = rank;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t axis = rank == 4 ? memory_order(context.input_places[0].layout)[i] : i;
    shape.from_extent[i] = context.inputs[0].shape[axis];
    shape.to_extent[i] = context.outputs[0].shape[axis];
    shape.before[i] = amounts->before[axis];
  }
  if (has_value) {
    std::copy_n(context.inputs[2].constant->view().data, shape.element_bytes, shape.value.begin());
  } else {
    LODE_TRY(const float value, attribute_float(context.node, "value", 0.0F));
    if (value != 0.0F && context.inputs[0].dtype != DType::kF32) {
      return refuse_lowering("not float");
    }
    std::memcpy(shape.value.data(), &value, sizeof(value));
  }
  return kernel_step(select_pad(shape, context.isa), shape, [](const StepArguments& arguments) {
    return PadArguments{arguments.inputs[0], arguments.outputs[0]};
  });
}

Result<Step> lower_transpose(LowerContext& context) {
  const Shape& x = context.inputs[0].shape;
  const Shape& y = context.outputs[0].shape;
  LODE_TRY(const auto permutation, attribute_list(context.node, "perm"));
  const Shape x_strides = physical_strides(x, context.input_places[0]);
  Shape from = x;
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    std::size_t source = x.rank() - 1 - axis;
    if (permutation) {
      LODE_TRY(source, resolve_axis(context.node, (*permutation)[axis], x.rank()));
    }
    from[axis] = x_strides[source];
  }
  const CopyShape shape = copy_shape(dtype_size(context.inputs[0].dtype), y, from,
                                     physical_strides(y, context.output_places[0]));
  return kernel_step(select_copy(shape, context.isa), shape, [](const StepArguments& arguments) {
    return CopyArguments{arguments.inputs[0], arguments.outputs[0]};
  });
}

}  // namespace lode::engine
