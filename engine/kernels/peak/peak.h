// What the machine can do at best, to hold kernels against: loops of multiply-adds that never leave
// the registers, in float and in bytes, and one that only reads.
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

/// A loop of exact products of bytes, u8 times s8, summed up in int32: what the integer kernels of
/// an instruction set are made of.
struct BytePeakKernel {
  std::string_view name;
  Isa isa = Isa::kGeneric;
  /// A multiplication and an addition count as two.
  std::int64_t ops_per_round = 0;
  /// As PeakKernel's.
  float (*multiply_add)(std::int64_t rounds) = nullptr;
};

/// Whether the kernel of this name has products of bytes, as names tell: instruction set, type of
/// the elements, what it does; "avx2_u8_conv".
[[nodiscard]] bool multiplies_bytes(std::string_view kernel);

/// All variants, best first.
[[nodiscard]] std::span<const BytePeakKernel* const> byte_peak_kernels();

/// The best one that needs no more than `cap`.
[[nodiscard]] const BytePeakKernel& select_byte_peak(Isa cap);

/// Operations a second of the calling thread, as measure_flops() has them.
[[nodiscard]] double measure_byte_ops(const BytePeakKernel& kernel, double seconds);

#define LODE_PEAK_KERNEL(name) extern const PeakKernel name;
#define LODE_BYTE_PEAK_KERNEL(name) extern const BytePeakKernel name;
#include "engine/kernels/peak/kernels.inc"

}  // namespace lode::engine
