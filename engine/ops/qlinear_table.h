// What a function of one quantised value is: a table of 256 bytes.
#pragma once

#include <array>

#include "engine/kernels/activation.h"
#include "engine/kernels/qeltwise/qeltwise.h"
#include "engine/ops/quantization.h"

namespace lode::engine {

using ByteTable = std::array<std::uint8_t, 256>;

struct TableRule {
  Activation activation;
  QScale from;
  DType from_type = DType::kU8;
  QScale to;
  DType to_type = DType::kU8;
};

/// Scale and zero point of all elements at these inputs.
[[nodiscard]] inline QScale scale_at(std::span<const TensorView> inputs, std::size_t scale,
                                     std::size_t zero_point) {
  const Quantisation quantisation(inputs, scale, zero_point);
  return {quantisation.scale(), quantisation.zero_point()};
}

/// By the byte of the input, whatever its type: activation(real value), quantised by a division.
[[nodiscard]] ByteTable byte_table(const TableRule& rule);

/// The activation that QLinearSigmoid, QLinearLeakyRelu or lode.QLinearUnary stands for.
[[nodiscard]] Result<Activation> table_activation(const Node& node);

}  // namespace lode::engine
