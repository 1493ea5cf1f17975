#include "quant/scheme.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lode::quant {

namespace {

/// Parts of the full range that a search for the least squared error tries.
constexpr int kMseCandidates = 80;
constexpr double kMseLeastPart = 0.4;
constexpr double kBiasLimit = 1 << 30;
/// A channel whose weights are all zero has no scale of its own.
constexpr float kDeadChannelPart = 1.0F / 65536.0F;

/// Codes and zero point of an asymmetric scheme that covers the range with `codes_max + 1` codes.
QuantParams asymmetric_params(const Range& range, std::int32_t code_max, float floor) {
  QuantParams params{.code_min = 0, .code_max = code_max};
  const double width = double{range.high} - double{range.low};
  params.scale = std::max(static_cast<float>(width / code_max), floor);
  if (params.scale > 0.0F) {
    const double zero = -double{range.low} / params.scale;
    params.zero_point = static_cast<std::int32_t>(
        std::nearbyint(std::clamp(zero, 0.0, static_cast<double>(code_max))));
  }
  return params;
}

QuantParams weight_params(const Range& range, const WeightScheme& scheme, float floor) {
  const std::int32_t half = 1 << (scheme.bits - 1);
  if (scheme.symmetry == Symmetry::kAsymmetric) {
    return asymmetric_params(range, 2 * half - 1, floor);
  }
  const bool is_full = scheme.symmetry == Symmetry::kSymmetricFull;
  QuantParams params{.code_min = is_full ? -half : 1 - half, .code_max = half - 1};
  const double largest = std::max(-double{range.low}, double{range.high});
  params.scale = std::max(static_cast<float>(largest / (is_full ? half - 0.5 : half - 1)), floor);
  return params;
}

/// A tensor seen as [rows, channels, inner].
struct ChannelView {
  std::size_t rows = 1;
  std::size_t channels = 1;
  std::size_t inner = 1;

  ChannelView(const Shape& shape, std::size_t axis) {
    for (std::size_t i = 0; i < shape.rank(); ++i) {
      const auto extent = static_cast<std::size_t>(shape[i]);
      (i < axis ? rows : i == axis ? channels : inner) *= extent;
    }
  }

  template <typename Visit>
  void each(std::size_t channel, const Visit& visit) const {
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t begin = (row * channels + channel) * inner;
      for (std::size_t i = begin; i < begin + inner; ++i) visit(i);
    }
  }
};

Range range_of(std::span<const float> weights, const ChannelView& view, std::size_t channel) {
  Range range;
  view.each(channel, [&](std::size_t i) { range.cover({weights[i], weights[i]}); });
  return range;
}

double squared_error(std::span<const float> weights, const ChannelView& view, std::size_t first,
                     std::size_t last, const QuantParams& params) {
  double sum = 0.0;
  for (std::size_t channel = first; channel < last; ++channel) {
    view.each(channel, [&](std::size_t i) {
      const double error = double{weights[i]} - params.decode(params.encode(weights[i]));
      sum += error * error;
    });
  }
  return sum;
}

/// The part of the range that gives channels [first, last) the least squared error.
Range least_mse_range(std::span<const float> weights, const ChannelView& view, std::size_t first,
                      std::size_t last, const Range& full, const WeightScheme& scheme) {
  Range best = full;
  double best_error = std::numeric_limits<double>::infinity();
  for (int i = kMseCandidates; i > 0; --i) {
    const double part = kMseLeastPart + (1.0 - kMseLeastPart) * i / kMseCandidates;
    const Range range = {static_cast<float>(part * full.low), static_cast<float>(part * full.high)};
    const QuantParams params = weight_params(range, scheme, 0.0F);
    if (params.scale == 0.0F) return full;
    const double error = squared_error(weights, view, first, last, params);
    if (error >= best_error) continue;
    best = range;
    best_error = error;
  }
  return best;
}

/// One range a channel, or one in all.
std::vector<Range> weight_ranges(std::span<const float> weights, const ChannelView& view,
                                 const WeightScheme& scheme) {
  std::vector<Range> ranges(view.channels);
  for (std::size_t c = 0; c < view.channels; ++c) ranges[c] = range_of(weights, view, c);
  if (scheme.granularity == Granularity::kPerTensor) {
    for (const Range& range : std::vector<Range>(ranges)) ranges.front().cover(range);
    ranges.resize(1);
  }
  if (!scheme.least_mse) return ranges;
  for (std::size_t c = 0; c < ranges.size(); ++c) {
    const bool is_one = scheme.granularity == Granularity::kPerTensor;
    ranges[c] =
        least_mse_range(weights, view, c, is_one ? view.channels : c + 1, ranges[c], scheme);
  }
  return ranges;
}

}  // namespace

std::int32_t QuantParams::encode(float real) const {
  const float steps = std::nearbyint(real / scale);
  // In float first: far outside, the number of steps is beyond any integer.
  const float code = std::clamp(steps + static_cast<float>(zero_point),
                                static_cast<float>(code_min), static_cast<float>(code_max));
  return static_cast<std::int32_t>(code);
}

