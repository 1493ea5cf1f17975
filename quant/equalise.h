// Cross-layer equalisation: channels between two layers are rescaled so that both have weights of
// like size, which one scale for all channels then fits (M. Nagel et al., "Data-Free Quantization
// Through Weight Equalization and Bias Correction", ICCV 2019).
#pragma once

#include <vector>

#include "engine/graph/graph.h"
#include "quant/calibrate.h"
#include "quant/scheme.h"

namespace lode::quant {

struct EqualiseReport {
  int joints = 0;               ///< places between layers that were equalised
  double largest_factor = 1.0;  ///< that a channel was multiplied or divided by
  int channels_bound = 0;       ///< that could not move freely since a Clip bounds them
  int biases_absorbed = 0;      ///< channels whose bias moved into the layer behind
};

/// Rescales channels wherever a layer and all its readers have nothing but channelwise homogeneous
/// operators in between: ReLU, LeakyReLU, pooling, concatenation, or none. The function of the
/// graph stays, but for rounding. With one weight scale a tensor, the weights on both sides are
/// balanced; with one a channel those in front cost nothing, and the ranges of the activations are
/// balanced with the weights behind (as SmoothQuant does, G. Xiao et al. 2023).
///
/// A Clip from 0 to a bound (ReLU6) is not homogeneous. There a channel that reaches the bound on
/// `samples` keeps its scale, and one that does not is never made larger than the bound: the
/// function stays as it is on the samples, and a value beyond what they showed may be clipped
/// earlier or later than it was.
///
/// Then, where a ReLU stands in between, what a channel is at least on all samples moves from its
/// bias into the bias of the layer behind, if that layer does not pad: activations become smaller.
[[nodiscard]] Result<EqualiseReport> equalise(engine::Graph& graph, const Placement& placement,
                                              Granularity granularity, const SampleSet& samples,
                                              int threads, const StageSink& progress);

}  // namespace lode::quant
