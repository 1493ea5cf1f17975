// The checks of checks.h: each error names the node, the attribute or input, and the value.
#include "engine/ops/checks.h"

#include <algorithm>

#include "engine/graph/quote.h"
#include "engine/ops/activation.h"
#include "engine/ops/element.h"

namespace lode::engine {
namespace {

// What an error's one line can hold of a value.
std::string shortened(const std::string& text) {
  constexpr std::size_t kMaxBytes = 120;
  return text.size() <= kMaxBytes ? text : text.substr(0, kMaxBytes) + "...";
}

Status check_attributes(const Node& node, std::initializer_list<AttributeRule> rules) {
  for (const auto& [name, value] : node.attributes) {
    const auto rule =
        std::find_if(rules.begin(), rules.end(),
                     [&wanted = name](const AttributeRule& each) { return each.name == wanted; });
    if (rule == rules.end()) {
      return node_error(node, "attribute {}={} is not one that is supported", quote(name),
                        shortened(attribute_text(value)));
    }
    if (node.opset < rule->since || node.opset > rule->until) {
      return node_error(node, "attribute {}={} does not exist in operator set {}", quote(name),
                        shortened(attribute_text(value)), node.opset);
    }
  }
  return {};
}

std::string type_names(TypeSet set) {
  std::string text;
  for (unsigned bit = 0; bit <= static_cast<unsigned>(DType::kBool); ++bit) {
    if ((set >> bit & 1U) == 0) continue;
    if (!text.empty()) text += ", ";
    text += dtype_name(static_cast<DType>(bit));
  }
  return text;
}

}  // namespace

Status check_signature(const Node& node, const Signature& signature,
                       std::initializer_list<AttributeRule> attributes) {
  const std::size_t inputs = node.inputs.size();
  if (inputs < signature.min_inputs || inputs > signature.max_inputs) {
    return signature.max_inputs == kVariadic
               ? node_error(node, "has {} inputs; at least {} are needed", inputs,
                            signature.min_inputs)
               : node_error(node, "has {} inputs; {} to {} are needed", inputs,
                            signature.min_inputs, signature.max_inputs);
  }
  const std::size_t required = signature.max_inputs == kVariadic ? inputs : signature.min_inputs;
  for (std::size_t index = 0; index < required; ++index) {
    const bool may_be_omitted = index < 32 && (signature.omittable >> index & 1U) != 0;
    if (node.inputs[index] == kNoValue && !may_be_omitted) {
      return node_error(node, "input {} is omitted, but needed", index);
    }
  }
  const std::size_t outputs = node.outputs.size();
  if (outputs < 1 || outputs > signature.max_outputs) {
    return node_error(node, "has {} outputs; 1 to {} are possible", outputs, signature.max_outputs);
  }
  return check_attributes(node, attributes);
}

Status check_type(const InferContext& context, std::size_t index, TypeSet allowed) {
  if (index >= context.inputs.size() || !context.inputs[index].present) return {};
  const DType type = context.inputs[index].dtype;
  if ((types({type}) & allowed) != 0) return {};
  return node_error(context.node, "input {} has element type {}; supported are {}", index,
                    dtype_name(type), type_names(allowed));
}

Status check_same_types(const InferContext& context, std::size_t first) {
  for (std::size_t index = first; index < context.inputs.size(); ++index) {
    if (!context.inputs[index].present) continue;
    if (context.inputs[index].dtype == context.inputs[0].dtype) continue;
    return node_error(context.node, "input {} has element type {}, but input 0 has {}", index,
                      dtype_name(context.inputs[index].dtype), dtype_name(context.inputs[0].dtype));
  }
  return {};
}

Status check_rank(const InferContext& context, std::size_t index, std::size_t low,
                  std::size_t high) {
  const Shape& shape = context.inputs[index].shape;
  if (shape.rank() >= low && shape.rank() <= high) return {};
  return node_error(context.node, "input {} has shape {} of rank {}; supported are {} to {}", index,
                    shape.to_string(), shape.rank(), low, high);
}

Status check_fused_activation(const InferContext& context) {
  LODE_TRY(const Activation activation, fused_activation(context.node));
  if (activation.kind == ActivationKind::kNone || context.inputs[0].dtype == DType::kF32) return {};
  return node_error(context.node, "a fused activation needs element type f32, not {}",
                    dtype_name(context.inputs[0].dtype));
}

Result<std::size_t> resolve_axis(const Node& node, std::int64_t axis, std::size_t rank,
                                 bool or_end) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  const std::int64_t last = or_end ? signed_rank : signed_rank - 1;
  if (axis < -signed_rank || axis > last) {
    return node_error(node, "axis {} is outside [{}, {}] for rank {}", axis, -signed_rank, last,
                      rank);
  }
  return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
}

Result<bool> attribute_flag(const Node& node, std::string_view name, bool fallback) {
  LODE_TRY(const std::int64_t value, attribute_within(node, name, fallback ? 1 : 0, 0, 1));
  return value != 0;
}

Result<std::int64_t> attribute_within(const Node& node, std::string_view name,
                                      std::int64_t fallback, std::int64_t low, std::int64_t high) {
  LODE_TRY(const std::int64_t value, attribute_int(node, name, fallback));
  if (value >= low && value <= high) return value;
  return node_error(node, "attribute '{}'={} is outside [{}, {}]", name, value, low, high);
}

