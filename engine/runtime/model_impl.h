// What a Model holds; seen by model.cc and session.cc alone.
#pragma once

#include <vector>

#include "engine/graph/graph.h"
#include "engine/ops/machine_pass.h"
#include "engine/passes/pass.h"
#include "engine/runtime/session.h"
#include "engine/runtime/weight_cache.h"

namespace lode::engine {

struct Model::Impl {
  Graph graph;
  Isa isa = Isa::kGeneric;
  std::vector<PassReport> passes;
  MachinePasses machine_passes;
  std::vector<PortInfo> inputs;
  std::vector<PortInfo> outputs;
  mutable SharedWeightCache weights;  ///< filled by the sessions' plans
};

}  // namespace lode::engine
