// Sensitivity: how much each layer alone, quantized, costs the result; the order in which layers go
// back to float.
#pragma once

#include <string>
#include <vector>

#include "quant/encoding.h"
#include "quant/graph_runner.h"

namespace lode::quant {

struct LayerSensitivity {
  std::string node;
  double sqnr_db = 0.0;        ///< of the result with this layer alone quantized
  double multiply_adds = 0.0;  ///< of one sample: what float costs, told the same on every machine
  std::int64_t float_ns = 0;   ///< measured in float, for people: no decision depends on it
};

/// Quantizes one layer after the other, its input included, and measures the first result over the
/// samples. Worst first: by noise in the result over multiply-adds, so that what buys most accuracy
/// for least time is first to stay float.
[[nodiscard]] Result<std::vector<LayerSensitivity>> rank_layers(
    const engine::Graph& graph, std::span<const Range> ranges, const EncodingOptions& options,
    const SampleSet& samples, int threads, const StageSink& progress);

}  // namespace lode::quant
