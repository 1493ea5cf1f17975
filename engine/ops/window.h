// The sliding windows of convolution and pooling: kernel, strides, dilations, padding and the
// extents that follow. One place for it, since reference and kernels must agree.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/graph/graph.h"

namespace lode::engine {

/// One spatial axis. Output position o covers input positions o*stride - pad_begin + k*dilation,
/// k in [0, kernel).
struct WindowAxis {
  std::int64_t input = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t pad_begin = 0;
  std::int64_t pad_end = 0;
  std::int64_t output = 1;

  /// May lie in the padding: outside [0, input).
  [[nodiscard]] std::int64_t position(std::int64_t out, std::int64_t k) const {
    return out * stride - pad_begin + k * dilation;
  }
  /// From the window's first position to behind its last.
  [[nodiscard]] std::int64_t span() const { return (kernel - 1) * dilation + 1; }
};

/// Always three axes: a window of fewer has leading ones of extent 1 (axes[1], axes[2] are height
/// and width of a 2-D window).
struct Window {
  static constexpr std::size_t kMaxRank = 3;

  std::size_t rank = kMaxRank;  ///< spatial axes that the tensor has
  std::array<WindowAxis, kMaxRank> axes;

  [[nodiscard]] const WindowAxis& depth() const { return axes[0]; }
  [[nodiscard]] const WindowAxis& height() const { return axes[1]; }
  [[nodiscard]] const WindowAxis& width() const { return axes[2]; }
  [[nodiscard]] std::int64_t input_count() const;  ///< positions of one channel
  [[nodiscard]] std::int64_t kernel_count() const;
  [[nodiscard]] std::int64_t output_count() const;
};

/// The window of a Conv over `input` [N,C,spatial...] with `weight` [M,C/group,kernel...]: reads
/// auto_pad, dilations, kernel_shape, pads and strides. Errors name attribute and value.
[[nodiscard]] Result<Window> conv_window(const Node& node, const Shape& input, const Shape& weight);

/// The window of a MaxPool or AveragePool over `input` [N,C,spatial...]: reads the same and
/// ceil_mode. A window that would start behind the input and its leading padding is left out, as
/// ONNX and PyTorch have it.
[[nodiscard]] Result<Window> pool_window(const Node& node, const Shape& input);

/// [batch, channels, output extents...].
[[nodiscard]] Shape window_output_shape(const Window& window, std::int64_t batch,
                                        std::int64_t channels);

}  // namespace lode::engine
