// The baseline's matrix product on packed weights: what eigen_f32_gemm and the eigen_f32_conv_*
// kernels are made of.
//
// Weights stand in panels of kPanelColumns output columns: panel p holds, for each k, columns
// [p * kPanelColumns, ...) side by side, zeros behind the last. An output element is one sum over
// ascending k, whatever rows and columns are computed beside it: results do not depend on how the
// work is cut.
#pragma once

#include <cstdint>
#include <span>

#include "engine/kernels/gemm/gemm.h"

namespace lode::engine {

/// Output columns of a panel.
[[nodiscard]] std::int64_t panel_columns();

/// Floats of packed weights for w[k,n], with the bias, padded like the columns, in front.
[[nodiscard]] std::int64_t panels_floats(std::int64_t k, std::int64_t n);

/// Brings w[k,n] and its bias into panels; `half`: rounded to IEEE half.
void pack_panels(std::int64_t k, std::int64_t n, const GemmWeights& weights, bool half,
                 float* packed);

/// How deep a block of the sum is at most: a panel's block stays in the first-level cache.
inline constexpr std::int64_t kDepthBlock = 512;

/// Depth of the blocks into which a sum over k is cut: equal ones, none above kDepthBlock.
[[nodiscard]] std::int64_t depth_block(std::int64_t k);

/// y[rows, columns of panels [panel_begin, panel_end)] from the slice [k_begin, k_end) of the sum:
/// the first slice starts from the bias, later ones from y, the last one applies the activation.
struct PanelProduct {
  std::int64_t k = 0;  ///< of the whole sum
  std::int64_t n = 0;  ///< of the whole matrix
  const float* packed = nullptr;
  std::int64_t panel_begin = 0;
  std::int64_t panel_end = 0;
  std::int64_t k_begin = 0;
  std::int64_t k_end = 0;
  /// Where each row's elements [k_begin, k_end) are.
  std::span<const float* const> rows;
  float* y = nullptr;  ///< element (0, 0)
  std::int64_t y_stride = 0;
  const float* residual = nullptr;  ///< added before the activation, element (0, 0); null: none
  std::int64_t residual_stride = 0;
  Activation activation;
};
void multiply_panels(const PanelProduct& product);

}  // namespace lode::engine
