// The baseline build's vectors: Eigen's packets under short names, with the fused activations on
// them. For *_eigen.cc files only, which are built without -m flags: an inline function of a
// library in a file with such flags could end up as the copy that the whole binary uses.
#pragma once

#include <Eigen/Core>

#include "engine/kernels/activation.h"

namespace lode::engine {

using Packet = Eigen::internal::packet_traits<float>::type;
/// Floats in a packet: 4 with SSE2 and NEON, 1 where Eigen knows no vectors.
inline constexpr int kLanes = Eigen::internal::packet_traits<float>::size;

inline Packet load(const float* from) {
  return Eigen::internal::ploadu<Packet>(from);
}
inline void store(float* to, const Packet& value) {
  Eigen::internal::pstoreu(to, value);
}
/// The first `count` lanes, from elements `stride` apart; zeros behind them. With store_first() the
/// rest of a row takes the very operations of whole packets: no result hangs on where a row ends.
inline Packet load_first(std::int64_t count, const float* from, std::int64_t stride = 1) {
  float lanes[kLanes] = {};
  for (std::int64_t i = 0; i < count; ++i) lanes[i] = from[i * stride];
  return load(lanes);
}
inline void store_first(std::int64_t count, float* to, const Packet& value) {
  float lanes[kLanes];
  store(lanes, value);
  for (std::int64_t i = 0; i < count; ++i) to[i] = lanes[i];
}
inline Packet broadcast(float value) {
  return Eigen::internal::pset1<Packet>(value);
}
inline Packet add(const Packet& a, const Packet& b) {
  return Eigen::internal::padd(a, b);
}
inline Packet subtract(const Packet& a, const Packet& b) {
  return Eigen::internal::psub(a, b);
}
inline Packet multiply(const Packet& a, const Packet& b) {
  return Eigen::internal::pmul(a, b);
}
inline Packet divide(const Packet& a, const Packet& b) {
  return Eigen::internal::pdiv(a, b);
}
/// a * b + c
inline Packet multiply_add(const Packet& a, const Packet& b, const Packet& c) {
  return Eigen::internal::pmadd(a, b, c);
}

/// max(a, low) and min(a, high); NaN where `a` is: Eigen's packets return their first operand then.
inline Packet at_least(const Packet& a, const Packet& low) {
  return Eigen::internal::pmax(a, low);
}
inline Packet at_most(const Packet& a, const Packet& high) {
  return Eigen::internal::pmin(a, high);
}

/// The greater one; NaN where either is.
inline Packet maximum_or_nan(const Packet& a, const Packet& b) {
  return Eigen::internal::pmax<Eigen::PropagateNaN>(a, b);
}

/// Out of line: the exponential's polynomial would otherwise be repeated in every epilogue.
Packet sigmoid(const Packet& x);
Packet silu(const Packet& x);

/// apply_activation() on a packet.
inline Packet activate(const Activation& activation, const Packet& x) {
  const Packet zero = broadcast(0.0F);
  const Packet one = broadcast(1.0F);
  switch (activation.kind) {
    case ActivationKind::kNone:
      return x;
    case ActivationKind::kRelu:
      return at_least(x, zero);
    case ActivationKind::kLeakyRelu:
      // One of the two terms is 0 (or both are NaN).
      return multiply_add(at_most(x, zero), broadcast(activation.alpha), at_least(x, zero));
    case ActivationKind::kClip:
      return at_most(at_least(x, broadcast(activation.alpha)), broadcast(activation.beta));
    case ActivationKind::kSigmoid:
      return sigmoid(x);
    case ActivationKind::kHardSigmoid:
      return at_least(
          at_most(multiply_add(x, broadcast(activation.alpha), broadcast(activation.beta)), one),
          zero);
    case ActivationKind::kHardSwish:
      return multiply(
          x,
          at_least(at_most(multiply_add(x, broadcast(1.0F / 6.0F), broadcast(0.5F)), one), zero));
    case ActivationKind::kSilu:
      return silu(x);
  }
  return x;
}

}  // namespace lode::engine
