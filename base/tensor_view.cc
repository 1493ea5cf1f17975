#include "base/tensor_view.h"

#include <fmt/format.h>

#include <algorithm>

namespace lode {

bool Shape::is_static() const {
  return std::all_of(begin(), end(), [](std::int64_t extent) { return extent >= 0; });
}

std::int64_t Shape::element_count() const {
  LODE_ASSERT(is_static());
  std::int64_t count = 1;
  for (const std::int64_t extent : *this) count *= extent;
  return count;
}

Shape Shape::strides() const {
  Shape result = *this;
  std::int64_t stride = 1;
  for (std::size_t axis = rank_; axis-- > 0;) {
    result[axis] = stride;
    stride *= extents_[axis];
  }
  return result;
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (std::size_t axis = 0; axis < rank_; ++axis) {
    if (axis > 0) text += ',';
    text += extents_[axis] < 0 ? "?" : fmt::to_string(extents_[axis]);
  }
  return text + "]";
}

bool operator==(const Shape& a, const Shape& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace lode