QuantParams activation_params(const Range& range, Symmetry symmetry, float floor) {
  constexpr std::int32_t kCodeMax = 255;
  if (symmetry == Symmetry::kAsymmetric) return asymmetric_params(range, kCodeMax, floor);
  const bool is_full = symmetry == Symmetry::kSymmetricFull;
  const double largest = std::max(-double{range.low}, double{range.high});
  QuantParams params{.zero_point = 128, .code_min = 0, .code_max = kCodeMax};
  params.scale = std::max(static_cast<float>(largest / (is_full ? 127.5 : 127.0)), floor);
  return params;
}

QuantParams QuantizedWeights::params_of(std::size_t channel, const WeightScheme& scheme) const {
  QuantParams params = weight_params({}, scheme, 0.0F);
  params.scale = scale_of(channel);
  params.zero_point = zero_points[zero_points.size() == 1 ? 0 : channel];
  return params;
}

engine::Tensor QuantizedWeights::decode() const {
  engine::Tensor reals(DType::kF32, codes.shape());
  const auto to = reals.mutable_view().as<float>();
  const ChannelView view(codes.shape(), axis);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(codes.view().data);
  for (std::size_t c = 0; c < view.channels; ++c) {
    const QuantParams params{scale_of(c), zero_points[zero_points.size() == 1 ? 0 : c]};
    view.each(c, [&](std::size_t i) {
      const std::int32_t code =
          codes.dtype() == DType::kI8 ? static_cast<std::int8_t>(bytes[i]) : bytes[i];
      to[i] = params.decode(code);
    });
  }
  return reals;
}

QuantizedWeights quantize_weights(const engine::Tensor& weights, std::size_t axis,
                                  const WeightScheme& scheme, std::span<const double> least_scales,
                                  float floor) {
  const ChannelView view(weights.shape(), axis);
  const auto reals = weights.as<float>();
  const std::vector<Range> ranges = weight_ranges(reals, view, scheme);
  const bool is_signed = scheme.symmetry != Symmetry::kAsymmetric;
  QuantizedWeights result;
  result.axis = axis;
  result.codes = engine::Tensor(is_signed ? DType::kI8 : DType::kU8, weights.shape());
  auto* codes = reinterpret_cast<std::uint8_t*>(result.codes.mutable_view().data);
  float largest_scale = 0.0F;
  for (const Range& range : ranges) {
    largest_scale = std::max(largest_scale, weight_params(range, scheme, 0.0F).scale);
  }
  const float dead_floor = std::max(floor, largest_scale * kDeadChannelPart);
  std::vector<QuantParams> params;
  for (std::size_t c = 0; c < ranges.size(); ++c) {
    double least = dead_floor;
    if (ranges.size() == 1) {
      for (const double wanted : least_scales) least = std::max(least, wanted);
    } else if (!least_scales.empty()) {
      least = std::max(least, least_scales[c]);
    }
    params.push_back(weight_params(ranges[c], scheme, static_cast<float>(least)));
    result.scales.push_back(params.back().scale);
    result.zero_points.push_back(params.back().zero_point);
  }
  for (std::size_t c = 0; c < view.channels; ++c) {
    const QuantParams& own = params[params.size() == 1 ? 0 : c];
    view.each(c, [&](std::size_t i) {
      codes[i] = static_cast<std::uint8_t>(own.encode(reals[i]) & 0xFF);
    });
  }
  return result;
}

std::vector<double> bias_scale_floors(std::span<const float> bias, float input_scale) {
  std::vector<double> floors;
  for (const float value : bias) {
    floors.push_back(std::fabs(double{value}) / (double{input_scale} * kBiasLimit));
  }
  return floors;
}

engine::Tensor quantize_bias(std::span<const float> bias, std::span<const float> scales) {
  engine::Tensor codes(DType::kI32, {static_cast<std::int64_t>(bias.size())});
  const auto to = codes.mutable_view().as<std::int32_t>();
  for (std::size_t c = 0; c < bias.size(); ++c) {
    const double scale = scales[scales.size() == 1 ? 0 : c];
    const double code = std::nearbyint(bias[c] / scale);
    to[c] = static_cast<std::int32_t>(std::clamp(code, double{INT32_MIN}, double{INT32_MAX}));
  }
  return codes;
}

std::string_view symmetry_name(Symmetry symmetry) {
  switch (symmetry) {
    case Symmetry::kSymmetricFull:
      return "symmetric-full";
    case Symmetry::kSymmetricRestricted:
      return "symmetric";
    case Symmetry::kAsymmetric:
      return "asymmetric";
  }
  return "";
}

std::optional<Symmetry> symmetry_from_name(std::string_view name) {
  for (const Symmetry each :
       {Symmetry::kSymmetricFull, Symmetry::kSymmetricRestricted, Symmetry::kAsymmetric}) {
    if (symmetry_name(each) == name) return each;
  }
  return std::nullopt;
}

std::string_view granularity_name(Granularity granularity) {
  return granularity == Granularity::kPerTensor ? "per-tensor" : "per-channel";
}

std::optional<Granularity> granularity_from_name(std::string_view name) {
  for (const Granularity each : {Granularity::kPerTensor, Granularity::kPerChannel}) {
    if (granularity_name(each) == name) return each;
  }
  return std::nullopt;
}

}  // namespace lode::quant
