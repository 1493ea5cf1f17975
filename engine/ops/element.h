// Element types as C++ types, for references that are written once for all of them: 16-bit floats
// get types of their own, and a visitor turns a DType into a template argument.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "base/dtype.h"
#include "base/tensor_view.h"

namespace lode::engine {

/// double to float so that a later rounding to a shorter format rounds only once: an inexact
/// result gets an odd last bit (round to odd), which no tie of the shorter format has.
[[nodiscard]] inline float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (!std::isfinite(nearest) || static_cast<double>(nearest) == value) return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(value)) --bits;
  return std::bit_cast<float>(bits | 1U);
}

/// IEEE 754 binary16.
struct Half {
  std::uint16_t bits = 0;

  Half() = default;
  explicit Half(double value) : bits(f32_to_f16(round_to_odd(value))) {}
  explicit operator double() const { return static_cast<double>(f16_to_f32(bits)); }
};

/// bfloat16.
struct BFloat {
  std::uint16_t bits = 0;

  BFloat() = default;
  explicit BFloat(double value) : bits(f32_to_bf16(round_to_odd(value))) {}
  explicit operator double() const { return static_cast<double>(bf16_to_f32(bits)); }
};

/// A stored boolean: any byte but 0 is true, since a file may hold any.
struct Boolean {
  std::uint8_t byte = 0;

  Boolean() = default;
  explicit Boolean(bool value) : byte(value ? 1 : 0) {}
  explicit operator bool() const { return byte != 0; }
};

/// The elements of a view as T, which must have the size of the view's type.
template <typename T>
[[nodiscard]] const T* elements(const TensorView& view) {
  LODE_ASSERT(sizeof(T) == dtype_size(view.dtype));
  return reinterpret_cast<const T*>(view.data);
}
template <typename T>
[[nodiscard]] T* elements(const MutableTensorView& view) {
  LODE_ASSERT(sizeof(T) == dtype_size(view.dtype));
  return reinterpret_cast<T*>(view.data);
}

/// The elements of an optional input: null if it is omitted.
template <typename T>
[[nodiscard]] const T* optional_elements(std::span<const TensorView> inputs, std::size_t index) {
  if (index >= inputs.size() || inputs[index].data == nullptr) return nullptr;
  return elements<T>(inputs[index]);
}

/// What sums and products of T are computed in: double for floats; for integers 64 bits modulo
/// 2^64, whose low bits are the wrapped result for every signed and unsigned T.
template <typename T>
using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;

template <typename T>
[[nodiscard]] Wide<T> widen(T value) {
  return static_cast<Wide<T>>(value);
}

/// Back to T: rounded to nearest even, or the low bits.
template <typename T>
[[nodiscard]] T narrow(Wide<T> value) {
  return static_cast<T>(value);
}

/// a < b for every T; false if either is a NaN.
template <typename T>
[[nodiscard]] bool is_less(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return a < b;
  } else {
    return widen(a) < widen(b);
  }
}

/// The least value of T; minus infinity for floats.
template <typename T>
[[nodiscard]] T lowest_value() {
  if constexpr (std::is_integral_v<T>) {
    return std::numeric_limits<T>::lowest();
  } else {
    return static_cast<T>(-std::numeric_limits<double>::infinity());
  }
}

/// Calls visitor.operator()<T>() with the T of a floating type: float, double, Half, BFloat.
template <typename Visitor>
decltype(auto) visit_floating(DType type, Visitor&& visitor) {
  switch (type) {
    case DType::kF32:
      return visitor.template operator()<float>();
    case DType::kF64:
      return visitor.template operator()<double>();
    case DType::kF16:
      return visitor.template operator()<Half>();
    case DType::kBF16:
      return visitor.template operator()<BFloat>();
    default:
      assert_failed("a floating element type", __FILE__, __LINE__);
  }
}

/// The same for integers.
template <typename Visitor>
decltype(auto) visit_integer(DType type, Visitor&& visitor) {
  switch (type) {
    case DType::kU8:
      return visitor.template operator()<std::uint8_t>();
    case DType::kI8:
      return visitor.template operator()<std::int8_t>();
    case DType::kU16:
      return visitor.template operator()<std::uint16_t>();
    case DType::kI16:
      return visitor.template operator()<std::int16_t>();
    case DType::kU32:
      return visitor.template operator()<std::uint32_t>();
    case DType::kI32:
      return visitor.template operator()<std::int32_t>();
    case DType::kU64:
      return visitor.template operator()<std::uint64_t>();
    case DType::kI64:
      return visitor.template operator()<std::int64_t>();
    default:
      assert_failed("an integer element type", __FILE__, __LINE__);
  }
}

[[nodiscard]] constexpr bool is_floating(DType type) {
  return type == DType::kF32 || type == DType::kF64 || type == DType::kF16 || type == DType::kBF16;
}

/// The same for floats and integers.
template <typename Visitor>
decltype(auto) visit_numeric(DType type, Visitor&& visitor) {
  if (is_floating(type)) return visit_floating(type, std::forward<Visitor>(visitor));
  return visit_integer(type, std::forward<Visitor>(visitor));
}

/// For operators that only move elements: calls with an unsigned integer of the type's size.
template <typename Visitor>
decltype(auto) visit_storage(DType type, Visitor&& visitor) {
  switch (dtype_size(type)) {
    case 1:
      return visitor.template operator()<std::uint8_t>();
    case 2:
      return visitor.template operator()<std::uint16_t>();
    case 4:
      return visitor.template operator()<std::uint32_t>();
    case 8:
      return visitor.template operator()<std::uint64_t>();
    default:
      assert_failed("an element of 1, 2, 4 or 8 bytes", __FILE__, __LINE__);
  }
}

}  // namespace lode::engine
