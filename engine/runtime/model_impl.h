// What a Model holds; seen by model.cc and session.cc alone.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/ops/machine_pass.h"
#include "engine/passes/pass.h"
#include "engine/runtime/plan.h"
#include "engine/runtime/session.h"
#include "engine/runtime/weight_cache.h"

namespace lode::engine {

struct Model::Impl {
  Graph graph;
  Isa isa = Isa::kGeneric;
  std::vector<PassReport> passes;
  MachinePasses machine_passes;
  bool round_activations = false;
  std::vector<PortInfo> inputs;
  std::vector<PortInfo> outputs;
  SharedWeightCache weights;  ///< filled by the sessions' plans
  /// Makes the graph anew; null: its constants are never released.
  std::function<Result<Graph>()> make_graph_again;
  std::mutex planning;  ///< plans release constants and bring them back

  /// A plan of the graph. Constants that it packs are released, until a later plan asks for one of
  /// them again: from then on they stay.
  [[nodiscard]] Result<std::unique_ptr<Plan>> build_plan(std::span<const Shape> input_shapes,
                                                         int workers);

 private:
  [[nodiscard]] Status restore_constants();
};

}  // namespace lode::engine
