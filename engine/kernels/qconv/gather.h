// Brings the taps of output pixels side by side where a tile cannot read them in place: few
// channels, channels that are no whole dwords, or bytes that have to become words.
#pragma once

#include <cstdint>

#include "engine/kernels/qconv/qconv.h"

namespace lode::engine {

/// Pixels [first, first + count) of all images, of each the taps in order and of each tap
/// `channels` channels from `channel` on; taps in the padding are `padding`'s elements. A row takes
/// row_bytes, zeros behind its last element.
struct QGather {
  const std::uint8_t* x = nullptr;
  const std::uint8_t* padding = nullptr;  ///< padding_bytes(in_c) of the zero point
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::int64_t channel = 0;
  std::int64_t channels = 0;
  std::int64_t row_bytes = 0;
  std::uint8_t* to = nullptr;
};

/// Copies are made in chunks: what may be read of the padding, and written behind the last row.
[[nodiscard]] constexpr std::int64_t padding_bytes(std::int64_t in_c) {
  return round_up(in_c, 64);
}
inline constexpr std::int64_t kGatherSlack = 64;

/// As bytes, or as words of 16 bits.
void gather_bytes(const QConvShape& shape, const QGather& gather);
void gather_words(const QConvShape& shape, const QGather& gather);

}  // namespace lode::engine
