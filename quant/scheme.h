// Schemes: how real numbers become 8-bit codes, for weights and activations apart.
//   real = (code - zero_point) * scale,  code = clamp(round_half_to_even(real / scale) +
//   zero_point)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/graph/tensor.h"
#include "quant/range.h"

namespace lode::quant {

enum class Symmetry : std::uint8_t {
  kSymmetricFull,        ///< [-a, a] on -128..127: half a step is lost at +a
  kSymmetricRestricted,  ///< [-a, a] on -127..127
  kAsymmetric,           ///< [low, high] on 256 codes, 0 exact
};

enum class Granularity : std::uint8_t { kPerTensor, kPerChannel };

/// Codes of a quantized tensor, or of one of its channels.
struct QuantParams {
  float scale = 1.0F;
  std::int32_t zero_point = 0;
  std::int32_t code_min = 0;
  std::int32_t code_max = 255;

  [[nodiscard]] std::int32_t encode(float real) const;
  [[nodiscard]] float decode(std::int32_t code) const {
    return static_cast<float>(code - zero_point) * scale;
  }
  [[nodiscard]] float low() const { return decode(code_min); }
  [[nodiscard]] float high() const { return decode(code_max); }
};

/// u8 codes for a range of activations; symmetric ones have zero point 128. A scale below `floor`
/// becomes `floor`.
[[nodiscard]] QuantParams activation_params(const Range& range, Symmetry symmetry, float floor);

struct WeightScheme {
  Granularity granularity = Granularity::kPerChannel;
  Symmetry symmetry = Symmetry::kSymmetricRestricted;
  int bits = 8;            ///< 8, or 7 for machines whose 8-bit products saturate
  bool least_mse = false;  ///< clip where that lowers the squared error; else cover all weights
};

/// Weights as codes: s8, or u8 where asymmetric, with one scale or one a channel.
struct QuantizedWeights {
  engine::Tensor codes;
  std::size_t axis = 0;
  std::vector<float> scales;
  std::vector<std::int32_t> zero_points;

  [[nodiscard]] float scale_of(std::size_t channel) const {
    return scales[scales.size() == 1 ? 0 : channel];
  }
  /// With the limits that the scheme sets.
  [[nodiscard]] QuantParams params_of(std::size_t channel, const WeightScheme& scheme) const;
  /// The reals that the codes stand for.
  [[nodiscard]] engine::Tensor decode() const;
};

/// Quantizes f32 weights whose output channels stand on `axis`. `least_scales`, one a channel, are
/// scales that the bias asks for (bias_scale_floors()); `floor` is one for all. A channel of zeros
/// has a scale of at least the largest one over 2^16.
[[nodiscard]] QuantizedWeights quantize_weights(const engine::Tensor& weights, std::size_t axis,
                                                const WeightScheme& scheme,
                                                std::span<const double> least_scales, float floor);

/// The least weight scales with which bias / (input_scale * weight_scale) stays within 2^30, so
/// that the products still fit into 32 bits beside it.
[[nodiscard]] std::vector<double> bias_scale_floors(std::span<const float> bias, float input_scale);

/// A bias in units of input_scale * weight scale, as s32.
[[nodiscard]] engine::Tensor quantize_bias(std::span<const float> bias,
                                           std::span<const float> scales);

// Names as flags and reports spell them.
[[nodiscard]] std::string_view symmetry_name(Symmetry symmetry);
[[nodiscard]] std::optional<Symmetry> symmetry_from_name(std::string_view name);
[[nodiscard]] std::string_view granularity_name(Granularity granularity);
[[nodiscard]] std::optional<Granularity> granularity_from_name(std::string_view name);

}  // namespace lode::quant
