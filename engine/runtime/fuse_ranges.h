// Ranges of dynamic quantisations that need no step of their own: a kernel knows the values that it
// writes, and leaves the least and the greatest of each task beside them.
#pragma once

#include <span>
#include <string>

#include "engine/runtime/plan.h"

namespace lode::engine {

/// The step that can do a lode.DynamicRange's work, or why there is none, one clause.
struct RangeMaker {
  PlanStep* step = nullptr;
  std::string why_not;
};

/// `steps` are those in front of `range`. The step found leaves Step::range_pieces pairs an image
/// in output 1, once that is added.
[[nodiscard]] RangeMaker find_range_maker(const Graph& graph, const Node& range,
                                          std::span<PlanStep> steps);

}  // namespace lode::engine
