// What entropy calibration compares: a distribution with the one that its quantization keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lode::quant {

/// KL(P || Q) in nats of clipping a histogram to its bins [begin, end) and merging these into
/// `levels` groups. P: the kept bins, what lies outside added to the outermost ones. Q: each
/// group's count spread evenly over those of its bins that are not empty in P (S. Migacz, "8-bit
/// inference with TensorRT", GTC 2017); 1e-7 where that is nothing, so that a few elements beyond a
/// gap cost little, and many do not.
[[nodiscard]] double clipping_divergence(std::span<const std::uint64_t> bins, std::size_t begin,
                                         std::size_t end, std::size_t levels);

}  // namespace lode::quant
