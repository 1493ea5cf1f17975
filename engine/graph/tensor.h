// Tensor: a dense, row-major, immutable-once-shared tensor that owns its memory.
#pragma once

#include <cstring>
#include <memory>
#include <span>

#include "base/tensor_view.h"

namespace lode::engine {

/// Copies share the elements; mutable_view() is for the maker, before the first copy.
class Tensor {
 public:
  /// Alignment of every tensor, in bytes: a cache line, and the widest vector register.
  static constexpr std::size_t kAlignment = 64;

  Tensor() = default;
  /// Zero-filled.
  Tensor(DType dtype, Shape shape);

  /// Of elements that the maker is about to write, all of them.
  static Tensor for_overwrite(DType dtype, Shape shape);

  /// A rank-1 (or given shape) tensor holding `values`.
  template <typename T>
  static Tensor of(std::span<const T> values, Shape shape) {
    Tensor tensor(DTypeOf<T>::value, shape);
    LODE_ASSERT(static_cast<std::size_t>(shape.element_count()) == values.size());
    if (!values.empty()) {
      std::memcpy(tensor.mutable_view().data, values.data(), values.size_bytes());
    }
    return tensor;
  }

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] std::int64_t element_count() const { return shape_.element_count(); }
  [[nodiscard]] std::size_t byte_size() const { return view().byte_size(); }
  [[nodiscard]] TensorView view() const { return {data_.get(), dtype_, shape_}; }
  [[nodiscard]] MutableTensorView mutable_view() { return {data_.get(), dtype_, shape_}; }
  template <typename T>
  [[nodiscard]] std::span<const T> as() const {
    return view().as<T>();
  }
  /// False of what without_elements() gives: there is nothing behind its view().
  [[nodiscard]] bool has_elements() const { return data_ != nullptr; }
  /// Type and shape alone: what stays in a graph of a constant that was released.
  [[nodiscard]] Tensor without_elements() const;
  /// The same elements under another shape of equal element count.
  [[nodiscard]] Tensor reshaped(Shape shape) const;

 private:
  DType dtype_ = DType::kF32;
  Shape shape_{0};
  std::shared_ptr<std::byte> data_;
};

}  // namespace lode::engine
