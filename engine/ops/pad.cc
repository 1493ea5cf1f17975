// Pad: constant, reflect, edge and wrap; negative pads crop.
#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"

namespace lode::engine {
namespace {

enum class PadMode : std::uint8_t { kConstant, kReflect, kEdge, kWrap };

// Output axis: `begin` positions before the source's [first, first + count), then those behind it.
struct PadAxis {
  std::int64_t begin = 0;
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::int64_t output = 0;
};

struct Padding {
  PadMode mode = PadMode::kConstant;
  std::size_t rank = 0;
  std::array<PadAxis, Shape::kMaxRank> axes;
};

Result<PadMode> read_mode(const Node& node) {
  LODE_TRY(const std::string text, attribute_string(node, "mode", "constant"));
  if (text == "constant") return PadMode::kConstant;
  if (text == "reflect") return PadMode::kReflect;
  if (text == "edge") return PadMode::kEdge;
  if (text == "wrap" && node.opset >= 19) return PadMode::kWrap;
  return node_error(node, "attribute 'mode'='{}' is not supported in operator set {}", text,
                    node.opset);
}

// Negative pads crop first; what is left is padded.
Status set_axis(const Node& node, PadMode mode, std::int64_t extent, std::int64_t begin,
                std::int64_t end, PadAxis& axis) {
  if (std::max(begin, end) > kMaxElements || std::min(begin, end) < -kMaxElements) {
    return node_error(node, "padding {} and {} is outside [{}, {}]", begin, end, -kMaxElements,
                      kMaxElements);
  }
  axis.begin = std::max<std::int64_t>(begin, 0);
  axis.first = std::max<std::int64_t>(-begin, 0);
  axis.count = extent - axis.first - std::max<std::int64_t>(-end, 0);
  axis.output = extent + begin + end;
  if (axis.count < 0 || axis.output < 0) {
    return node_error(node, "padding {} and {} leaves less than nothing of an extent of {}", begin,
                      end, extent);
  }
  if (mode != PadMode::kConstant && axis.count == 0 && axis.output > 0) {
    return node_error(node, "padding {} and {} has no element to repeat in an extent of {}", begin,
                      end, extent);
  }
  return {};
}

// The amounts, [begin of each axis, end of each axis]; none if they are not known.
Result<std::optional<IntList>> read_amounts(const Node& node, std::span<const TensorView> views) {
  return list_attribute_or_input(node, node.opset < 2 ? "paddings" : "pads", 11, 1, views);
}

// `views` have data where the elements are known; `pads` are known here.
Result<Padding> read_padding(const Node& node, const Shape& shape, const IntList& pads,
                             std::span<const TensorView> views) {
  Padding padding;
  LODE_TRY(padding.mode, read_mode(node));
  padding.rank = shape.rank();
  IntList axes;
  if (views.size() > 3 && views[3].data != nullptr) {
    LODE_TRY(axes, make_list(node, "axes", views[3]));
    LODE_CHECK_OK(resolve_axes(node, axes, shape.rank()));
  } else {
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      axes.push_back(static_cast<std::int64_t>(axis));
    }
  }
  if (pads.size() != 2 * axes.size()) {
    return node_error(node, "'pads' has {} entries; {} are needed for input {}", pads.size(),
                      2 * axes.size(), shape.to_string());
  }
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    LODE_CHECK_OK(set_axis(node, padding.mode, shape[axis], 0, 0, padding.axes[axis]));
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    LODE_TRY(const std::size_t axis, resolve_axis(node, axes[i], shape.rank()));
    LODE_CHECK_OK(set_axis(node, padding.mode, shape[axis], pads[i], pads[axes.size() + i],
                           padding.axes[axis]));
  }
  return padding;
}

Status check_pad(const Node& node) {
  const bool pads_are_input = node.opset >= 11;
  const std::size_t most = !pads_are_input ? 1 : (node.opset >= 18 ? 4 : 3);
  return check_signature(node, {.min_inputs = pads_are_input ? 2U : 1U, .max_inputs = most},
                         {{"mode"}, {"paddings", 1, 1}, {"pads", 2, 10}, {"value", 1, 10}});
}

