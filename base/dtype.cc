#include "base/dtype.h"

#include <array>
#include <bit>

#include "base/assert.h"

namespace lode {
namespace {

struct DTypeRow {
  DType type;
  std::size_t size;
  std::string_view name;
};

constexpr std::array kTypes = {
    DTypeRow{DType::kF32, 4, "f32"},   DTypeRow{DType::kF16, 2, "f16"},
    DTypeRow{DType::kBF16, 2, "bf16"}, DTypeRow{DType::kF64, 8, "f64"},
    DTypeRow{DType::kU8, 1, "u8"},     DTypeRow{DType::kI8, 1, "i8"},
    DTypeRow{DType::kU16, 2, "u16"},   DTypeRow{DType::kI16, 2, "i16"},
    DTypeRow{DType::kU32, 4, "u32"},   DTypeRow{DType::kI32, 4, "i32"},
    DTypeRow{DType::kU64, 8, "u64"},   DTypeRow{DType::kI64, 8, "i64"},
    DTypeRow{DType::kBool, 1, "bool"},
};

const DTypeRow& row(DType type) {
  const auto& found = kTypes[static_cast<std::size_t>(type)];
  LODE_ASSERT(found.type == type);
  return found;
}

}  // namespace

std::size_t dtype_size(DType type) {
  return row(type).size;
}

std::string_view dtype_name(DType type) {
  return row(type).name;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const auto& candidate : kTypes) {
    if (candidate.name == name) return candidate.type;
  }
  return std::nullopt;
}

float f16_to_f32(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits & 0x8000U} << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 0x1FU) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13));
  if (exponent != 0) {
    return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | (mantissa << 13));
  }
  // Subnormal: the mantissa counts units of 2^-24, which a float holds exactly.
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

std::uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);
  if (magnitude < 0x38800000U) {
    // Adding 0.5 aligns the units of 2^-24 with the float's last bit, so the addition itself
    // rounds.
    const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(aligned) - 0x3F000000U));
  }
  const std::uint32_t odd = (magnitude >> 13) & 1U;
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xFFFU + odd) >> 13));
}

float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

}  // namespace lode
