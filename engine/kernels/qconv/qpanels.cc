// Packing, once at load.
#include "engine/kernels/qconv/qpanels.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace lode::engine {

namespace {

/// Channels of a tap that are gathered rather than read in place: too few to be worth a pointer.
constexpr std::int64_t kFewChannels = 16;

/// The weight of step element `at` of segment `segment` and a column; 0 behind the last.
std::int32_t weight_of(const QDepth& depth, const QConvWeights& weights, std::int64_t column,
                       std::int64_t segment, std::int64_t at) {
  const std::int64_t tap = depth.gathers ? at / depth.channels : segment;
  const std::int64_t c = depth.gathers ? at % depth.channels : at;
  if (tap >= depth.taps || c >= depth.channels) return 0;
  return signed_weight(weights, (column * depth.channels + c) * depth.taps + tap);
}

/// A column's weights, dword by dword, `width` dwords apart.
void pack_column(const QTileSet& tiles, const QDepth& depth, const QConvWeights& weights,
                 std::int64_t column, std::int64_t width, std::int32_t* to) {
  for (std::int64_t segment = 0; segment < depth.segments(); ++segment) {
    for (std::int64_t step = 0; step < depth.steps; ++step, to += width) {
      std::int8_t bytes[4] = {};
      std::int16_t words[2] = {};
      for (std::int64_t i = 0; i < tiles.per_step(); ++i) {
        const std::int32_t weight =
            weight_of(depth, weights, column, segment, step * tiles.per_step() + i);
        if (tiles.widens) {
          words[i] = static_cast<std::int16_t>(weight);
        } else {
          bytes[i] = static_cast<std::int8_t>(weight);
        }
      }
      std::memcpy(to, tiles.widens ? static_cast<const void*>(words) : bytes, sizeof(*to));
    }
  }
}

/// The low 32 bits, in the place of a float.
float as_float(std::int64_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value));
}

/// The constants of column `c` of all output channels, at place `at` of its group.
void pack_constants(const QConvShape& shape, const QConvWeights& weights, const QPacked& places,
                    std::int64_t group, std::int64_t c, std::int64_t at, float* packed) {
  const std::int64_t depth = shape.depth();
  const std::int64_t zero = signed_zero(weights, c);
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < depth; ++i) sum += signed_weight(weights, c * depth + i) - zero;
  const std::int64_t bias = weights.bias != nullptr ? weights.bias[c] : 0;
  const std::int64_t x_zero = shape.is_dynamic ? 0 : weights.x_zero;
  packed[places.start(group) + at] = as_float(bias - x_zero * sum);
  packed[places.weight_sums(group) + at] = as_float(sum);
  packed[places.weight_zeros(group) + at] = as_float(zero);
  packed[places.factors(group) + at] = factor_of(shape, weights, c);
  packed[places.bias(group) + at] = weights.float_bias != nullptr ? weights.float_bias[c] : 0.0F;
}

}  // namespace

QDepth depth_of(const QTileSet& tiles, const QConvShape& shape) {
  QDepth depth;
  depth.taps = shape.kernel_h * shape.kernel_w;
  depth.channels = shape.in_c / shape.groups;
  const bool is_even = shape.is_pointwise() && shape.stride_h == 1 && shape.stride_w == 1;
  depth.gathers = tiles.widens || depth.channels % tiles.per_step() != 0 ||
                  (tiles.needs_even_rows && !is_even) ||
                  (depth.taps > 1 && depth.channels < kFewChannels);
  depth.steps =
      ceil_divide(depth.gathers ? depth.taps * depth.channels : depth.channels, tiles.per_step());
  return depth;
}

QPacked::QPacked(const QTileSet& tiles, const QConvShape& shape)
    : padded_(panel_cut(tiles, shape).padded_columns()), groups_(shape.groups) {
  constexpr std::int64_t kLine = 16;
  group_floats_ = round_up(padded_ * (5 + depth_of(tiles, shape).all_steps()), kLine);
}

void pack_qpanels(const QTileSet& tiles, const QConvShape& shape, const QConvWeights& weights,
                  float* packed) {
  const PanelCut cut = panel_cut(tiles, shape);
  const QDepth depth = depth_of(tiles, shape);
  const QPacked places(tiles, shape);
  const std::int64_t columns = shape.out_c / shape.groups;
  std::fill_n(packed, places.floats(), 0.0F);
  write_constants(constants_of(shape, weights), packed);
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    auto* panels = reinterpret_cast<std::int32_t*>(packed + places.weights(group));
    for (std::int64_t panel = 0; panel < cut.count(); ++panel) {
      const std::int64_t width = cut.vectors(panel) * tiles.lanes;
      std::int32_t* to = panels + cut.first_column(panel) * depth.all_steps();
      for (std::int64_t i = 0; i < cut.columns(panel); ++i) {
        const std::int64_t at = cut.first_column(panel) + i;
        const std::int64_t c = group * columns + at;
        pack_column(tiles, depth, weights, c, width, to + i);
        pack_constants(shape, weights, places, group, c, at, packed);
      }
    }
  }
}

}  // namespace lode::engine
