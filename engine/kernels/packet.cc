// The part of packet.h that is better not inlined.
#include "engine/kernels/packet.h"

namespace lode::engine {

Packet sigmoid(const Packet& x) {
  const Packet one = broadcast(1.0F);
  const Packet exponential = Eigen::internal::pexp(Eigen::internal::pnegate(x));
  return divide(one, add(one, exponential));
}

}  // namespace lode::engine
