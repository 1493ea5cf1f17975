// Element types of tensors and datasets, and the bits of the 16-bit floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lode {

enum class DType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kF64,
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kU64,
  kI64,
  kBool,
};

/// Bytes of one element.
[[nodiscard]] std::size_t dtype_size(DType type);

/// "f32", "u8", ...: the spelling in records, datasets and flags.
[[nodiscard]] std::string_view dtype_name(DType type);

/// The inverse of dtype_name.
[[nodiscard]] std::optional<DType> dtype_from_name(std::string_view name);

/// The DType of a C++ type; DTypeOf<float>::value. F16 and BF16 have no C++ type here.
template <typename T>
struct DTypeOf;
// clang-format off
template <> struct DTypeOf<float> { static constexpr DType value = DType::kF32; };
template <> struct DTypeOf<double> { static constexpr DType value = DType::kF64; };
template <> struct DTypeOf<std::uint8_t> { static constexpr DType value = DType::kU8; };
template <> struct DTypeOf<std::int8_t> { static constexpr DType value = DType::kI8; };
template <> struct DTypeOf<std::uint16_t> { static constexpr DType value = DType::kU16; };
template <> struct DTypeOf<std::int16_t> { static constexpr DType value = DType::kI16; };
template <> struct DTypeOf<std::uint32_t> { static constexpr DType value = DType::kU32; };
template <> struct DTypeOf<std::int32_t> { static constexpr DType value = DType::kI32; };
template <> struct DTypeOf<std::uint64_t> { static constexpr DType value = DType::kU64; };
template <> struct DTypeOf<std::int64_t> { static constexpr DType value = DType::kI64; };
template <> struct DTypeOf<bool> { static constexpr DType value = DType::kBool; };
// clang-format on

/// IEEE 754 binary16 bits to float: exact.
[[nodiscard]] float f16_to_f32(std::uint16_t bits);

/// float to binary16 bits: round to nearest even; overflow becomes infinity; NaN stays NaN.
[[nodiscard]] std::uint16_t f32_to_f16(float value);

/// bfloat16 bits to float: exact.
[[nodiscard]] float bf16_to_f32(std::uint16_t bits);

/// float to bfloat16 bits: round to nearest even; NaN stays NaN.
[[nodiscard]] std::uint16_t f32_to_bf16(float value);

}  // namespace lode
