// Whether a batch is run layer by layer, or in parts of a few samples that each go through the
// whole network on one worker: activations then stay in that worker's caches and nobody waits for
// anybody, but weights are read once a part.
#pragma once

#include <string>
#include <vector>

#include "engine/ops/shape_inference.h"

namespace lode::engine {

struct BatchSplit {
  std::int64_t parts = 1;            ///< 1: not split
  std::vector<Shape> part_shapes{};  ///< the graph's inputs for one part, if it is split
  std::string why_not{};             ///< one clause, if it is not though there are several samples
};

/// A pure function of its arguments. `whole` is what was inferred for `input_shapes`. Splits only
/// where each sample's results are proved to follow from that sample alone, and where the traffic
/// beyond the caches, estimated, is less.
[[nodiscard]] BatchSplit choose_batch_split(const Graph& graph, std::span<const Shape> input_shapes,
                                            const InferredGraph& whole, std::int64_t workers);

}  // namespace lode::engine
