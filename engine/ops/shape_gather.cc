// Shape and Gather: how models compute extents, and how they look things up.
#include <algorithm>

#include "engine/ops/checks.h"
#include "engine/ops/element.h"

namespace lode::engine {
namespace {

// The axes [begin, end) of `rank` that Shape reports; bounds beyond the ends are cut.
struct AxisRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

Result<AxisRange> read_range(const Node& node, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  const auto cut = [signed_rank](std::int64_t bound) {
    if (bound < 0) bound = std::max(bound, -signed_rank) + signed_rank;
    return static_cast<std::size_t>(std::min(bound, signed_rank));
  };
  LODE_TRY(const std::int64_t start, attribute_int(node, "start", 0));
  LODE_TRY(const std::int64_t end, attribute_int(node, "end", signed_rank));
  AxisRange range{.begin = cut(start), .end = cut(end)};
  range.end = std::max(range.begin, range.end);
  return range;
}

Status check_shape(const Node& node) {
  return check_signature(node, {}, {{"start", 15}, {"end", 15}});
}

Status infer_shape(InferContext& context) {
  LODE_TRY(const AxisRange range, read_range(context.node, context.inputs[0].shape.rank()));
  return set_output(context, DType::kI64,
                    Shape{static_cast<std::int64_t>(range.end - range.begin)});
}

Status run_shape(const ReferenceContext& context) {
  const Shape& shape = context.inputs[0].shape;
  LODE_TRY(const AxisRange range, read_range(context.node, shape.rank()));
  auto* result = elements<std::int64_t>(context.outputs[0]);
  for (std::size_t axis = range.begin; axis < range.end; ++axis) *result++ = shape[axis];
  return {};
}

Result<std::size_t> read_gather_axis(const Node& node, std::size_t rank) {
  LODE_TRY(const std::int64_t axis, attribute_int(node, "axis", 0));
  return resolve_axis(node, axis, rank);
}

Status check_gather(const Node& node) {
  return check_signature(node, {.min_inputs = 2, .max_inputs = 2}, {{"axis"}});
}

Status infer_gather(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 1, kIndexTypes));
  const Shape& data = context.inputs[0].shape;
  const Shape& indices = context.inputs[1].shape;
  LODE_TRY(const std::size_t axis, read_gather_axis(node, data.rank()));
  std::array<std::int64_t, 2 * Shape::kMaxRank> extents{};
  auto* next = std::copy_n(data.begin(), axis, extents.data());
  next = std::copy(indices.begin(), indices.end(), next);
  next = std::copy(data.begin() + axis + 1, data.end(), next);
  LODE_TRY(
      const Shape result,
      make_shape(node, std::span(extents.data(), static_cast<std::size_t>(next - extents.data()))));
  return set_output(context, context.inputs[0].dtype, result);
}

template <typename Index>
Status gather(const ReferenceContext& context, std::size_t axis) {
  const Shape& data = context.inputs[0].shape;
  const std::int64_t outer = extent_product(data, 0, axis);
  const std::size_t bytes = dtype_size(context.inputs[0].dtype) *
                            static_cast<std::size_t>(extent_product(data, axis + 1, data.rank()));
  const Index* indices = elements<Index>(context.inputs[1]);
  const std::int64_t count = context.inputs[1].element_count();
  std::byte* result = context.outputs[0].data;
  for (std::int64_t i = 0; i < outer; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      const std::int64_t index = indices[j];
      if (index < -data[axis] || index >= data[axis]) {
        return node_error(context.node, "index {} is outside [{}, {}] of axis {} of {}", index,
                          -data[axis], data[axis] - 1, axis, data.to_string());
      }
      const std::int64_t row = i * data[axis] + (index < 0 ? index + data[axis] : index);
      if (bytes == 0) continue;
      std::memcpy(result, context.inputs[0].data + static_cast<std::size_t>(row) * bytes, bytes);
      result += bytes;
    }
  }
  return {};
}

Status run_gather(const ReferenceContext& context) {
  LODE_TRY(const std::size_t axis, read_gather_axis(context.node, context.inputs[0].shape.rank()));
  if (context.inputs[1].dtype == DType::kI32) return gather<std::int32_t>(context, axis);
  return gather<std::int64_t>(context, axis);
}

}  // namespace

OperatorDef shape_operator() {
  return {.op_type = "Shape",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_shape,
          .infer = infer_shape,
          .reference = run_shape,
          .needs_shapes_only = true};
}

OperatorDef gather_operator() {
  return {.op_type = "Gather",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_gather,
          .infer = infer_gather,
          .reference = run_gather};
}

}  // namespace lode::engine
