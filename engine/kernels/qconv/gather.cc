#include "engine/kernels/qconv/gather.h"

#include <algorithm>
#include <cstring>

#include "engine/kernels/conv/tap_pointers.h"

namespace lode::engine {

namespace {

/// A copy of N bytes, twice where `count` is between N and 2 N: the second ends where it must.
template <std::size_t N>
void copy_ends(std::uint8_t* to, const std::uint8_t* from, std::int64_t count) {
  std::uint8_t head[N];
  std::uint8_t tail[N];
  std::memcpy(head, from, N);
  std::memcpy(tail, from + count - static_cast<std::int64_t>(N), N);
  std::memcpy(to, head, N);
  std::memcpy(to + count - static_cast<std::int64_t>(N), tail, N);
}

/// Runs are short: a call of memcpy would cost more than the copy.
[[gnu::always_inline]] inline void copy_run(std::uint8_t* to, const std::uint8_t* from,
                                            std::int64_t count) {
  while (count > 32) {
    std::memcpy(to, from, 16);
    to += 16;
    from += 16;
    count -= 16;
  }
  if (count >= 16) return copy_ends<16>(to, from, count);
  if (count >= 8) return copy_ends<8>(to, from, count);
  if (count >= 4) return copy_ends<4>(to, from, count);
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
}

[[gnu::always_inline]] inline void copy_run(std::uint16_t* to, const std::uint8_t* from,
                                            std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
}

/// One row of taps of one pixel, from input row `row` on, whose tap kx begins at column
/// first + kx * dilation. Null: all of it is padding.
template <typename Element>
[[gnu::always_inline]] inline Element* gather_tap_row(const QConvShape& shape,
                                                      const QGather& gather,
                                                      const std::uint8_t* row, std::int64_t first,
                                                      Element* to) {
  const std::int64_t channels = gather.channels;
  const std::int64_t last = first + (shape.kernel_w - 1) * shape.dilation_w;
  const bool is_run = shape.dilation_w == 1 && shape.x_step() == channels;
  if (row != nullptr && is_run && first >= 0 && last < shape.in_w) {
    copy_run(to, row + first * channels, shape.kernel_w * channels);
    return to + shape.kernel_w * channels;
  }
  for (std::int64_t kx = 0; kx < shape.kernel_w; ++kx, to += channels) {
    const std::int64_t x = first + kx * shape.dilation_w;
    const bool is_inside = row != nullptr && x >= 0 && x < shape.in_w;
    copy_run(to, is_inside ? row + x * shape.x_step() : gather.padding, channels);
  }
  return to;
}

constexpr std::int64_t kChunk = 16;
/// Rows of taps up to which a window's are looked up once for neighbouring pixels.
constexpr std::int64_t kMaxRows = 16;

/// kChunks chunks, whatever of them is wanted.
template <typename Element, int kChunks>
[[gnu::always_inline]] inline void copy_chunks(Element* to, const std::uint8_t* from) {
  for (int chunk = 0; chunk < kChunks; ++chunk, from += kChunk, to += kChunk) {
    // Through arrays of its own, so that the compiler sees that nothing overlaps.
    std::uint8_t bytes[kChunk];
    Element elements[kChunk];
    std::memcpy(bytes, from, sizeof(bytes));
    for (std::int64_t i = 0; i < kChunk; ++i) elements[i] = bytes[i];
    std::memcpy(to, elements, sizeof(elements));
  }
}

/// The rows of taps of neighbouring output pixels, by value: what is written may not seem to change
/// them.
struct TapRows {
  const std::uint8_t* rows[kMaxRows];  ///< null where all of a row is padding
  const std::uint8_t* end;             ///< of the readable input
  const std::uint8_t* padding;
  std::int64_t count;
  std::int64_t run;  ///< elements of a row of taps
};

/// One pixel whose taps lie inside along x, from byte `first` of the rows on, each row of taps in
/// kChunks chunks: what is copied behind a row is overwritten by the next, and behind the last by
/// the next pixel.
template <typename Element, int kChunks>
[[gnu::always_inline]] inline Element* gather_in_chunks(const TapRows& taps, std::int64_t first,
                                                        Element* to) {
  const std::int64_t count = taps.count;
  const std::int64_t run = taps.run;
  const std::uint8_t* const end = taps.end;
  const std::uint8_t* const padding = taps.padding;
  for (std::int64_t ky = 0; ky < count; ++ky, to += run) {
    const std::uint8_t* from = taps.rows[ky];
    from = from == nullptr ? padding : from + first;
    if (from != padding && from + kChunks * kChunk > end) {
      copy_run(to, from, run);
    } else {
      copy_chunks<Element, kChunks>(to, from);
    }
  }
  return to;
}

/// kChunks: chunks of a row of taps; 0: many, or not one run of bytes.
template <typename Element, int kChunks>
void gather_span(const QConvShape& shape, const QGather& gather, std::int64_t row,
                 const PixelSpan<std::uint8_t>& span) {
  const std::int64_t row_step = shape.in_w * shape.x_step();
  std::uint8_t* bytes = gather.to + row * gather.row_bytes;
  const std::int64_t first_y = span.y * shape.stride_h - shape.pad_top;
  const auto row_at = [&](std::int64_t ky) -> const std::uint8_t* {
    const std::int64_t y = first_y + ky * shape.dilation_h;
    return y >= 0 && y < shape.in_h ? span.image + y * row_step : nullptr;
  };
  TapRows taps{};
  if constexpr (kChunks > 0) {
    for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) taps.rows[ky] = row_at(ky);
    taps.end = gather.x + shape.batch * shape.in_h * row_step - shape.x_step() + shape.in_c;
    taps.padding = gather.padding;
    taps.count = shape.kernel_h;
    taps.run = shape.kernel_w * gather.channels;
  }
  const std::int64_t count = span.count;
  const std::int64_t row_bytes = gather.row_bytes;
  const std::int64_t channels = gather.channels;
  const std::int64_t last_x = shape.in_w - shape.kernel_w;
  const std::int64_t stride = shape.stride_w;
  std::int64_t x = span.x * stride - shape.pad_left;
  for (std::int64_t i = 0; i < count; ++i, bytes += row_bytes, x += stride) {
    auto* to = reinterpret_cast<Element*>(bytes);
    if (kChunks > 0 && x >= 0 && x <= last_x) {
      to = gather_in_chunks<Element, kChunks>(taps, x * channels, to);
    } else {
      for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
        to = gather_tap_row(shape, gather, row_at(ky), x, to);
      }
    }
    // At most a dword less an element, without a call of memset.
    const auto* end = reinterpret_cast<const Element*>(bytes + row_bytes);
    for (std::size_t j = 0; j + 1 < sizeof(std::int32_t) / sizeof(Element); ++j) {
      if (to + j < end) to[j] = 0;
    }
  }
}

template <typename Element>
void gather_as(const QConvShape& shape, const QGather& gather) {
  const std::int64_t run = shape.kernel_w * gather.channels;
  const bool is_run =
      shape.dilation_w == 1 && shape.x_step() == gather.channels && shape.kernel_h <= kMaxRows;
  for_each_span(shape, gather.x + gather.channel, gather.first, gather.count,
                [&](std::int64_t row, const PixelSpan<std::uint8_t>& span) {
                  if (is_run && run <= kChunk) {
                    gather_span<Element, 1>(shape, gather, row, span);
                  } else if (is_run && run <= 2 * kChunk) {
                    gather_span<Element, 2>(shape, gather, row, span);
                  } else {
                    gather_span<Element, 0>(shape, gather, row, span);
                  }
                });
}

}  // namespace

void gather_bytes(const QConvShape& shape, const QGather& gather) {
  gather_as<std::uint8_t>(shape, gather);
}

void gather_words(const QConvShape& shape, const QGather& gather) {
  gather_as<std::uint16_t>(shape, gather);
}

}  // namespace lode::engine
