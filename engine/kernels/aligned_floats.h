// Memory for packed weights and scratch.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

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
  static constexpr std::size_t kAlignment = 64;

  explicit AlignedFloats(std::size_t count)
      : data_(static_cast<float*>(std::aligned_alloc(kAlignment, round_up(count * sizeof(float))))),
        count_(count) {
    if (data_ == nullptr) throw NoMemoryForFloats(count * sizeof(float));
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
