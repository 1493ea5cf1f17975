// Memory for packed weights and scratch.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "base/aligned_memory.h"

namespace lode::engine {

/// A failed allocation that knows how much was asked for.
class NoMemoryForFloats : public std::bad_alloc {
 public:
  explicit NoMemoryForFloats(std::size_t bytes) : bytes_(bytes) {}
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
};

/// Floats at the alignment that kernels may rely on, uninitialised. Throws NoMemoryForFloats.
class AlignedFloats {
 public:
  static constexpr std::size_t kAlignment = kMemoryAlignment;

  explicit AlignedFloats(std::size_t count)
      : data_(reinterpret_cast<float*>(allocate_aligned((count + 1) * sizeof(float)))),
        count_(count) {
    if (data_ == nullptr) throw NoMemoryForFloats(count * sizeof(float));
  }

  [[nodiscard]] float* data() { return data_.get(); }
  [[nodiscard]] const float* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return count_; }

 private:
  std::unique_ptr<float, FreeAligned> data_;
  std::size_t count_;
};

}  // namespace lode::engine
