// The part of packet.h that is better not inlined.
#include "engine/kernels/packet.h"

namespace lode::engine {

namespace {

/// 1 + e^-x
Packet logistic_divisor(const Packet& x) {
  return add(broadcast(1.0F), Eigen::internal::pexp(Eigen::internal::pnegate(x)));
}

}  // namespace

Packet sigmoid(const Packet& x) {
  return divide(broadcast(1.0F), logistic_divisor(x));
}

Packet silu(const Packet& x) {
  return divide(x, logistic_divisor(x));
}

}  // namespace lode::engine
