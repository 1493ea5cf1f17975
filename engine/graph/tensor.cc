#include "engine/graph/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace lode::engine {

Tensor::Tensor(DType dtype, Shape shape) : Tensor(for_overwrite(dtype, shape)) {
  if (byte_size() > 0) std::memset(data_.get(), 0, byte_size());
}

Tensor Tensor::for_overwrite(DType dtype, Shape shape) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = shape;
  const std::size_t bytes = static_cast<std::size_t>(shape.element_count()) * dtype_size(dtype);
  const std::size_t rounded =
      (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
  if (memory == nullptr) throw std::bad_alloc();
  tensor.data_ = std::shared_ptr<std::byte>(memory, [](std::byte* p) { std::free(p); });
  return tensor;
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
