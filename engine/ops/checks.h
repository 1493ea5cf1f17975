// What every operator checks before it computes: attributes, inputs, types, axes and extents.
// References call these too and must not allocate, so lists live in arrays of fixed size.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/ops/operator.h"

namespace lode::engine {

/// The newest operator set whose operators were read for this folder.
inline constexpr std::int64_t kLatestOpset = 25;

/// Most elements of one tensor; also the bound of every single extent, kernel, stride and pad, so
/// that their pairwise products stay far from the ends of int64.
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;

/// "node 'conv1' (Conv): ..."; arguments as fmt::format.
template <typename... Args>
[[nodiscard]] Error node_error(const Node& node, fmt::format_string<Args...> format,
                               Args&&... args) {
  return runtime_error("{}: {}", describe(node), fmt::format(format, std::forward<Args>(args)...));
}

/// An attribute that the operator has from operator set `since` to `until`.
struct AttributeRule {
  std::string_view name;
  std::int64_t since = 1;
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
};

inline constexpr std::size_t kVariadic = std::numeric_limits<std::size_t>::max();

struct Signature {
  std::size_t min_inputs = 1;  ///< the first ones, which must be present
  std::size_t max_inputs = 1;
  std::size_t max_outputs = 1;  ///< the first one must be present
  std::uint32_t omittable = 0;  ///< a bit each: inputs among the first that need not be present
};

/// Counts of inputs and outputs, and that every attribute of the node is one that `attributes`
/// lists for its operator set. Needs no types and no shapes: it is for OperatorDef::check.
[[nodiscard]] Status check_signature(const Node& node, const Signature& signature,
                                     std::initializer_list<AttributeRule> attributes);

/// A set of element types, one bit each.
using TypeSet = std::uint32_t;
[[nodiscard]] constexpr TypeSet types(std::initializer_list<DType> list) {
  TypeSet set = 0;
  for (const DType type : list) set |= TypeSet{1} << static_cast<unsigned>(type);
  return set;
}
inline constexpr TypeSet kFloatTypes = types({DType::kF32, DType::kF64, DType::kF16, DType::kBF16});
inline constexpr TypeSet kIntegerTypes =
    types({DType::kU8, DType::kI8, DType::kU16, DType::kI16, DType::kU32, DType::kI32, DType::kU64,
           DType::kI64});
inline constexpr TypeSet kNumericTypes = kFloatTypes | kIntegerTypes;
inline constexpr TypeSet kIndexTypes = types({DType::kI32, DType::kI64});

/// Input `index`, if present, has one of the types.
[[nodiscard]] Status check_type(const InferContext& context, std::size_t index, TypeSet allowed);

/// All present inputs from `first` on have the type of input 0.
[[nodiscard]] Status check_same_types(const InferContext& context, std::size_t first = 1);

/// Input `index` has between `low` and `high` dimensions.
[[nodiscard]] Status check_rank(const InferContext& context, std::size_t index, std::size_t low,
                                std::size_t high = Shape::kMaxRank);

/// The activation that a pass fused, if any, is well-formed and stands on an f32 result.
[[nodiscard]] Status check_fused_activation(const InferContext& context);

/// `axis` of a tensor of `rank`, from the end if negative: in [-rank, rank), or [-rank, rank] if
/// the axis names a gap between dimensions (`or_end`).
[[nodiscard]] Result<std::size_t> resolve_axis(const Node& node, std::int64_t axis,
                                               std::size_t rank, bool or_end = false);

/// The integer attribute `name`, which must be 0 or 1.
[[nodiscard]] Result<bool> attribute_flag(const Node& node, std::string_view name, bool fallback);

/// The integer attribute `name` in [low, high].
[[nodiscard]] Result<std::int64_t> attribute_within(const Node& node, std::string_view name,
                                                    std::int64_t fallback, std::int64_t low,
                                                    std::int64_t high);

/// The integer list `name` without a copy; none if absent.
[[nodiscard]] Result<std::optional<std::span<const std::int64_t>>> attribute_list(
    const Node& node, std::string_view name);

/// "[1,2]", cut to what an error's one line can hold.
[[nodiscard]] std::string list_text(std::span<const std::int64_t> values);

/// A short list of integers: axes, extents, or pads at both ends of each axis.
class IntList {
 public:
  static constexpr std::size_t kCapacity = 2 * Shape::kMaxRank;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<const std::int64_t> values() const { return {values_.data(), size_}; }
  [[nodiscard]] std::int64_t operator[](std::size_t index) const { return values()[index]; }
  void push_back(std::int64_t value) {
    LODE_ASSERT(size_ < kCapacity);
    values_[size_++] = value;
  }

 private:
  std::array<std::int64_t, kCapacity> values_{};
  std::size_t size_ = 0;
};

/// Copies a list whose name in errors is `name`; too long a one is an error.
[[nodiscard]] Result<IntList> make_list(const Node& node, std::string_view name,
                                        std::span<const std::int64_t> values);

/// The i32 or i64 elements of a tensor of rank 0 or 1.
[[nodiscard]] Result<IntList> make_list(const Node& node, std::string_view name,
                                        const TensorView& tensor);

/// A list that was an attribute and became an input in operator set `input_since`; none if absent.
/// `inputs` have data where the elements are known.
[[nodiscard]] Result<std::optional<IntList>> list_attribute_or_input(
    const Node& node, std::string_view name, std::int64_t input_since, std::size_t input_index,
    std::span<const TensorView> inputs);

/// Axes of a tensor of `rank`, resolved, each at most once, as a set of bits.
[[nodiscard]] Result<std::uint32_t> resolve_axes(const Node& node, const IntList& axes,
                                                 std::size_t rank);

/// A shape with no negative extent, of at most Shape::kMaxRank dimensions and kMaxElements.
[[nodiscard]] Result<Shape> make_shape(const Node& node, std::span<const std::int64_t> extents);

/// a * b for non-negative numbers, or none beyond kMaxElements.
[[nodiscard]] std::optional<std::int64_t> checked_product(std::int64_t a, std::int64_t b);

/// The product of extents [begin, end) of a valid shape.
[[nodiscard]] std::int64_t extent_product(const Shape& shape, std::size_t begin, std::size_t end);

/// The inputs of inference as views: with data where the elements are known, else data is null.
class KnownInputs {
 public:
  explicit KnownInputs(const InferContext& context);
  [[nodiscard]] std::span<const TensorView> views() const { return {views_.data(), size_}; }

 private:
  static constexpr std::size_t kCapacity = 4;
  std::array<TensorView, kCapacity> views_{};
  std::size_t size_ = 0;
};

/// Input `index` is present, and its elements are not known: what follows from them is not either.
[[nodiscard]] bool is_unknown(const InferContext& context, std::size_t index);

/// Says that the outputs' shapes depend on the data; `type` is their element type.
[[nodiscard]] Status unknown_outputs(InferContext& context, DType type);

/// Fills the first output; an existing second one is the caller's.
[[nodiscard]] Status set_output(InferContext& context, DType type, const Shape& shape);

}  // namespace lode::engine
