#include "quant/correct_bias.h"

#include <cmath>

#include "engine/passes/rewrite.h"
#include "quant/feedback_rounding.h"
#include "quant/stepwise.h"

namespace lode::quant {

namespace {

using engine::Graph;

/// mean(float) - mean(quantized) of each channel.
std::vector<double> mean_errors(const ChannelStats& wanted, const Stepwise::Sums& got) {
  std::vector<double> errors(wanted.mean);
  for (std::size_t c = 0; c < errors.size(); ++c) {
    errors[c] -= got.sums[c] / static_cast<double>(got.count);
  }
  return errors;
}

void shift_bias(LayerEncoding& layer, std::span<const double> errors) {
  for (std::size_t c = 0; c < layer.bias.size(); ++c) {
    layer.bias[c] = static_cast<float>(layer.bias[c] + errors[c]);
  }
  layer.has_bias = true;
}

}  // namespace

Result<CorrectionReport> correct_biases(const Graph& graph, const Placement& placement,
                                        Encoding& encoding, const SampleSet& samples,
                                        const CorrectionOptions& options,
                                        const StageSink& progress) {
  CorrectionReport report;
  report.samples = samples.indices.size();
  const std::vector<Layer> layers = quantized_layers(graph, placement);
  LODE_TRY(const auto wanted,
           channel_stats(graph, layers, samples, options.threads, "correct", progress));
  Stepwise steps(graph, placement, encoding, options.threads);
  LODE_CHECK_OK(steps.load(samples));
  std::size_t next = 0;
  std::size_t channels = 0;
  double squares = 0.0;
  std::uint64_t done = 0;
  for (const engine::NodeId id : steps.order()) {
    if (placement.role(id) == NodeRole::kLayer) {
      const Layer& layer = layers[next];
      LODE_ASSERT(layer.node == id);
      LayerEncoding& own = encoding.layers.at(id);
      if (options.feedback) {
        const auto input = [&](std::size_t i) { return steps.input_of(layer.input, i); };
        LODE_TRY(const bool is_rounded,
                 round_with_feedback(graph, layer, options.weights, report.samples, input, own));
        report.rounded += is_rounded ? 1 : 0;
      }
      LODE_TRY(const Stepwise::Sums got, steps.layer_sums(layer));
      const std::vector<double> errors = mean_errors(wanted[next++], got);
      channels += layer.channels;
      for (const double error : errors) squares += error * error;
      if (options.biases && !engine::is_op(graph.node(id), {"MatMul"})) {
        shift_bias(own, errors);
        ++report.layers;
      }
    }
    LODE_CHECK_OK(steps.step(id));
    if (progress) progress("correct", ++done, steps.order().size());
  }
  if (channels > 0) report.mean_error = std::sqrt(squares / static_cast<double>(channels));
  return report;
}

}  // namespace lode::quant
