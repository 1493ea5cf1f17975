// The sum at the heart of every convolution of 8-bit integers, by its definition: what references
// of ConvInteger, QLinearConv and DynamicConv share.
#pragma once

#include <array>
#include <cstdint>

#include "engine/ops/quantization.h"
#include "engine/ops/window.h"

namespace lode::engine {

/// Sum of (x - x zero point) * (w - w zero point) under a window; padding counts as the zero point.
struct IntegerConvolution {
  Window window;
  std::int64_t groups = 1;
  TensorView input;      ///< u8 or s8 [N,C,spatial...]
  TensorView weight;     ///< u8 or s8 [M,C/groups,kernel...]
  Quantisation images;   ///< zero points of the input: one, or one an image
  Quantisation filters;  ///< zero points of the weights: one, or one an output channel
};

/// What both `input` and `weight` must fit: types, ranks, groups. Returns the window.
[[nodiscard]] Result<Window> check_integer_convolution(const InferContext& context,
                                                       std::size_t input, std::size_t weight);

/// Reads window and groups of a node whose inputs have passed the check.
[[nodiscard]] Result<IntegerConvolution> read_integer_convolution(const ReferenceContext& context,
                                                                  OperandInputs input,
                                                                  OperandInputs weight);

/// The sum for one output: `position` is the output's in (depth, height, width). Modulo 2^32.
[[nodiscard]] std::int32_t integer_sum_at(const IntegerConvolution& convolution, std::int64_t image,
                                          std::int64_t channel,
                                          const std::array<std::int64_t, Window::kMaxRank>& out);

/// Calls visit(image, channel, index, sum) for every output in row-major order of [N,M,spatial...].
template <typename Visit>
void for_each_sum(const IntegerConvolution& convolution, Visit visit) {
  std::int64_t index = 0;
  const Window& window = convolution.window;
  std::array<std::int64_t, Window::kMaxRank> out{};
  for (std::int64_t image = 0; image < convolution.input.shape[0]; ++image) {
    for (std::int64_t channel = 0; channel < convolution.weight.shape[0]; ++channel) {
      for (out[0] = 0; out[0] < window.depth().output; ++out[0]) {
        for (out[1] = 0; out[1] < window.height().output; ++out[1]) {
          for (out[2] = 0; out[2] < window.width().output; ++out[2], ++index) {
            visit(image, channel, index, integer_sum_at(convolution, image, channel, out));
          }
        }
      }
    }
  }
}

}  // namespace lode::engine
