// NumPy's .npy files (format versions 1 to 3, C order, little-endian): tensors in and out of the
// command line. Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/tensor_view.h"

namespace lode {

/// An array read from a .npy file.
struct NpyArray {
  DType dtype = DType::kF32;
  Shape shape;
  std::vector<std::byte> bytes;

  [[nodiscard]] TensorView view() const { return {bytes.data(), dtype, shape}; }
};

/// Parses a whole file; `name` stands for it in errors. Refused by name: Fortran order, big-endian,
/// structured and object arrays, ranks above Shape::kMaxRank, a size that the header contradicts.
[[nodiscard]] Result<NpyArray> parse_npy(std::string_view file, std::string_view name);

/// The bytes of a .npy file, format version 1.0. An error for bf16, which NumPy has no type for.
[[nodiscard]] Result<std::string> format_npy(const TensorView& tensor);

}  // namespace lode
