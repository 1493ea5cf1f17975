// The table of pointers by which a packed convolution reads its input in place: where each tap of
// each output pixel begins. Plain code, for files without -m flags.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/kernels/conv/conv.h"

namespace lode::engine {

/// Neighbouring output pixels of one image row.
template <typename Element>
struct PixelSpan {
  const Element* image;
  std::int64_t y;
  std::int64_t x;
  std::int64_t count;
};

/// Calls visit(row, span) for the spans that output pixels [first, first + count) of all images
/// fall into; `row` is the span's place in them.
template <typename Element, typename Visit>
void for_each_span(const ConvShape& shape, const Element* x, std::int64_t first, std::int64_t count,
                   const Visit& visit) {
  const std::int64_t image_elements = shape.in_h * shape.in_w * shape.x_step();
  for (std::int64_t row = 0; row < count;) {
    const std::int64_t pixel = first + row;
    PixelSpan<Element> span{};
    span.image = x + pixel / shape.out_pixels() * image_elements;
    span.y = pixel / shape.out_w % shape.out_h;
    span.x = pixel % shape.out_w;
    span.count = std::min(count - row, shape.out_w - span.x);
    visit(row, span);
    row += span.count;
  }
}

/// Where tap (ky, kx) of each of these pixels begins, outside the image at `padding`.
template <typename Element>
void point_at_tap(const ConvShape& shape, const Element* padding, const PixelSpan<Element>& span,
                  std::int64_t ky, std::int64_t kx, const Element** to) {
  const std::int64_t y = span.y * shape.stride_h - shape.pad_top + ky * shape.dilation_h;
  if (y < 0 || y >= shape.in_h) {
    std::fill_n(to, span.count, padding);
    return;
  }
  const Element* row = span.image + y * shape.in_w * shape.x_step();
  const std::int64_t first = span.x * shape.stride_w - shape.pad_left + kx * shape.dilation_w;
  const std::int64_t last = first + (span.count - 1) * shape.stride_w;
  const std::int64_t step = shape.stride_w * shape.x_step();
  if (first >= 0 && last < shape.in_w) {
    row += first * shape.x_step();
    for (std::int64_t i = 0; i < span.count; ++i) to[i] = row + i * step;
    return;
  }
  for (std::int64_t i = 0; i < span.count; ++i) {
    const std::int64_t x = first + i * shape.stride_w;
    to[i] = x >= 0 && x < shape.in_w ? row + x * shape.x_step() : padding;
  }
}

/// Points [tap][pitch] at the input of output pixels [first, first + count) of all images.
/// `padding` are in_c elements.
template <typename Element>
void fill_tap_pointers(const ConvShape& shape, const Element* x, const Element* padding,
                       std::int64_t first, std::int64_t count, std::int64_t pitch,
                       const Element** pointers) {
  if (shape.is_pointwise() && shape.stride_h == 1 && shape.stride_w == 1) {
    x += first * shape.x_step();
    for (std::int64_t row = 0; row < count; ++row) pointers[row] = x + row * shape.x_step();
    return;
  }
  for_each_span(shape, x, first, count, [&](std::int64_t row, const PixelSpan<Element>& span) {
    const Element** to = pointers + row;
    for (std::int64_t ky = 0; ky < shape.kernel_h; ++ky) {
      for (std::int64_t kx = 0; kx < shape.kernel_w; ++kx, to += pitch) {
        point_at_tap(shape, padding, span, ky, kx, to);
      }
    }
  });
}

}  // namespace lode::engine