Result<std::optional<std::span<const std::int64_t>>> attribute_list(const Node& node,
                                                                    std::string_view name) {
  using List = std::optional<std::span<const std::int64_t>>;
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return List();
  const auto* values = std::get_if<std::vector<std::int64_t>>(&found->second);
  if (values != nullptr) return List(*values);
  return node_error(node, "attribute '{}'={} is not a list of integers", name,
                    shortened(attribute_text(found->second)));
}

std::string list_text(std::span<const std::int64_t> values) {
  return shortened(attribute_text(std::vector<std::int64_t>(values.begin(), values.end())));
}

Result<IntList> make_list(const Node& node, std::string_view name,
                          std::span<const std::int64_t> values) {
  if (values.size() > IntList::kCapacity) {
    return node_error(node, "'{}' has {} entries; at most {} are supported", name, values.size(),
                      IntList::kCapacity);
  }
  IntList list;
  for (const std::int64_t value : values) list.push_back(value);
  return list;
}

Result<IntList> make_list(const Node& node, std::string_view name, const TensorView& tensor) {
  if (tensor.shape.rank() > 1 || (types({tensor.dtype}) & kIndexTypes) == 0) {
    return node_error(node, "'{}' is {}{}; a list of i64 or i32 is needed", name,
                      dtype_name(tensor.dtype), tensor.shape.to_string());
  }
  const auto count = static_cast<std::size_t>(tensor.element_count());
  if (tensor.dtype == DType::kI64) {
    return make_list(node, name, std::span(elements<std::int64_t>(tensor), count));
  }
  std::array<std::int64_t, IntList::kCapacity> widened{};
  const auto* values = elements<std::int32_t>(tensor);
  std::copy_n(values, std::min(count, widened.size()), widened.begin());
  if (count > widened.size()) {
    return node_error(node, "'{}' has {} entries; at most {} are supported", name, count,
                      widened.size());
  }
  return make_list(node, name, std::span(widened.data(), count));
}

Result<std::optional<IntList>> list_attribute_or_input(const Node& node, std::string_view name,
                                                       std::int64_t input_since,
                                                       std::size_t input_index,
                                                       std::span<const TensorView> inputs) {
  if (node.opset < input_since) {
    LODE_TRY(const auto values, attribute_list(node, name));
    if (!values) return std::optional<IntList>();
    LODE_TRY(const IntList list, make_list(node, name, *values));
    return std::optional(list);
  }
  if (input_index >= inputs.size() || inputs[input_index].data == nullptr) {
    return std::optional<IntList>();
  }
  LODE_TRY(const IntList list, make_list(node, name, inputs[input_index]));
  return std::optional(list);
}

Result<std::uint32_t> resolve_axes(const Node& node, const IntList& axes, std::size_t rank) {
  std::uint32_t set = 0;
  for (const std::int64_t each : axes.values()) {
    LODE_TRY(const std::size_t axis, resolve_axis(node, each, rank));
    const std::uint32_t bit = std::uint32_t{1} << axis;
    if ((set & bit) != 0) return node_error(node, "axis {} is listed twice", axis);
    set |= bit;
  }
  return set;
}

Result<Shape> make_shape(const Node& node, std::span<const std::int64_t> extents) {
  if (extents.size() > Shape::kMaxRank) {
    return node_error(node, "the result has {} dimensions; at most {} are supported",
                      extents.size(), Shape::kMaxRank);
  }
  Shape shape;
  std::optional<std::int64_t> count = 1;
  for (const std::int64_t extent : extents) {
    if (extent < 0) return node_error(node, "the result has a negative extent, {}", extent);
    shape.push_back(extent);
    if (extent > 0 && count) count = checked_product(*count, extent);
  }
  // Extents of 0 do not excuse the others: a later reshape or reduction could drop them.
  if (!count) {
    return node_error(node, "the result's shape {} has more than {} elements", shape.to_string(),
                      kMaxElements);
  }
  return shape;
}

std::optional<std::int64_t> checked_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) || product > kMaxElements) return std::nullopt;
  return product;
}

std::int64_t extent_product(const Shape& shape, std::size_t begin, std::size_t end) {
  std::int64_t product = 1;
  for (std::size_t axis = begin; axis < end; ++axis) product *= shape[axis];
  return product;
}

KnownInputs::KnownInputs(const InferContext& context) {
  for (const ValueInfo& input : context.inputs) {
    if (size_ == kCapacity) break;
    TensorView& view = views_[size_++];
    view.dtype = input.dtype;
    view.shape = input.shape;
    if (input.present && input.constant != nullptr) view.data = input.constant->view().data;
  }
}

bool is_unknown(const InferContext& context, std::size_t index) {
  return index < context.inputs.size() && context.inputs[index].present &&
         context.inputs[index].constant == nullptr;
}

Status unknown_outputs(InferContext& context, DType type) {
  for (ValueInfo& output : context.outputs) {
    output.present = true;
    output.dtype = type;
    output.shape = Shape();
    output.known_shape = false;
  }
  return {};
}

Status set_output(InferContext& context, DType type, const Shape& shape) {
  LODE_TRY(context.outputs[0].shape, make_shape(context.node, shape.extents()));
  context.outputs[0].present = true;
  context.outputs[0].dtype = type;
  context.outputs[0].known_shape = true;
  return {};
}

}  // namespace lode::engine
