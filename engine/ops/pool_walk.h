// How references of pooling walk their windows.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "engine/ops/window.h"

namespace lode::engine {

using WindowPosition = std::array<std::int64_t, Window::kMaxRank>;

/// Calls body(position) for every input position under the window of output `out`.
template <typename Body>
void for_each_covered(const Window& window, const WindowPosition& out, Body body) {
  // The first and the last k whose position is inside the input.
  WindowPosition first{};
  WindowPosition last{};
  for (std::size_t i = 0; i < Window::kMaxRank; ++i) {
    const WindowAxis& axis = window.axes[i];
    const std::int64_t start = axis.position(out[i], 0);
    first[i] = start < 0 ? (-start + axis.dilation - 1) / axis.dilation : 0;
    last[i] = start >= axis.input
                  ? -1
                  : std::min(axis.kernel - 1, (axis.input - 1 - start) / axis.dilation);
  }
  for (std::int64_t kd = first[0]; kd <= last[0]; ++kd) {
    for (std::int64_t kh = first[1]; kh <= last[1]; ++kh) {
      for (std::int64_t kw = first[2]; kw <= last[2]; ++kw) {
        body(WindowPosition{window.axes[0].position(out[0], kd),
                            window.axes[1].position(out[1], kh),
                            window.axes[2].position(out[2], kw)});
      }
    }
  }
}

/// The place of a position in one channel of the input.
[[nodiscard]] inline std::int64_t row_major(const Window& window, const WindowPosition& at) {
  return (at[0] * window.height().input + at[1]) * window.width().input + at[2];
}

/// Calls body(channel, out, index): the flat channel [0, N*C), the output position and its
/// row-major place in the output.
template <typename Body>
void for_each_pooled(const Window& window, std::int64_t channels, Body body) {
  std::int64_t index = 0;
  WindowPosition out{};
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    for (out[0] = 0; out[0] < window.depth().output; ++out[0]) {
      for (out[1] = 0; out[1] < window.height().output; ++out[1]) {
        for (out[2] = 0; out[2] < window.width().output; ++out[2]) body(channel, out, index++);
      }
    }
  }
}

/// Positions of the window that lie in the input or its padding: with ceil_mode, the last window
/// may reach further, and what it finds there does not count.
[[nodiscard]] inline std::int64_t padded_count(const Window& window, const WindowPosition& out) {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < Window::kMaxRank; ++i) {
    const WindowAxis& axis = window.axes[i];
    const std::int64_t room = axis.input + axis.pad_end - axis.position(out[i], 0);
    count *= std::min(axis.kernel, (room + axis.dilation - 1) / axis.dilation);
  }
  return count;
}

}  // namespace lode::engine
