// Means over axes: ReduceMean and GlobalAveragePool.
#include "engine/ops/broadcast.h"
#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"

namespace lode::engine {
namespace {

constexpr TypeSet kMeanTypes =
    kFloatTypes | types({DType::kI32, DType::kI64, DType::kU32, DType::kU64});

struct Reduction {
  std::uint32_t axes = 0;  ///< one bit an axis
  bool keep = true;        ///< reduced axes stay, with extent 1
};

// `views` have data where the elements are known.
Result<Reduction> read_reduction(const Node& node, const Shape& shape,
                                 std::span<const TensorView> views) {
  Reduction reduction;
  LODE_TRY(reduction.keep, attribute_flag(node, "keepdims", true));
  LODE_TRY(const bool noop, attribute_flag(node, "noop_with_empty_axes", false));
  LODE_TRY(const auto axes, list_attribute_or_input(node, "axes", 18, 1, views));
  if (axes && axes->size() > 0) {
    LODE_TRY(reduction.axes, resolve_axes(node, *axes, shape.rank()));
  } else if (!noop) {
    reduction.axes = (std::uint32_t{1} << shape.rank()) - 1;
  }
  return reduction;
}

// The input's shape with the reduced extents 1, or without them.
Shape reduced_shape(const Shape& shape, const Reduction& reduction, bool keep) {
  Shape result;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const bool reduced = (reduction.axes >> axis & 1U) != 0;
    if (!reduced) result.push_back(shape[axis]);
    if (reduced && keep) result.push_back(1);
  }
  return result;
}

// Integers give whole numbers; a mean of none of them does not exist.
Status check_divisor(const Node& node, DType type, const Shape& input, const Shape& result) {
  if (is_floating(type) || input.element_count() > 0 || result.element_count() == 0) return {};
  return node_error(node, "input 0 of shape {} has no integers to take a mean of",
                    input.to_string());
}

Status check_reduce_mean(const Node& node) {
  return check_signature(node, {.max_inputs = node.opset >= 18 ? 2U : 1U},
                         {{"axes", 1, 17}, {"keepdims"}, {"noop_with_empty_axes", 18}});
}

Status infer_reduce_mean(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kMeanTypes));
  const DType type = context.inputs[0].dtype;
  const Shape& shape = context.inputs[0].shape;
  const KnownInputs known(context);
  LODE_TRY(const Reduction reduction, read_reduction(node, shape, known.views()));
  if (is_unknown(context, 1)) return unknown_outputs(context, type);
  const Shape result = reduced_shape(shape, reduction, reduction.keep);
  LODE_CHECK_OK(check_divisor(node, type, shape, result));
  return set_output(context, type, result);
}

// The quotient as T has it: rounded towards zero for integers.
template <typename T>
T divide(Wide<T> sum, std::int64_t count) {
  if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    return static_cast<T>(static_cast<std::int64_t>(sum) / count);
  } else {
    return narrow<T>(sum / static_cast<Wide<T>>(count));
  }
}

// Walks the kept axes, and under each of their positions the reduced ones.
template <typename T>
void take_means(const ReferenceContext& context, const Reduction& reduction) {
  const Shape& shape = context.inputs[0].shape;
  const Shape strides = shape.strides();
  Shape outer = shape;
  Shape inner = shape;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const bool reduced = (reduction.axes >> axis & 1U) != 0;
    (reduced ? outer : inner)[axis] = 1;
  }
  const std::int64_t count = inner.element_count();
  const T* source = elements<T>(context.inputs[0]);
  T* result = elements<T>(context.outputs[0]);
  for_each_row<1>(outer, {strides}, [&](const Row<1>& kept) {
    for (std::int64_t i = 0; i < kept.count; ++i) {
      const T* first = source + kept.offsets[0] + i * kept.steps[0];
      Wide<T> sum{};
      for_each_row<1>(inner, {strides}, [&](const Row<1>& row) {
        for (std::int64_t j = 0; j < row.count; ++j) {
          sum += widen(first[row.offsets[0] + j * row.steps[0]]);
        }
      });
      result[kept.start + i] = divide<T>(sum, count);
    }
  });
}

Status run_reduce_mean(const ReferenceContext& context) {
  const Shape& shape = context.inputs[0].shape;
  LODE_TRY(const Reduction reduction, read_reduction(context.node, shape, context.inputs));
  LODE_CHECK_OK(
      check_divisor(context.node, context.inputs[0].dtype, shape, context.outputs[0].shape));
  visit_numeric(context.inputs[0].dtype, [&]<typename T>() { take_means<T>(context, reduction); });
  return {};
}

// All axes behind batch and channels.
Reduction spatial_reduction(const Shape& shape) {
  return {.axes = ((std::uint32_t{1} << shape.rank()) - 1) & ~std::uint32_t{3}, .keep = true};
}

Status check_global_average_pool(const Node& node) {
  return check_signature(node, {}, {});
}

Status infer_global_average_pool(InferContext& context) {
  LODE_CHECK_OK(check_type(context, 0, kFloatTypes));
  LODE_CHECK_OK(check_rank(context, 0, 3));
  const Shape& shape = context.inputs[0].shape;
  return set_output(context, context.inputs[0].dtype,
                    reduced_shape(shape, spatial_reduction(shape), true));
}

Status run_global_average_pool(const ReferenceContext& context) {
  const Reduction reduction = spatial_reduction(context.inputs[0].shape);
  visit_floating(context.inputs[0].dtype, [&]<typename T>() { take_means<T>(context, reduction); });
  return {};
}

bool reduces_behind_samples(const Node& node, std::span<const ValueInfo> inputs) {
  std::vector<TensorView> views;
  for (const ValueInfo& input : inputs) {
    views.push_back(input.constant != nullptr ? input.constant->view() : TensorView{});
  }
  const Result<Reduction> reduction = read_reduction(node, inputs[0].shape, views);
  return reduction.ok() && (reduction->axes & 1U) == 0;
}

}  // namespace

OperatorDef reduce_mean_operator() {
  return {.op_type = "ReduceMean",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_reduce_mean,
          .infer = infer_reduce_mean,
          .reference = run_reduce_mean,
          .lower = lower_reduce_mean,
          .layout = LayoutRule::kFollow,
          .keeps_samples = reduces_behind_samples};
}

OperatorDef global_average_pool_operator() {
  return {.op_type = "GlobalAveragePool",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_global_average_pool,
          .infer = infer_global_average_pool,
          .reference = run_global_average_pool,
          .lower = lower_global_average_pool,
          .layout = LayoutRule::kFollow,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
