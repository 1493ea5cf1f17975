// Runs a graph one unit at a time over a whole set of samples, values held as the codes that they
// would be stored as: so that a layer can be changed by what it makes of quantized inputs, before
// the layers behind it see any.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "quant/encoding.h"
#include "quant/graph_runner.h"

namespace lode::quant {

class Stepwise {
 public:
  /// All refer to things that outlive the object. `encoding` may be changed between steps.
  Stepwise(const engine::Graph& graph, const Placement& placement, const Encoding& encoding,
           int threads);

  /// Takes up the samples as the graph's input.
  [[nodiscard]] Status load(const SampleSet& samples);

  /// The nodes in their order.
  [[nodiscard]] const std::vector<engine::NodeId>& order() const { return order_; }

  /// A value that is held, as reals.
  [[nodiscard]] engine::Tensor input_of(engine::ValueId id, std::size_t sample) const;

  /// Sums over all samples of each channel of what a layer makes, before its activation, with the
  /// encoding's weights and bias; and the number of elements a channel.
  struct Sums {
    std::vector<double> sums;
    std::int64_t count = 0;
  };
  [[nodiscard]] Result<Sums> layer_sums(const Layer& layer) const;

  /// Runs the unit of a node, itself and the activations behind it, and holds its result. Nothing
  /// happens for a node that belongs to an earlier unit.
  [[nodiscard]] Status step(engine::NodeId node);

 private:
  /// A value of every sample: codes if it is stored as such, else what it is.
  struct Held {
    std::vector<engine::Tensor> samples;
    std::size_t readers_left = 0;
  };
  using Outputs = std::function<void(std::size_t sample, engine::Tensor output)>;

  [[nodiscard]] Status run_unit(std::span<const engine::NodeId> nodes, engine::ValueId output,
                                const Outputs& take) const;
  void hold(engine::ValueId id, std::size_t sample, const engine::Tensor& value);
  void release(engine::ValueId id);

  const engine::Graph& graph_;
  const Placement& placement_;
  const Encoding& encoding_;
  int threads_;
  std::vector<engine::NodeId> order_;
  std::vector<bool> is_done_;  ///< by NodeId
  std::vector<Held> values_;   ///< by ValueId
  std::size_t sample_count_ = 0;
};

}  // namespace lode::quant
