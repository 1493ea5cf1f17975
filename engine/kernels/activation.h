// The activations that kernels can apply to a result while it is in registers, with the formula
// that each of them must reproduce.
#pragma once

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
  kSilu,         ///< x * sigmoid(x)
};

struct Activation {
  ActivationKind kind = ActivationKind::kNone;
  float alpha = 0.0F;
  float beta = 0.0F;
};

/// One element, in the arithmetic of T: float, or double where a reference wants it. A NaN stays a
/// NaN.
template <typename T>
[[nodiscard, gnu::always_inline]] inline T apply_activation(const Activation& activation, T x) {
  const auto alpha = static_cast<T>(activation.alpha);
  const auto beta = static_cast<T>(activation.beta);
  T gate{};
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
      x = alpha * x + beta;
      x = x > T(1) ? T(1) : x;
      return x < T(0) ? T(0) : x;
    case ActivationKind::kHardSwish:
      gate = x * (T(1) / T(6)) + T(0.5);
      gate = gate > T(1) ? T(1) : gate;
      return x * (gate < T(0) ? T(0) : gate);
    case ActivationKind::kSilu:
      return x / (T(1) + std::exp(-x));
  }
  return x;
}

}  // namespace lode::engine
