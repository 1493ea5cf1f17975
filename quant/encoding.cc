#include "quant/encoding.h"

#include <cmath>

#include "engine/passes/rewrite.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::ValueId;

/// The largest value that the Clip in front of `id` lets through; infinite without one.
float upper_bound(const Graph& graph, ValueId id) {
  constexpr float kNone = std::numeric_limits<float>::infinity();
  const engine::Node* clip = engine::producer_of(graph, id);
  if (clip == nullptr || !engine::is_op(*clip, {"Clip"})) return kNone;
  const auto attribute = engine::attribute_float(*clip, "max", kNone);
  const engine::Tensor* constant = graph.constant(engine::input_at(*clip, 2));
  if (constant == nullptr) return attribute.ok() ? *attribute : kNone;
  const bool is_scalar = constant->dtype() == DType::kF32 && constant->element_count() == 1;
  return is_scalar ? constant->as<float>()[0] : kNone;
}

/// Rounding may leave the largest code an ulp above the bound: an engine that drops the Clip where
/// it has nothing to do would keep it for that.
void stay_below(QuantParams& params, float bound) {
  if (params.high() > bound * 1.0001F) return;
  while (params.high() > bound) params.scale = std::nextafter(params.scale, 0.0F);
}

Result<LayerEncoding> encode_layer(const Layer& layer, const QuantParams& input,
                                   const EncodingOptions& options) {
  LayerEncoding encoding;
  encoding.bias = layer.bias_values();
  encoding.has_bias = layer.bias.has_value();
  const std::vector<double> floors = bias_scale_floors(encoding.bias, input.scale);
  const QuantizedWeights plain =
      quantize_weights(layer.weights, layer.channel_axis, options.weights, {}, options.scale_floor);
  encoding.weights = quantize_weights(layer.weights, layer.channel_axis, options.weights, floors,
                                      options.scale_floor);
  encoding.is_widened = plain.scales != encoding.weights.scales;
  for (const float scale : encoding.weights.scales) {
    encoding.bias_scales.push_back(input.scale * scale);
  }
  return encoding;
}

}  // namespace

Result<Encoding> encode(const Graph& graph, const Placement& placement,
                        std::span<const Range> ranges, const EncodingOptions& options) {
  Encoding encoding;
  std::vector<Range> group_ranges(static_cast<std::size_t>(placement.group_count));
  std::vector<float> bounds(group_ranges.size(), std::numeric_limits<float>::infinity());
  std::vector<ValueId> members(group_ranges.size(), engine::kNoValue);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (!placement.is_quantized(id)) continue;
    const auto group = static_cast<std::size_t>(placement.group(id));
    group_ranges[group].cover(ranges[i]);
    bounds[group] = std::min(bounds[group], upper_bound(graph, id));
    members[group] = id;
  }
  for (std::size_t g = 0; g < group_ranges.size(); ++g) {
    QuantParams params =
        activation_params(group_ranges[g], options.activations, options.scale_floor);
    if (!(params.scale > 0.0F) || !std::isfinite(params.scale)) {
      return runtime_error(
          "value '{}': its range is [{}, {}], which gives a scale of {}: calibrate on samples that "
          "it is not constant for, or set a floor with --scale-floor",
          graph.value(members[g]).name, group_ranges[g].low, group_ranges[g].high, params.scale);
    }
    stay_below(params, bounds[g]);
    encoding.groups.push_back(params);
  }
  for (const Layer& layer : quantized_layers(graph, placement)) {
    LODE_TRY(LayerEncoding own,
             encode_layer(layer, encoding.params(placement, layer.input), options));
    encoding.layers.emplace(layer.node, std::move(own));
  }
  return encoding;
}

}  // namespace lode::quant
