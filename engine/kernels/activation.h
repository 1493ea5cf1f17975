// The activations that kernels can apply to a result while it is in registers, with the formula
// that each of them must reproduce.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace lode::engine {

enum class ActivationKind : std::uint8_t {
  kNone,
  kRelu,
  kLeakyRelu,  ///< alpha: slope below 0
  kClip,       ///< alpha: low, beta: high
  kSigmoid,
  kHardSigmoid,  ///< max(0, min(1, alpha*x + beta))
  kHardSwish,    ///< x * max(0, min(1, x/6 + 0.5))
};

struct Activation {
  ActivationKind kind = ActivationKind::kNone;
  float alpha = 0.0F;
  float beta = 0.0F;
};

/// One element, in the arithmetic of T: float, or double where a reference wants it. A NaN stays a
/// NaN.
template <typename T>
[[nodiscard]] inline T apply_activation(const Activation& activation, T x) {
  const auto alpha = static_cast<T>(activation.alpha);
  const auto beta = static_cast<T>(activation.beta);
  switch (activation.kind) {
    case ActivationKind::kNone:
      return x;
    case ActivationKind::kRelu:
      return x < T(0) ? T(0) : x;
    case ActivationKind::kLeakyRelu:
      return x < T(0) ? alpha * x : x;
    case ActivationKind::kClip:
      x = x < alpha ? alpha : x;
      return x > beta ? beta : x;
    case ActivationKind::kSigmoid:
      return T(1) / (T(1) + std::exp(-x));
    case ActivationKind::kHardSigmoid:
      return std::max(std::min(alpha * x + beta, T(1)), T(0));
    case ActivationKind::kHardSwish:
      return x * std::max(std::min(x * (T(1) / T(6)) + T(0.5), T(1)), T(0));
  }
  return x;
}

}  // namespace lode::engine
