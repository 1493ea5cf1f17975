// requantise.h's step on a vector type, for files with -m flags: everything is inlined by force.
#pragma once

#include "engine/kernels/qconv/requantise.h"
#include "engine/kernels/simd_math.h"

namespace lode::engine {

/// The activations in the arithmetic of apply_activation(), each operation rounded by itself:
/// simd_math.h's are fused.
template <ActivationKind kKind, typename V>
[[nodiscard, gnu::always_inline]] inline V activate_unfused(const Activation& activation, V x) {
  if constexpr (kKind == ActivationKind::kHardSigmoid) {
    const V line = add(multiply(V::broadcast(activation.alpha), x), V::broadcast(activation.beta));
    return at_least(at_most(line, V::broadcast(1.0F)), V::zero());
  } else if constexpr (kKind == ActivationKind::kHardSwish) {
    const V line = add(multiply(x, V::broadcast(1.0F / 6.0F)), V::broadcast(0.5F));
    return multiply(x, at_least(at_most(line, V::broadcast(1.0F)), V::zero()));
  } else {
    return activate_vector<kKind>(activation, x);
  }
}

/// requantised(), up to the last addition of the zero point.
template <ActivationKind kKind, typename V>
[[nodiscard, gnu::always_inline]] inline V bounded(const Requantisation& to, V v) {
  if constexpr (kKind == ActivationKind::kLeakyRelu) {
    v = activate_unfused<kKind>(to.activation, v);
  } else if constexpr (kKind != ActivationKind::kNone) {
    v = multiply(activate_unfused<kKind>(to.activation, multiply(v, V::broadcast(to.scale))),
                 V::broadcast(to.inverse));
  }
  return number_at_most(number_at_least(v, V::broadcast(to.low)), V::broadcast(to.high));
}

}  // namespace lode::engine
