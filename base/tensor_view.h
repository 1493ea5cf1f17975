// Shape and TensorView: a dense row-major tensor in memory that somebody else owns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/assert.h"
#include "base/dtype.h"

namespace lode {

/// Extents of up to kMaxRank dimensions, outermost first, without heap memory.
/// A rank-0 shape is a scalar of one element. A negative extent means "unknown".
class Shape {
 public:
  static constexpr std::size_t kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents)
      : Shape(std::span(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const std::int64_t> extents) {
    for (const std::int64_t extent : extents) push_back(extent);
  }

  [[nodiscard]] std::size_t rank() const { return rank_; }
  [[nodiscard]] bool empty() const { return rank_ == 0; }
  [[nodiscard]] std::int64_t operator[](std::size_t axis) const {
    LODE_ASSERT(axis < rank_);
    return extents_[axis];
  }
  [[nodiscard]] std::int64_t& operator[](std::size_t axis) {
    LODE_ASSERT(axis < rank_);
    return extents_[axis];
  }
  void push_back(std::int64_t extent) {
    LODE_ASSERT(rank_ < kMaxRank);
    extents_[rank_++] = extent;
  }
  [[nodiscard]] std::span<const std::int64_t> extents() const { return {extents_.data(), rank_}; }
  [[nodiscard]] auto begin() const { return extents_.begin(); }
  [[nodiscard]] auto end() const { return extents_.begin() + static_cast<std::ptrdiff_t>(rank_); }

  /// No extent is unknown.
  [[nodiscard]] bool is_static() const;
  /// Product of the extents; the shape must be static.
  [[nodiscard]] std::int64_t element_count() const;
  /// Row-major strides, in elements.
  [[nodiscard]] Shape strides() const;
  /// "[1,3,224,224]"; an unknown extent prints as "?".
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  std::size_t rank_ = 0;
};

/// A borrowed, dense, row-major tensor.
template <typename Byte>
struct BasicTensorView {
  Byte* data = nullptr;
  DType dtype = DType::kF32;
  Shape shape;

  [[nodiscard]] std::int64_t element_count() const { return shape.element_count(); }
  [[nodiscard]] std::size_t byte_size() const {
    return static_cast<std::size_t>(shape.element_count()) * dtype_size(dtype);
  }
  /// The elements as T, which must be the view's type.
  template <typename T>
  [[nodiscard]] auto as() const {
    LODE_ASSERT(DTypeOf<T>::value == dtype);
    using Element = std::conditional_t<std::is_const_v<Byte>, const T, T>;
    return std::span<Element>(reinterpret_cast<Element*>(data),
                              static_cast<std::size_t>(shape.element_count()));
  }
  operator BasicTensorView<const std::byte>() const { return {data, dtype, shape}; }  // NOLINT
};

using TensorView = BasicTensorView<const std::byte>;
using MutableTensorView = BasicTensorView<std::byte>;

}  // namespace lode
