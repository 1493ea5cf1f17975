// The codes of a whole graph: one set of parameters for each group of activations, quantized
// weights and a bias for each layer. What conversion writes down, and bias correction simulates.
#pragma once

#include <map>
#include <vector>

#include "quant/calibrate.h"
#include "quant/placement.h"
#include "quant/scheme.h"

namespace lode::quant {

struct LayerEncoding {
  QuantizedWeights weights;
  std::vector<float> bias;         ///< [channels]; the layer's own, or corrected
  std::vector<float> bias_scales;  ///< input scale * weight scale; one or one a channel
  bool has_bias = false;
  bool is_widened =
      false;  ///< a weight scale is larger than the weights ask for, for the bias' sake
};

struct Encoding {
  std::vector<QuantParams> groups;                 ///< by group of the placement
  std::map<engine::NodeId, LayerEncoding> layers;  ///< of role kLayer

  [[nodiscard]] const QuantParams& params(const Placement& placement, engine::ValueId id) const {
    return groups[static_cast<std::size_t>(placement.group(id))];
  }
};

struct EncodingOptions {
  WeightScheme weights;
  Symmetry activations = Symmetry::kAsymmetric;
  float scale_floor = 1e-8F;  ///< no scale is smaller
};

/// Parameters for ranges by ValueId. A group's range is the union of its values'. Behind a Clip the
/// largest code is not above the bound, so that the Clip has nothing left to do. Fails where a
/// range is [0,0] and there is no floor to make a scale of.
[[nodiscard]] Result<Encoding> encode(const engine::Graph& graph, const Placement& placement,
                                      std::span<const Range> ranges,
                                      const EncodingOptions& options);

}  // namespace lode::quant
