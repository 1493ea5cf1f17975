#include "quant/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "quant/compare.h"
#include "quant/convert.h"

namespace lode::quant {

namespace {

using engine::Graph;

struct FloatCost {
  double multiply_adds = 0.0;
  std::int64_t ns = 0;
};

/// What each node costs in float, by name.
Result<std::map<std::string, FloatCost>> float_costs(const Graph& graph, const SampleSet& samples,
                                                     int threads) {
  LODE_TRY(auto model, engine::Model::from_graph(graph, {}));
  LODE_TRY(auto session, engine::Session::create(model, {.threads = threads, .cpus = {}}));
  Shape shape{1};
  for (const std::int64_t extent : samples.library->sample_shape()) shape.push_back(extent);
  const std::vector<Shape> shapes = {shape};
  LODE_TRY(const engine::PlanInfo plan, session->plan_info(shapes));
  std::map<std::string, FloatCost> costs;
  for (const engine::StepInfo& step : plan.steps) {
    costs[step.node].multiply_adds += step.flops / 2.0;
  }
  LODE_TRY(const auto times, time_layers(graph, samples, threads));
  for (const auto& [node, ns] : times) costs[node].ns = ns;
  return costs;
}

}  // namespace

Result<std::vector<LayerSensitivity>> rank_layers(const Graph& graph, std::span<const Range> ranges,
                                                  const EncodingOptions& options,
                                                  const SampleSet& samples, int threads,
                                                  const StageSink& progress) {
  LODE_TRY(const auto costs, float_costs(graph, samples, threads));
  LODE_TRY(const Placement whole, place(graph, {}));
  std::vector<LayerSensitivity> layers;
  std::uint64_t done = 0;
  const std::vector<Layer> all = quantized_layers(graph, whole);
  for (const Layer& layer : all) {
    const std::string& name = graph.node(layer.node).name;
    LODE_TRY(const Placement alone, place(graph, {.only_nodes = {name}}));
    LODE_TRY(const Encoding encoding, encode(graph, alone, ranges, options));
    Graph converted = graph;
    LODE_CHECK_OK(convert_to_qdq(converted, alone, encoding));
    LODE_TRY(const Score result, score(graph, converted, samples, threads, "", {}));
    LayerSensitivity own{.node = name, .sqnr_db = result.sqnr_db};
    if (const auto cost = costs.find(name); cost != costs.end()) {
      own.multiply_adds = cost->second.multiply_adds;
      own.float_ns = cost->second.ns;
    }
    layers.push_back(std::move(own));
    if (progress) progress("sensitivity", ++done, all.size());
  }
  const auto cost_of = [](const LayerSensitivity& layer) {
    return std::pow(10.0, -layer.sqnr_db / 10.0) / std::max(1.0, layer.multiply_adds);
  };
  std::stable_sort(layers.begin(), layers.end(),
                   [&](const LayerSensitivity& a, const LayerSensitivity& b) {
                     return cost_of(a) > cost_of(b);
                   });
  return layers;
}

}  // namespace lode::quant
