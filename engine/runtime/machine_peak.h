// What this machine reaches on the processors of a session: the limits a profile is held against.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/kernels/cpu_features.h"
#include "engine/runtime/session.h"

namespace lode::engine {

struct MachinePeak {
  std::string kernel;  ///< whose loops were measured: "avx512_f32_peak"
  int threads = 1;
  double flops_per_s = 0.0;     ///< of all threads at once, on registers alone
  std::string byte_kernel;      ///< likewise: "avx512vnni_u8_peak"
  double byte_ops_per_s = 0.0;  ///< of products of bytes, a multiply-add counting as two
  /// Likewise of floats that are multiplied as pairs of bfloat16, three products counting as one;
  /// "" and 0 where nothing multiplies so.
  std::string pair_kernel;
  double pair_flops_per_s = 0.0;
  double read_bytes_per_s = 0.0;  ///< of all threads at once, from memory beyond the caches

  /// Operations a second that the kernel of this name may reach, by what it multiplies.
  [[nodiscard]] double ops_per_s(std::string_view name) const;
  /// The least that a step's operations take, each at the peak of the kernel that makes them.
  [[nodiscard]] double seconds(const StepInfo& step) const;
};

/// Measures for about a third of a second, with the best loops within `cap`. Takes 64 MB a thread
/// meanwhile.
[[nodiscard]] Result<MachinePeak> measure_machine_peak(Isa cap, const SessionOptions& options);

}  // namespace lode::engine
