// Memory for packed weights and scratch.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "base/assert.h"

namespace lode::engine {

/// Floats at the alignment that kernels may rely on, uninitialised.
class AlignedFloats {
 public:
  static constexpr std::size_t kAlignment = 64;

  explicit AlignedFloats(std::size_t count)
      : data_(static_cast<float*>(std::aligned_alloc(kAlignment, round_up(count * sizeof(float))))),
        count_(count) {
    LODE_ASSERT(data_ != nullptr);
  }

  [[nodiscard]] float* data() { return data_.get(); }
  [[nodiscard]] const float* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return count_; }

 private:
  struct Free {
    void operator()(float* pointer) const { std::free(pointer); }
  };
  static constexpr std::size_t round_up(std::size_t bytes) {
    return (bytes + kAlignment) / kAlignment * kAlignment;
  }

  std::unique_ptr<float, Free> data_;
  std::size_t count_;
};

}  // namespace lode::engine
