// Transpose.
#include "engine/ops/broadcast.h"
#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"

namespace lode::engine {
namespace {

// Which input axis each output axis is; the reverse if the attribute is absent.
Result<std::array<std::size_t, Shape::kMaxRank>> read_permutation(const Node& node,
                                                                  std::size_t rank) {
  std::array<std::size_t, Shape::kMaxRank> permutation{};
  for (std::size_t axis = 0; axis < rank; ++axis) permutation[axis] = rank - 1 - axis;
  LODE_TRY(const auto attribute, attribute_list(node, "perm"));
  if (!attribute) return permutation;
  if (attribute->size() != rank) {
    return node_error(node, "attribute 'perm'={} does not permute {} axes", list_text(*attribute),
                      rank);
  }
  LODE_TRY(const IntList list, make_list(node, "perm", *attribute));
  LODE_CHECK_OK(resolve_axes(node, list, rank));
  for (std::size_t axis = 0; axis < rank; ++axis) {
    LODE_TRY(permutation[axis], resolve_axis(node, list[axis], rank));
  }
  return permutation;
}

Status check_transpose(const Node& node) {
  return check_signature(node, {}, {{"perm"}});
}

Status infer_transpose(InferContext& context) {
  const Shape& input = context.inputs[0].shape;
  LODE_TRY(const auto permutation, read_permutation(context.node, input.rank()));
  Shape result = input;
  for (std::size_t axis = 0; axis < input.rank(); ++axis) result[axis] = input[permutation[axis]];
  return set_output(context, context.inputs[0].dtype, result);
}

Status run_transpose(const ReferenceContext& context) {
  const Shape& input = context.inputs[0].shape;
  LODE_TRY(const auto permutation, read_permutation(context.node, input.rank()));
  const Shape dense = input.strides();
  Shape strides = input;
  for (std::size_t axis = 0; axis < input.rank(); ++axis) strides[axis] = dense[permutation[axis]];
  visit_storage(context.inputs[0].dtype, [&]<typename T>() {
    const T* source = elements<T>(context.inputs[0]);
    T* result = elements<T>(context.outputs[0]);
    for_each_row<1>(context.outputs[0].shape, {strides}, [&](const Row<1>& row) {
      for (std::int64_t i = 0; i < row.count; ++i) {
        result[row.start + i] = source[row.offsets[0] + i * row.steps[0]];
      }
    });
  });
  return {};
}

bool keeps_leading_axis(const Node& node, std::span<const ValueInfo> inputs) {
  const auto permutation = read_permutation(node, inputs[0].shape.rank());
  return permutation.ok() && (*permutation)[0] == 0;
}

}  // namespace

OperatorDef transpose_operator() {
  return {.op_type = "Transpose",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_transpose,
          .infer = infer_transpose,
          .reference = run_transpose,
          .lower = lower_transpose,
          .layout = LayoutRule::kFollow,
          .keeps_samples = keeps_leading_axis};
}

}  // namespace lode::engine
