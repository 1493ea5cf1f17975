// FP16: the engine's own pass rounds, here is what goes before it and what it cost.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"
#include "quant/prepare.h"
#include "quant/quantize.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::Node;
using engine::NodeId;
using engine::Tensor;

constexpr std::size_t kWeightInput = 1;

/// Sums over all rounded weights.
class Noise {
 public:
  void add(const Node& node, const Tensor& before, const Tensor& halves) {
    const auto weights = before.as<float>();
    const auto* rounded = reinterpret_cast<const std::uint16_t*>(halves.view().data);
    double largest = 0.0;
    double largest_error = 0.0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double weight = weights[i];
      const double error = f16_to_f32(rounded[i]) - weight;
      signal_ += weight * weight;
      noise_ += error * error;
      largest = std::max(largest, std::fabs(weight));
      largest_error = std::max(largest_error, std::fabs(error));
    }
    ++report_.tensors;
    report_.elements += static_cast<std::int64_t>(weights.size());
    if (largest > 0.0 && largest_error / largest > report_.largest_error) {
      report_.largest_error = largest_error / largest;
      report_.largest_error_node = node.name;
    }
  }

  [[nodiscard]] RoundingReport report() const {
    RoundingReport report = report_;
    report.signal_to_noise_db = noise_ > 0.0 ? 10.0 * std::log10(signal_ / noise_)
                                             : std::numeric_limits<double>::infinity();
    return report;
  }

 private:
  RoundingReport report_;
  double signal_ = 0.0;
  double noise_ = 0.0;
};

RoundingReport compare(const Graph& before, const Graph& after) {
  Noise noise;
  std::vector<bool> is_done(after.value_capacity(), false);
  for (const NodeId id : after.topological_order()) {
    const Node& node = after.node(id);
    const Node* original = before.find_node(id);
    const engine::ValueId wide = engine::input_at(node, kWeightInput);
    if (original == nullptr || !engine::is_widened_half(after, wide)) continue;
    const Tensor* weights = before.constant(engine::input_at(*original, kWeightInput));
    if (weights == nullptr || weights->dtype() != DType::kF32) continue;
    const engine::ValueId halves = engine::producer_of(after, wide)->inputs[0];
    if (is_done[static_cast<std::size_t>(halves)]) continue;
    is_done[static_cast<std::size_t>(halves)] = true;
    noise.add(node, *weights, *after.constant(halves));
  }
  return noise.report();
}

}  // namespace

Result<Quantized> quantize_to_half(Graph graph, const QuantizeOptions&, const QuantizeData&) {
  StageCosts costs;
  costs.begin("load");
  LODE_CHECK_OK(prepare(graph));
  costs.begin("convert");
  const Graph before = graph;
  engine::PassReport narrowing;
  LODE_CHECK_OK(engine::narrow_weights(graph, narrowing));
  LODE_CHECK_OK(engine::verify(graph));
  Quantized quantized;
  QuantizeReport& report = quantized.report;
  report.precision = "fp16";
  report.rounding = compare(before, graph);
  if (report.rounding->tensors == 0) {
    return runtime_error("there is no f32 weight of a Conv, Gemm or MatMul that could be rounded{}",
                         narrowing.refused.empty()
                             ? ""
                             : fmt::format(": '{}': {}", narrowing.refused.front().node,
                                           narrowing.refused.front().why));
  }
  for (engine::PassNote& note : narrowing.refused) {
    report.kept_float.push_back({std::move(note.node), std::move(note.why)});
  }
  costs.end();
  report.stages = costs.costs();
  quantized.graph = std::move(graph);
  return quantized;
}

}  // namespace lode::quant
