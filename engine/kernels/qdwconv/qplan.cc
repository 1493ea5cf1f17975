#include "engine/kernels/qdwconv/qplan.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace lode::engine {

namespace {

/// Tap `ky` of column `kx` of channel c, as the unit's element.
template <int kUnit>
void set_tap(const QConvShape& shape, const QConvWeights& weights, std::int64_t c,
             std::int64_t width, float* block) {
  const std::int64_t kernel = shape.kernel_h;
  const std::int64_t units = units_of(kernel, shape.stride_h, kUnit);
  const std::int64_t at = place_in_block(width, c % width);
  for (std::int64_t place = 0; place < (shape.stride_h == 1 ? 2 : 1); ++place) {
    for (std::int64_t kx = 0; kx < kernel; ++kx) {
      for (std::int64_t ky = 0; ky < kernel; ++ky) {
        const std::int64_t row = ky + place;
        const std::int64_t unit = (place * kernel + kx) * units + row / kUnit;
        char* element = reinterpret_cast<char*>(block + unit * width + at);
        const std::int32_t weight =
            signed_weight(weights, (c * kernel + ky) * kernel + kx) - signed_zero(weights, c);
        if constexpr (kUnit == 4) {
          const auto byte = static_cast<std::int8_t>(weight);
          std::memcpy(element + row % kUnit, &byte, sizeof(byte));
        } else {
          const auto word = static_cast<std::int16_t>(weight);
          std::memcpy(element + row % kUnit * 2, &word, sizeof(word));
        }
      }
    }
  }
}

float as_float(std::int32_t value) {
  return std::bit_cast<float>(value);
}

}  // namespace

template <int kUnit, int kWidest>
std::size_t qdw_packed_floats(const QConvShape& shape) {
  std::int64_t floats = kConstantFloats;
  for (std::int64_t c = 0; c < shape.out_c; c += kWidest) {
    const std::int64_t width = block_width(shape.out_c - c, kWidest);
    floats += qdw_block(shape.kernel_h, shape.stride_h, kUnit, width).floats;
  }
  return static_cast<std::size_t>(floats);
}

template <int kUnit, int kWidest>
void pack_qdw(const QConvShape& shape, const QConvWeights& weights, float* packed) {
  std::fill_n(packed, qdw_packed_floats<kUnit, kWidest>(shape), 0.0F);
  write_constants(constants_of(shape, weights), packed);
  float* block = packed + kConstantFloats;
  for (std::int64_t first = 0; first < shape.out_c; first += kWidest) {
    const std::int64_t width = block_width(shape.out_c - first, kWidest);
    const QDwBlock sizes = qdw_block(shape.kernel_h, shape.stride_h, kUnit, width);
    for (std::int64_t c = first; c < std::min<std::int64_t>(shape.out_c, first + kWidest); ++c) {
      const std::int64_t at = place_in_block(width, c - first);
      std::int32_t sum = 0;
      for (std::int64_t tap = 0; tap < shape.depth(); ++tap) {
        sum += signed_weight(weights, c * shape.depth() + tap) - signed_zero(weights, c);
      }
      block[at] = as_float(weights.bias != nullptr ? weights.bias[c] : 0);
      block[width + at] = as_float(sum);
      block[2 * width + at] = factor_of(shape, weights, c);
      block[3 * width + at] = weights.float_bias != nullptr ? weights.float_bias[c] : 0.0F;
      set_tap<kUnit>(shape, weights, c, width, block + sizes.weights);
    }
    block += sizes.floats;
  }
}

std::int64_t qdw_task_count(const QConvShape& shape) {
  return dwconv_task_count(shape, cut_dwconv(shape, kQDwBlock));
}

DwConvTask qdw_task(const QConvShape& shape, std::int64_t task) {
  return dwconv_task(shape, cut_dwconv(shape, kQDwBlock), task);
}

std::string_view refuse_unless_qdw_taps(const QConvShape& shape) {
  if (!is_depthwise(shape)) return refuse_unless_depthwise(shape);
  if (shape.kernel_h != shape.kernel_w || (shape.kernel_h != 3 && shape.kernel_h != 5)) {
    return "made for 3x3 and 5x5 taps";
  }
  if (shape.dilation_h != 1 || shape.dilation_w != 1) return "the taps are dilated";
  if (shape.stride_h != shape.stride_w) return "the strides differ";
  if (shape.stride_h > 2) return "the stride is above 2";
  if (shape.has_weight_zeros) return "the weights have zero points";
  return shape.has_residual ? "a residual is added" : "";
}

template std::size_t qdw_packed_floats<4, 64>(const QConvShape&);
template std::size_t qdw_packed_floats<2, 64>(const QConvShape&);
template std::size_t qdw_packed_floats<2, 32>(const QConvShape&);
template void pack_qdw<4, 64>(const QConvShape&, const QConvWeights&, float*);
template void pack_qdw<2, 64>(const QConvShape&, const QConvWeights&, float*);
template void pack_qdw<2, 32>(const QConvShape&, const QConvWeights&, float*);

}  // namespace lode::engine
