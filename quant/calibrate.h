// Calibration: what values of a graph are like on samples, in memory that does not grow with their
// number.
#pragma once

#include <functional>
#include <vector>

#include "quant/graph_runner.h"
#include "quant/observer.h"
#include "quant/placement.h"

namespace lode::quant {

/// Mean, least and largest element of each output channel of a layer, before its activation.
struct ChannelStats {
  std::vector<double> mean;
  std::vector<float> min;
  std::vector<float> max;
};

struct Calibration {
  std::vector<Range> ranges;  ///< by ValueId; of the values that were observed
};

/// Ranges of every quantized value. A NaN or infinity is an error that names the node which makes
/// it, and the sample.
[[nodiscard]] Result<Calibration> calibrate(const engine::Graph& graph, const Placement& placement,
                                            const SampleSet& samples, const ObserverDef& method,
                                            const ObserverOptions& options, int threads,
                                            const StageSink& progress);

/// Statistics of what the layers make, parallel to `layers`.
[[nodiscard]] Result<std::vector<ChannelStats>> channel_stats(const engine::Graph& graph,
                                                              std::span<const Layer> layers,
                                                              const SampleSet& samples, int threads,
                                                              std::string_view stage,
                                                              const StageSink& progress);

/// Adds up the elements of each channel of a layer's output (the last axis of a matrix product's,
/// axis 1 of others).
void add_channel_sums(const TensorView& output, std::size_t channels, bool is_last_axis,
                      std::vector<double>& sums);

/// The layers whose role is kLayer, in topological order.
[[nodiscard]] std::vector<Layer> quantized_layers(const engine::Graph& graph,
                                                  const Placement& placement);

}  // namespace lode::quant