Status infer_pad(InferContext& context) {
  const Node& node = context.node;
  const DType type = context.inputs[0].dtype;
  const Shape& shape = context.inputs[0].shape;
  if (context.inputs.size() > 2 && context.inputs[2].present &&
      (context.inputs[2].dtype != type || context.inputs[2].shape.element_count() != 1)) {
    return node_error(node, "constant_value is {}{}; one element of type {} is needed",
                      dtype_name(context.inputs[2].dtype), context.inputs[2].shape.to_string(),
                      dtype_name(type));
  }
  // An attribute 'value' is a float, which no other type was given a meaning for.
  if (node.opset < 11) LODE_CHECK_OK(check_type(context, 0, kFloatTypes));
  LODE_CHECK_OK(attribute_float(node, "value", 0.0F));
  LODE_CHECK_OK(read_mode(node));
  if (is_unknown(context, 1) || is_unknown(context, 3)) return unknown_outputs(context, type);
  const KnownInputs known(context);
  LODE_TRY(const auto pads, read_amounts(node, known.views()));
  if (!pads) return node_error(node, "the amounts of padding are missing");
  LODE_TRY(const Padding padding, read_padding(node, shape, *pads, known.views()));
  Shape result = shape;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) result[axis] = padding.axes[axis].output;
  return set_output(context, type, result);
}

// The source position of output position `out`, or -1 in constant padding.
std::int64_t source_position(PadMode mode, const PadAxis& axis, std::int64_t out) {
  std::int64_t at = out - axis.begin;
  if (at >= 0 && at < axis.count) return axis.first + at;
  switch (mode) {
    case PadMode::kConstant:
      return -1;
    case PadMode::kEdge:
      at = at < 0 ? 0 : axis.count - 1;
      break;
    case PadMode::kWrap:
      at = ((at % axis.count) + axis.count) % axis.count;
      break;
    case PadMode::kReflect: {
      // To and fro without repeating the ends.
      const std::int64_t period = std::max<std::int64_t>(1, 2 * (axis.count - 1));
      at = ((at % period) + period) % period;
      if (at >= axis.count) at = period - at;
      break;
    }
  }
  return axis.first + at;
}

template <typename T>
void pad(const ReferenceContext& context, const Padding& padding, T fill) {
  const Shape strides = context.inputs[0].shape.strides();
  const Shape& shape = context.outputs[0].shape;
  const T* source = elements<T>(context.inputs[0]);
  T* result = elements<T>(context.outputs[0]);
  const std::int64_t count = shape.element_count();
  std::array<std::int64_t, Shape::kMaxRank> index{};
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < shape.rank() && offset >= 0; ++axis) {
      const std::int64_t at = source_position(padding.mode, padding.axes[axis], index[axis]);
      offset = at < 0 ? -1 : offset + at * strides[axis];
    }
    result[i] = offset < 0 ? fill : source[offset];
    for (std::size_t axis = shape.rank(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

// The bits of the constant: the input, or the attribute as the input's type has it, or 0.
template <typename Storage>
Result<Storage> read_fill(const ReferenceContext& context) {
  const auto* input = optional_elements<Storage>(context.inputs, 2);
  if (input != nullptr) return *input;
  LODE_TRY(const float value, attribute_float(context.node, "value", 0.0F));
  if (value == 0.0F) return Storage{0};
  return visit_floating(context.inputs[0].dtype, [&]<typename T>() -> Result<Storage> {
    if constexpr (sizeof(T) == sizeof(Storage)) {
      return std::bit_cast<Storage>(narrow<T>(static_cast<double>(value)));
    } else {
      assert_failed("storage of the element's size", __FILE__, __LINE__);
    }
  });
}

Status run_pad(const ReferenceContext& context) {
  LODE_TRY(const auto pads, read_amounts(context.node, context.inputs));
  if (!pads) return node_error(context.node, "the amounts of padding are missing");
  LODE_TRY(const Padding padding,
           read_padding(context.node, context.inputs[0].shape, *pads, context.inputs));
  return visit_storage(context.inputs[0].dtype, [&]<typename T>() -> Status {
    LODE_TRY(const T fill, read_fill<T>(context));
    pad<T>(context, padding, fill);
    return {};
  });
}

bool pads_behind_samples(const Node& node, std::span<const ValueInfo> inputs) {
  std::vector<TensorView> views;
  for (const ValueInfo& input : inputs) {
    views.push_back(input.constant != nullptr ? input.constant->view() : TensorView{});
  }
  const auto pads = read_amounts(node, views);
  if (!pads.ok() || !*pads) return false;
  const Result<Padding> padding = read_padding(node, inputs[0].shape, **pads, views);
  if (!padding.ok()) return false;
  const PadAxis& samples = padding->axes[0];
  return samples.begin == 0 && samples.first == 0 && samples.output == samples.count;
}

}  // namespace

OperatorDef pad_operator() {
  return {.op_type = "Pad",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_pad,
          .infer = infer_pad,
          .reference = run_pad,
          .lower = lower_pad,
          .layout = LayoutRule::kFollow,
          .keeps_samples = pads_behind_samples};
}

}  // namespace lode::engine
