#include "engine/graph/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace lode::engine {

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(shape) {
  const std::size_t bytes = static_cast<std::size_t>(shape.element_count()) * dtype_size(dtype);
  const std::size_t rounded =
      (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, rounded);
  data_ = std::shared_ptr<std::byte>(memory, [](std::byte* p) { std::free(p); });
}

Tensor Tensor::without_elements() const {
  Tensor result;
  result.dtype_ = dtype_;
  result.shape_ = shape_;
  return result;
}

Tensor Tensor::reshaped(Shape shape) const {
  LODE_ASSERT(shape.element_count() == element_count());
  Tensor result = *this;
  result.shape_ = shape;
  return result;
}

}  // namespace lode::engine
