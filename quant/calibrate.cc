#include "quant/calibrate.h"

#include <cmath>

#include "engine/passes/rewrite.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::ValueId;

/// One is NaN or infinite. A sum is quick to make, and not finite if one of its terms is not.
const float* find_not_finite(std::span<const float> values) {
  double sum = 0.0;
  for (const float value : values) sum += value;
  if (std::isfinite(sum)) return nullptr;
  for (const float& value : values) {
    if (!std::isfinite(value)) return &value;
  }
  return nullptr;
}

Error not_finite(const Graph& graph, ValueId id, float value) {
  const engine::Node* maker = engine::producer_of(graph, id);
  const std::string where =
      maker == nullptr ? fmt::format("input '{}'", graph.value(id).name) : engine::describe(*maker);
  return runtime_error(
      "{}: an element of '{}' is {}; there is no range that holds it: check the sample and the "
      "model's weights",
      where, graph.value(id).name, value);
}

/// Visits (channel, element) of a layer's output.
template <typename Visit>
void each_element(const TensorView& output, std::size_t channels, bool is_last_axis,
                  const Visit& visit) {
  const auto values = output.as<float>();
  const Shape& shape = output.shape;
  std::size_t inner = 1;
  for (std::size_t i = 2; !is_last_axis && i < shape.rank(); ++i) {
    inner *= static_cast<std::size_t>(shape[i]);
  }
  for (std::size_t begin = 0, c = 0; begin < values.size(); begin += inner) {
    for (std::size_t i = begin; i < begin + inner; ++i) visit(c, values[i]);
    c = c + 1 == channels ? 0 : c + 1;
  }
}

}  // namespace

std::vector<Layer> quantized_layers(const Graph& graph, const Placement& placement) {
  std::vector<Layer> layers;
  for (const engine::NodeId id : graph.topological_order()) {
    if (placement.role(id) != NodeRole::kLayer) continue;
    layers.push_back(match_layer(graph, graph.node(id)).layer);
  }
  return layers;
}

void add_channel_sums(const TensorView& output, std::size_t channels, bool is_last_axis,
                      std::vector<double>& sums) {
  sums.resize(channels, 0.0);
  each_element(output, channels, is_last_axis,
               [&](std::size_t c, float value) { sums[c] += value; });
}

Result<Calibration> calibrate(const Graph& graph, const Placement& placement,
                              const SampleSet& samples, const ObserverDef& method,
                              const ObserverOptions& options, int threads,
                              const StageSink& progress) {
  const std::vector<ValueId> watched = quantized_values(graph, placement);
  std::vector<std::unique_ptr<Observer>> observers;
  for (std::size_t i = 0; i < watched.size(); ++i) observers.push_back(method.make(options));
  LODE_TRY(auto runner, GraphRunner::create(graph, watched, samples.library->sample_shape(),
                                            {.threads = threads}));
  const auto observe = [&]() -> Status {
    for (std::size_t i = 0; i < watched.size(); ++i) {
      const auto values = runner->value(i).as<float>();
      if (const float* bad = find_not_finite(values)) return not_finite(graph, watched[i], *bad);
      observers[i]->observe(values);
    }
    return {};
  };
  LODE_CHECK_OK(runner->run_all(samples, "calibrate", progress, observe));
  Calibration calibration;
  calibration.ranges.resize(graph.value_capacity());
  for (std::size_t i = 0; i < watched.size(); ++i) {
    calibration.ranges[static_cast<std::size_t>(watched[i])] = observers[i]->range();
  }
  return calibration;
}

Result<std::vector<ChannelStats>> channel_stats(const Graph& graph, std::span<const Layer> layers,
                                                const SampleSet& samples, int threads,
                                                std::string_view stage, const StageSink& progress) {
  std::vector<ValueId> watched;
  std::vector<ChannelStats> stats(layers.size());
  std::vector<std::int64_t> counts(layers.size(), 0);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    watched.push_back(layers[i].output);
    stats[i].mean.assign(layers[i].channels, 0.0);
    stats[i].min.assign(layers[i].channels, std::numeric_limits<float>::infinity());
    stats[i].max.assign(layers[i].channels, -std::numeric_limits<float>::infinity());
  }
  LODE_TRY(auto runner, GraphRunner::create(graph, watched, samples.library->sample_shape(),
                                            {.threads = threads}));
  const auto gather = [&]() -> Status {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const TensorView output = runner->value(i);
      const bool is_last = engine::is_op(graph.node(layers[i].node), {"MatMul"});
      if (const float* bad = find_not_finite(output.as<float>())) {
        return not_finite(graph, watched[i], *bad);
      }
      each_element(output, layers[i].channels, is_last, [&](std::size_t c, float value) {
        stats[i].mean[c] += value;
        stats[i].min[c] = std::min(stats[i].min[c], value);
        stats[i].max[c] = std::max(stats[i].max[c], value);
      });
      counts[i] += output.element_count() / static_cast<std::int64_t>(layers[i].channels);
    }
    return {};
  };
  LODE_CHECK_OK(runner->run_all(samples, stage, progress, gather));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (double& mean : stats[i].mean)
      mean /= static_cast<double>(std::max<std::int64_t>(1, counts[i]));
  }
  return stats;
}

}  // namespace lode::quant
