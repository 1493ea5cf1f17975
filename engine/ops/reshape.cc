// Other shapes for the same elements: Reshape, Flatten, Squeeze, Unsqueeze.
#include <algorithm>

#include "engine/ops/checks.h"
#include "engine/ops/copy.h"

namespace lode::engine {
namespace {

// `wanted` with its 0 (copied from the input, unless `zero_is_zero`) and its -1 resolved.
Result<Shape> resolve_reshape(const Node& node, const Shape& input, const IntList& wanted,
                              bool zero_is_zero) {
  const auto text = [&] { return list_text(wanted.values()); };
  std::array<std::int64_t, IntList::kCapacity> extents{};
  std::optional<std::size_t> inferred;
  std::optional<std::int64_t> rest = 1;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    extents[i] = wanted[i];
    if (wanted[i] == 0 && !zero_is_zero) {
      if (i >= input.rank()) {
        return node_error(node, "shape {} copies extent {} of input {}, which has none", text(), i,
                          input.to_string());
      }
      extents[i] = input[i];
    }
    if (wanted[i] == -1 && !inferred) {
      inferred = i;
      continue;
    }
    if (extents[i] < 0) {
      return node_error(node, "shape {} has more than one -1 or a lesser extent", text());
    }
    if (rest) rest = checked_product(*rest, extents[i]);
  }
  if (!rest) return node_error(node, "shape {} has more than {} elements", text(), kMaxElements);
  const std::int64_t count = input.element_count();
  if (inferred) {
    if (zero_is_zero && *rest == 0) {
      return node_error(node, "shape {} has both 0 and -1 with 'allowzero'=1", text());
    }
    if (*rest == 0 || count % *rest != 0) {
      return node_error(node, "shape {} does not fit the {} elements of input {}", text(), count,
                        input.to_string());
    }
    extents[*inferred] = count / *rest;
    rest = count;
  }
  if (*rest != count) {
    return node_error(node, "shape {} does not fit the {} elements of input {}", text(), count,
                      input.to_string());
  }
  return make_shape(node, std::span(extents.data(), wanted.size()));
}

Status check_reshape(const Node& node) {
  const std::size_t inputs = node.opset >= 5 ? 2 : 1;
  return check_signature(node, {.min_inputs = inputs, .max_inputs = inputs},
                         {{"allowzero", 14}, {"consumed_inputs", 1, 4}, {"shape", 1, 4}});
}

Status infer_reshape(InferContext& context) {
  const Node& node = context.node;
  LODE_TRY(const bool zero_is_zero, attribute_flag(node, "allowzero", false));
  const DType type = context.inputs[0].dtype;
  if (is_unknown(context, 1)) return unknown_outputs(context, type);
  const KnownInputs known(context);
  LODE_TRY(const auto wanted, list_attribute_or_input(node, "shape", 5, 1, known.views()));
  if (!wanted) return node_error(node, "attribute 'shape' is missing");
  LODE_TRY(const Shape result,
           resolve_reshape(node, context.inputs[0].shape, *wanted, zero_is_zero));
  return set_output(context, type, result);
}

Status check_flatten(const Node& node) {
  return check_signature(node, {}, {{"axis"}});
}

Status infer_flatten(InferContext& context) {
  const Node& node = context.node;
  const Shape& shape = context.inputs[0].shape;
  LODE_TRY(const std::int64_t attribute, attribute_int(node, "axis", 1));
  LODE_TRY(const std::size_t axis, resolve_axis(node, attribute, shape.rank(), true));
  return set_output(
      context, context.inputs[0].dtype,
      Shape{extent_product(shape, 0, axis), extent_product(shape, axis, shape.rank())});
}

Status check_squeeze(const Node& node) {
  return check_signature(node, {.max_inputs = node.opset >= 13 ? 2U : 1U}, {{"axes", 1, 12}});
}

Status infer_squeeze(InferContext& context) {
  const Node& node = context.node;
  const DType type = context.inputs[0].dtype;
  const Shape& shape = context.inputs[0].shape;
  if (is_unknown(context, 1)) return unknown_outputs(context, type);
  const KnownInputs known(context);
  LODE_TRY(const auto axes, list_attribute_or_input(node, "axes", 13, 1, known.views()));
  std::uint32_t removed = 0;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) removed |= std::uint32_t{1} << axis;
  }
  if (axes) {
    const std::uint32_t ones = removed;
    LODE_TRY(removed, resolve_axes(node, *axes, shape.rank()));
    if ((removed & ~ones) != 0) {
      return node_error(node, "axes {} of {} are not all of extent 1", list_text(axes->values()),
                        shape.to_string());
    }
  }
  Shape result;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if ((removed >> axis & 1U) == 0) result.push_back(shape[axis]);
  }
  return set_output(context, type, result);
}

Status check_unsqueeze(const Node& node) {
  const std::size_t inputs = node.opset >= 13 ? 2 : 1;
  return check_signature(node, {.min_inputs = inputs, .max_inputs = inputs}, {{"axes", 1, 12}});
}

Status infer_unsqueeze(InferContext& context) {
  const Node& node = context.node;
  const DType type = context.inputs[0].dtype;
  const Shape& shape = context.inputs[0].shape;
  if (is_unknown(context, 1)) return unknown_outputs(context, type);
  const KnownInputs known(context);
  LODE_TRY(const auto axes, list_attribute_or_input(node, "axes", 13, 1, known.views()));
  if (!axes) return node_error(node, "attribute 'axes' is missing");
  const std::size_t rank = shape.rank() + axes->size();
  if (rank > Shape::kMaxRank) {
    return node_error(node, "the result has {} dimensions; at most {} are supported", rank,
                      Shape::kMaxRank);
  }
  LODE_TRY(const std::uint32_t inserted, resolve_axes(node, *axes, rank));
  Shape result;
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    result.push_back((inserted >> axis & 1U) != 0 ? 1 : shape[next++]);
  }
  return set_output(context, type, result);
}

OperatorDef view_operator(std::string_view op_type, Status (*check)(const Node&),
                          Status (*infer)(InferContext&)) {
  return {.op_type = op_type,
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check,
          .infer = infer,
          .reference = copy_elements,
          .is_view = true,
          .keeps_samples = each_sample};
}

}  // namespace

OperatorDef reshape_operator() {
  return view_operator("Reshape", check_reshape, infer_reshape);
}
OperatorDef flatten_operator() {
  return view_operator("Flatten", check_flatten, infer_flatten);
}
OperatorDef squeeze_operator() {
  return view_operator("Squeeze", check_squeeze, infer_squeeze);
}
OperatorDef unsqueeze_operator() {
  return view_operator("Unsqueeze", check_unsqueeze, infer_unsqueeze);
}

}  // namespace lode::engine
