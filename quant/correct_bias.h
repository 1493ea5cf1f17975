// Bias correction: quantized weights and inputs shift what a layer makes on average, and its bias
// can take that back (M. Nagel et al., 2019; here by measured means, layer after layer, so that
// each sees inputs that are quantized and corrected already).
#pragma once

#include "quant/encoding.h"
#include "quant/graph_runner.h"

namespace lode::quant {

struct CorrectionOptions {
  bool biases = true;
  bool feedback = false;  ///< round weights with feedback first (feedback_rounding.h)
  WeightScheme weights = {};
  int threads = 1;
};

struct CorrectionReport {
  int layers = 0;   ///< whose biases were corrected
  int rounded = 0;  ///< whose weights were rounded with feedback
  /// Root mean square over all channels of mean(float) - mean(quantized), as it was found.
  double mean_error = 0.0;
  std::size_t samples = 0;
};

/// Layer after layer: rounds the weights of `encoding` with feedback, then adds mean(float) -
/// mean(quantized) of each channel to the bias. Holds the widest values of all samples at once, a
/// byte an element. A layer without a bias gets one, but for MatMul, which takes none.
[[nodiscard]] Result<CorrectionReport> correct_biases(const engine::Graph& graph,
                                                      const Placement& placement,
                                                      Encoding& encoding, const SampleSet& samples,
                                                      const CorrectionOptions& options,
                                                      const StageSink& progress);

}  // namespace lode::quant
