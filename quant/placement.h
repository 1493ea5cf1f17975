// What of a graph is quantized: which nodes compute on codes, which values are stored as codes, and
// which of those share one scale.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "quant/layer.h"

namespace lode::quant {

enum class NodeRole : std::uint8_t {
  kFloat,      ///< computes on floats; its inputs may be stored as codes all the same
  kLayer,      ///< Conv, Gemm, MatMul with constant weights
  kInteger,    ///< Add, Concat, AveragePool, GlobalAveragePool: reads and makes codes
  kSameScale,  ///< MaxPool, Reshape, Flatten, ...: hands codes on as they are
};

/// A layer whose activations stay float, and why.
struct FloatNote {
  std::string node;
  std::string why;
};

struct Placement {
  static constexpr int kNotQuantized = -1;

  std::vector<NodeRole> roles;  ///< by NodeId
  std::vector<int> groups;      ///< by ValueId: values of one group share scale and zero point
  int group_count = 0;
  std::vector<FloatNote> kept_float;  ///< in topological order

  [[nodiscard]] NodeRole role(engine::NodeId id) const {
    return roles[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] int group(engine::ValueId id) const { return groups[static_cast<std::size_t>(id)]; }
  [[nodiscard]] bool is_quantized(engine::ValueId id) const { return group(id) != kNotQuantized; }
};

struct PlacementOptions {
  std::set<std::string> float_nodes = {};     ///< layers to leave alone, by name
  std::set<std::string> fallback_nodes = {};  ///< likewise, for the sake of a target
  /// Of these layers alone; empty: of all that are not in float_nodes.
  std::set<std::string> only_nodes = {};
  bool share_concat_scales = true;  ///< all inputs of a Concat are stored in its output's scale
};

/// The rules, in short: layers read codes, and so does what stands between layers. An activation
/// belongs to the node before it, so that its result is quantized, not its input. Results of the
/// graph, squeeze-and-excite branches and what only float operators read stay float. Errors name a
/// node of the options that is no layer of the graph.
[[nodiscard]] Result<Placement> place(const engine::Graph& graph, const PlacementOptions& options);

/// The values that are stored as codes: the graph's input, then in the order in which they are
/// made.
[[nodiscard]] std::vector<engine::ValueId> quantized_values(const engine::Graph& graph,
                                                            const Placement& placement);

/// The last value of the chain of activations that begins at `value`: where they alone read it, one
/// after the other.
[[nodiscard]] engine::ValueId end_of_activations(const engine::Graph& graph, engine::ValueId value);

}  // namespace lode::quant
