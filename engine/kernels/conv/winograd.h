// Winograd's minimal filtering F(m x m, 3 x 3): the transforms around the products.
//
// An m x m tile of outputs is A^T [ (G g G^T) . (B^T d B) ] A, where d is a (m+2) x (m+2) tile of
// inputs and g a 3 x 3 kernel (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2015). Summed over channels, each of the (m+2)^2 frequencies is a matrix product.
// Multiplications fall by 9 m^2 / (m+2)^2: 2.25 for m = 2, 4 for m = 4, 5.06 for m = 6.
//
// Interpolation points: 0, 1, -1, then 2, -2 (m >= 4), then 1/2, -1/2 (m = 6), and infinity.
#pragma once

#include <cstdint>

#include "engine/kernels/activation.h"

namespace lode::engine {

/// B^T d B of one tile, all channels.
struct WinogradInput {
  const float* const* pixels = nullptr;  ///< [(m+2)^2] the channels of each pixel
  std::int64_t channels = 0;
  float* to = nullptr;  ///< frequency f's channels at to + f * pitch
  std::int64_t pitch = 0;
};

/// A^T s A of one tile, with bias, residual and activation.
struct WinogradOutput {
  const float* from = nullptr;  ///< frequency f's channels at from + f * pitch
  std::int64_t pitch = 0;
  std::int64_t channels = 0;
  std::int64_t rows = 0;     ///< of the m rows, those inside the image
  std::int64_t columns = 0;  ///< of the m columns
  const float* bias = nullptr;
  const float* residual = nullptr;  ///< null: none
  std::int64_t residual_row = 0;    ///< floats from row to row
  std::int64_t residual_column = 0;
  float* y = nullptr;
  std::int64_t y_row = 0;
  std::int64_t y_column = 0;
  Activation activation;
};

/// The transforms of one instruction set for one m.
struct WinogradTransforms {
  void (*input)(const WinogradInput&) = nullptr;
  void (*output)(const WinogradOutput&) = nullptr;
};

#if defined(__x86_64__)
extern const WinogradTransforms avx2_winograd2;
extern const WinogradTransforms avx2_winograd4;
extern const WinogradTransforms avx2_winograd6;
extern const WinogradTransforms avx512_winograd2;
extern const WinogradTransforms avx512_winograd4;
extern const WinogradTransforms avx512_winograd6;
#endif

}  // namespace lode::engine
