// Weights in the order of a QTileSet: a group's constants, column by column, then panel after
// panel.
#pragma once

#include <cstdint>

#include "engine/kernels/gemm/panels.h"
#include "engine/kernels/qconv/constants.h"
#include "engine/kernels/qconv/qtile.h"

namespace lode::engine {

[[nodiscard]] inline PanelCut panel_cut(const QTileSet& tiles, const QConvShape& shape) {
  return {tiles.lanes, tiles.max_vectors, shape.out_c / shape.groups};
}

/// Channels of a group's pixel, padded to whole steps where each tap is a segment of its own.
/// gathers: all taps of a pixel follow one another without padding between them.
struct QDepth {
  bool gathers = false;
  std::int64_t taps = 1;
  std::int64_t channels = 1;
  std::int64_t steps = 0;  ///< of a segment: a tap, or all of them

  [[nodiscard]] std::int64_t segments() const { return gathers ? 1 : taps; }
  [[nodiscard]] std::int64_t all_steps() const { return segments() * steps; }
};

[[nodiscard]] QDepth depth_of(const QTileSet& tiles, const QConvShape& shape);

/// Where a group's constants and weights are, in floats from the packed begin.
class QPacked {
 public:
  QPacked(const QTileSet& tiles, const QConvShape& shape);

  [[nodiscard]] std::int64_t floats() const { return kConstantFloats + groups_ * group_floats_; }
  [[nodiscard]] std::int64_t start(std::int64_t group) const { return of(group); }
  [[nodiscard]] std::int64_t weight_sums(std::int64_t group) const { return of(group) + padded_; }
  [[nodiscard]] std::int64_t weight_zeros(std::int64_t group) const {
    return of(group) + 2 * padded_;
  }
  [[nodiscard]] std::int64_t factors(std::int64_t group) const { return of(group) + 3 * padded_; }
  [[nodiscard]] std::int64_t bias(std::int64_t group) const { return of(group) + 4 * padded_; }
  [[nodiscard]] std::int64_t weights(std::int64_t group) const { return of(group) + 5 * padded_; }

 private:
  [[nodiscard]] std::int64_t of(std::int64_t group) const {
    return kConstantFloats + group * group_floats_;
  }

  std::int64_t padded_;
  std::int64_t groups_;
  std::int64_t group_floats_;
};

void pack_qpanels(const QTileSet& tiles, const QConvShape& shape, const QConvWeights& weights,
                  float* packed);

}  // namespace lode::engine
