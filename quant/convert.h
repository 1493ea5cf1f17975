// A quantized graph as ONNX: what any engine reads.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quant/encoding.h"

namespace lode::quant {

/// Writes an encoding down as QuantizeLinear and DequantizeLinear round unchanged operators (QDQ),
/// in the form that ONNX Runtime fuses: data, weights and bias each behind a DequantizeLinear; bias
/// s32 in units of input scale times weight scale; the parameters of activations constants of rank
/// 0, one pair a group, so that they are the same on both sides of what only moves codes. Layers
/// that stay float keep their f32 weights.
///
/// Fails for an operator set below 13, whose QuantizeLinear knows no channels.
[[nodiscard]] Status convert_to_qdq(engine::Graph& graph, const Placement& placement,
                                    const Encoding& encoding);

/// What becomes of a layer in a dynamically quantized graph.
struct DynamicOptions {
  WeightScheme weights;
  float scale_floor = 1e-8F;
  std::set<std::string> float_nodes;  ///< layers to leave alone, by name
};

struct DynamicReport {
  int layers = 0;
  std::vector<FloatNote> kept_float;
};

/// Replaces layers by DynamicQuantizeLinear, ConvInteger or MatMulInteger, Cast, Mul and Add, one
/// DynamicQuantizeLinear for each value whatever the number of its readers. Depthwise and grouped
/// convolutions and those that read the graph's input stay float: they hold few weights, and cost
/// most accuracy and time where they are quantized. Fails where no layer could be converted.
[[nodiscard]] Result<DynamicReport> convert_to_dynamic(engine::Graph& graph,
                                                       const DynamicOptions& options);

}  // namespace lode::quant
