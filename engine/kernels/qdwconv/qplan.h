// What the specialised integer depthwise kernels share and what needs no -m flags: the cut, the
// order of packed weights and which shapes they take.
//
// Channels come in blocks of a kernel's widest vector, 64 or 32, the last one of 64, 32 or 16 with
// room for what is left. A block's
// taps are interleaved along a column: `unit` rows of it, four bytes or two words, make 32-bit
// elements, four vectors of them a block. An output row that begins on an odd input row takes its
// weights one place further in the unit.
#pragma once

#include "engine/kernels/dwconv/plan.h"
#include "engine/kernels/qconv/constants.h"
#include "engine/kernels/qdwconv/qdwconv.h"

namespace lode::engine {

/// Channels of the widest block, and of a task's run a multiple.
inline constexpr std::int64_t kQDwBlock = 64;

/// Bytes of the vectors of a block, at most `widest`, that has `left` channels.
[[nodiscard, gnu::always_inline]] constexpr std::int64_t block_width(std::int64_t left,
                                                                     std::int64_t widest) {
  const std::int64_t width = left > 32 ? 64 : left > 16 ? 32 : 16;
  return width < widest ? width : widest;
}

/// Where channel `c` of a block of `width` is in its four vectors.
[[nodiscard, gnu::always_inline]] constexpr std::int64_t place_in_block(std::int64_t width,
                                                                        std::int64_t c) {
  return c % 16 / 4 * (width / 4) + c / 16 * 4 + c % 4;
}

/// Units of a column that an output row needs, in the worst place.
[[nodiscard, gnu::always_inline]] constexpr std::int64_t units_of(std::int64_t kernel,
                                                                  std::int64_t stride,
                                                                  std::int64_t unit) {
  return ceil_divide(kernel + (stride == 1 ? 1 : 0), unit);
}

/// A block in the packed weights, in floats: its constants, each a block wide in the order of the
/// vectors, then [place][column of taps][unit][four vectors] of weights, `place` 0 or 1 at
/// stride 1.
struct QDwBlock {
  static constexpr std::int64_t kConstants = 4;  ///< bias, weight sums, factors, float bias

  std::int64_t weights;  ///< floats in front of the weights
  std::int64_t floats;   ///< of all
};

[[nodiscard, gnu::always_inline]] constexpr QDwBlock qdw_block(std::int64_t kernel,
                                                               std::int64_t stride,
                                                               std::int64_t unit,
                                                               std::int64_t width) {
  const std::int64_t places = stride == 1 ? 2 : 1;
  QDwBlock block{};
  block.weights = QDwBlock::kConstants * width;
  block.floats = block.weights + places * kernel * units_of(kernel, stride, unit) * width;
  return block;
}

/// kUnit: rows of a unit, 4 (bytes) or 2 (words). kWidest: channels of a block, 64 or 32.
template <int kUnit, int kWidest>
[[nodiscard]] std::size_t qdw_packed_floats(const QConvShape& shape);
template <int kUnit, int kWidest>
void pack_qdw(const QConvShape& shape, const QConvWeights& weights, float* packed);

[[nodiscard]] std::int64_t qdw_task_count(const QConvShape& shape);
[[nodiscard]] DwConvTask qdw_task(const QConvShape& shape, std::int64_t task);

/// Why a kernel for 3x3 or 5x5 taps at stride 1 or 2 cannot take the shape; "" if it can.
[[nodiscard]] std::string_view refuse_unless_qdw_taps(const QConvShape& shape);

}  // namespace lode::engine
