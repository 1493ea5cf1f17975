// Elementwise kernels on u8: a sum or product of two tensors with broadcasting, a copy to another
// scale, a table of 256 bytes. Exact: all variants give the same bits; every step in float is one
// IEEE operation, and requantised() (qconv/requantise.h) is the last.
//
//   add:         v = float(a - a_zero) * (a_scale / y_scale) + float(b - b_zero) * (b_scale /
//   y_scale) multiply:    v = float((a - a_zero) * (b - b_zero)) * ((a_scale * b_scale) / y_scale)
//   requantise:  v = float(x - x_zero) * (x_scale / y_scale)
//   table:       y = table[x]
#pragma once

#include "engine/kernels/eltwise/eltwise.h"

namespace lode::engine {

/// What the bytes of a tensor stand for: (byte - zero) * scale.
struct QScale {
  float scale = 1.0F;
  std::int32_t zero = 0;
};

// ---- binary: the output is dense; each input has its own strides

struct QBinaryArguments {
  const std::uint8_t* a = nullptr;
  const std::uint8_t* b = nullptr;
  std::uint8_t* y = nullptr;
  QScale a_scale;
  QScale b_scale;
  QScale y_scale;
  Activation activation;  ///< neither Sigmoid nor SiLU
};

/// `op` is kAdd or kMultiply; binary_shape() makes the shape.
using QBinaryKernel = Kernel<BinaryShape, QBinaryArguments>;

[[nodiscard]] std::span<const QBinaryKernel* const> qbinary_kernels();
[[nodiscard]] Selection<QBinaryKernel> select_qbinary(const BinaryShape& shape, Isa cap);
void qbinary_reference(const BinaryShape& shape, const QBinaryArguments& arguments);

// ---- copies of [rows, columns] bytes, such as pixels into a slice of a concatenation

struct QCopyShape {
  std::int64_t rows = 1;
  std::int64_t columns = 0;
  std::int64_t x_stride = 0;  ///< bytes from row to row; 0: columns
  std::int64_t y_stride = 0;
};

struct RequantiseArguments {
  const std::uint8_t* x = nullptr;
  std::uint8_t* y = nullptr;  ///< may be x, with the same strides
  QScale x_scale;
  QScale y_scale;
  Activation activation;  ///< neither Sigmoid nor SiLU
};

using RequantiseKernel = Kernel<QCopyShape, RequantiseArguments>;

[[nodiscard]] std::span<const RequantiseKernel* const> requantise_kernels();
[[nodiscard]] Selection<RequantiseKernel> select_requantise(const QCopyShape& shape, Isa cap);
void requantise_reference(const QCopyShape& shape, const RequantiseArguments& arguments);

struct QTableArguments {
  const std::uint8_t* x = nullptr;
  std::uint8_t* y = nullptr;            ///< may be x, with the same strides
  const std::uint8_t* table = nullptr;  ///< [256]
};

using QTableKernel = Kernel<QCopyShape, QTableArguments>;

[[nodiscard]] std::span<const QTableKernel* const> qtable_kernels();
[[nodiscard]] Selection<QTableKernel> select_qtable(const QCopyShape& shape, Isa cap);
void qtable_reference(const QCopyShape& shape, const QTableArguments& arguments);

#define LODE_QBINARY_KERNEL(name) extern const QBinaryKernel name;
#define LODE_REQUANTISE_KERNEL(name) extern const RequantiseKernel name;
#define LODE_QTABLE_KERNEL(name) extern const QTableKernel name;
#include "engine/kernels/qeltwise/kernels.inc"

}  // namespace lode::engine
