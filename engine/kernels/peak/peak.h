// What the machine can do at best, to hold kernels against: loops of multiply-adds that never leave
// the registers, in float, in bytes and in pairs of bfloat16, and one that only reads.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/kernels/cpu_features.h"

namespace lode::engine {

/// The two loops in one instruction set. Both return something made of all they did, so that no
/// compiler leaves any of it out; its value means nothing.
struct PeakKernel {
  std::string_view name;
  Isa isa = Isa::kGeneric;
  /// Floating-point operations of one round: a multiplication and an addition count as two.
  std::int64_t flops_per_round = 0;
  /// `rounds` rounds on registers alone, in chains independent enough to hide the latency of each.
  float (*multiply_add)(std::int64_t rounds) = nullptr;
  /// Reads `count` floats, a multiple of kReadStep, from 64-byte aligned memory.
  float (*read)(const float* from, std::int64_t count) = nullptr;

  static constexpr std::int64_t kReadStep = 256;
};

/// All variants, best first.
[[nodiscard]] std::span<const PeakKernel* const> peak_kernels();

/// The best one that needs no more than `cap`.
[[nodiscard]] const PeakKernel& select_peak(Isa cap);

/// FLOP/s of the calling thread: the best of many short blocks within `seconds`, so that an
/// interruption does not count.
[[nodiscard]] double measure_flops(const PeakKernel& kernel, double seconds);

/// Bytes read a second by the calling thread: the best of at least three passes over `from` within
/// `seconds`. What is measured, memory or a cache, hangs on the size of what is read.
[[nodiscard]] double measure_reads(const PeakKernel& kernel, std::span<const float> from,
                                   double seconds);

/// A loop of the products that some kernels of an instruction set are made of instead: exact ones
/// of bytes, u8 times s8, summed up in int32, or floats multiplied as pairs of bfloat16.
struct ProductPeakKernel {
  std::string_view name;
  Isa isa = Isa::kGeneric;
  /// A multiplication and an addition count as two; the three products of a pair as one.
  std::int64_t ops_per_round = 0;
  /// As PeakKernel's.
  float (*multiply_add)(std::int64_t rounds) = nullptr;
};

/// Whether the kernel of this name has products of bytes, as names tell: instruction set, type of
/// the elements, what it does; "avx2_u8_conv".
[[nodiscard]] bool multiplies_bytes(std::string_view kernel);

/// All variants, best first.
[[nodiscard]] std::span<const ProductPeakKernel* const> byte_peak_kernels();

/// The best one that needs no more than `cap`.
[[nodiscard]] const ProductPeakKernel& select_byte_peak(Isa cap);

/// Whether the kernel of this name multiplies floats as pairs of bfloat16.
[[nodiscard]] bool multiplies_pairs(std::string_view kernel);

/// All variants, best first.
[[nodiscard]] std::span<const ProductPeakKernel* const> pair_peak_kernels();

/// The best one that needs no more than `cap`; null where nothing multiplies so.
[[nodiscard]] const ProductPeakKernel* select_pair_peak(Isa cap);

/// Operations a second of the calling thread, as measure_flops() has them.
[[nodiscard]] double measure_products(const ProductPeakKernel& kernel, double seconds);

#define LODE_PEAK_KERNEL(name) extern const PeakKernel name;
#define LODE_BYTE_PEAK_KERNEL(name) extern const ProductPeakKernel name;
#define LODE_PAIR_PEAK_KERNEL(name) extern const ProductPeakKernel name;
#include "engine/kernels/peak/kernels.inc"

}  // namespace lode::engine
