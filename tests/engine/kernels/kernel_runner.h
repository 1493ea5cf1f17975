// Runs kernels in tests as the runtime would: tasks in a shuffled order, weights packed, scratch
// aligned and full of NaN, with sentinels around what a kernel may write.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/rng.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/aligned_floats.h"
#include "engine/kernels/kernel.h"

namespace lode::engine {

inline std::vector<float> random_floats(std::int64_t count, std::string_view stream,
                                        float low = -1.0F, float high = 1.0F) {
  Rng rng = make_rng(11, stream);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = uniform_between(rng, low, high);
  return values;
}

inline std::vector<float> magnitudes(std::vector<float> values) {
  for (float& value : values) value = std::fabs(value);
  return values;
}

/// An output of `count` floats with sentinels on both sides; NaN until written.
class GuardedOutput {
 public:
  explicit GuardedOutput(std::int64_t count)
      : values_(static_cast<std::size_t>(count) + 2 * kGuard, kSentinel) {
    std::fill_n(data(), count, std::numeric_limits<float>::quiet_NaN());
  }
  [[nodiscard]] float* data() { return values_.data() + kGuard; }
  [[nodiscard]] std::vector<float> values() const {
    return {values_.begin() + kGuard, values_.end() - kGuard};
  }
  [[nodiscard]] bool guards_intact() const {
    const auto is_sentinel = [](float value) { return value == kSentinel; };
    return std::all_of(values_.begin(), values_.begin() + kGuard, is_sentinel) &&
           std::all_of(values_.end() - kGuard, values_.end(), is_sentinel);
  }

 private:
  static constexpr std::ptrdiff_t kGuard = 64;
  static constexpr float kSentinel = -12345.0F;
  std::vector<float> values_;
};

/// All tasks, last first and odd before even, each on scratch that holds NaN.
template <typename Shape, typename Arguments>
void run_all_tasks(const Kernel<Shape, Arguments>& kernel, const Shape& shape,
                   Arguments arguments) {
  const std::size_t scratch = kernel.scratch_bytes != nullptr ? kernel.scratch_bytes(shape) : 0;
  AlignedFloats memory(scratch / sizeof(float) + 1);
  std::vector<std::int64_t> tasks(static_cast<std::size_t>(kernel.task_count(shape)));
  std::iota(tasks.rbegin(), tasks.rend(), std::int64_t{0});
  std::stable_partition(tasks.begin(), tasks.end(), [](std::int64_t task) { return task % 2; });
  for (const std::int64_t task : tasks) {
    std::fill_n(memory.data(), memory.size(), std::numeric_limits<float>::quiet_NaN());
    if constexpr (requires { arguments.scratch; }) {
      arguments.scratch = reinterpret_cast<std::byte*>(memory.data());
    }
    kernel.run(shape, arguments, task);
  }
}

template <typename Shape, typename Weights, typename Arguments>
AlignedFloats pack_weights(const PackingKernel<Shape, Weights, Arguments>& kernel,
                           const Shape& shape, const Weights& weights) {
  AlignedFloats packed(kernel.packed_floats(shape));
  std::fill_n(packed.data(), packed.size(), std::numeric_limits<float>::quiet_NaN());
  kernel.pack(shape, weights, packed.data());
  return packed;
}

/// "" if each |got - want| <= tolerance * scale, or both are NaN (outputs start as NaN: neither
/// wrote there), else the first element that is off.
inline std::string first_difference(const std::vector<float>& got, const std::vector<float>& want,
                                    const std::vector<float>& scale, double tolerance) {
  if (got.size() != want.size()) return "sizes differ";
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double bound = tolerance * std::fabs(scale[i]);
    const double difference = std::fabs(static_cast<double>(got[i]) - want[i]);
    const bool both_untouched = std::isnan(got[i]) && std::isnan(want[i]);
    if (!(difference <= bound) && !(got[i] == want[i]) && !both_untouched) {
      return fmt::format("element {}: got {}, want {}, difference {} above {}", i, got[i], want[i],
                         difference, bound);
    }
  }
  return "";
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

inline const std::vector<Activation>& all_activations() {
  static const std::vector<Activation> kAll = {
      {ActivationKind::kNone, 0.0F, 0.0F},      {ActivationKind::kRelu, 0.0F, 0.0F},
      {ActivationKind::kLeakyRelu, 0.1F, 0.0F}, {ActivationKind::kClip, -0.25F, 0.5F},
      {ActivationKind::kSigmoid, 0.0F, 0.0F},   {ActivationKind::kHardSigmoid, 0.2F, 0.5F},
      {ActivationKind::kHardSwish, 0.0F, 0.0F}, {ActivationKind::kSilu, 0.0F, 0.0F},
  };
  return kAll;
}

}  // namespace lode::engine
