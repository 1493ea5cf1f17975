// The interval of real values that a quantized tensor can hold.
#pragma once

#include <algorithm>

namespace lode::quant {

/// low <= 0 <= high: zero is exact in every scheme, since padding and ReLU make zeros.
struct Range {
  float low = 0.0F;
  float high = 0.0F;

  void cover(const Range& other) {
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
  friend bool operator==(const Range&, const Range&) = default;
};

}  // namespace lode::quant
