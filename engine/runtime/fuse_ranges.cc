#include "engine/runtime/fuse_ranges.h"

#include <algorithm>

#include "engine/passes/rewrite.h"

namespace lode::engine {

RangeMaker find_range_maker(const Graph& graph, const Node& range, std::span<PlanStep> steps) {
  if (graph.is_output(range.outputs[0])) return {nullptr, "its ranges are an output of the graph"};
  const Node* producer = producer_of(graph, range.inputs[0]);
  if (producer == nullptr) return {nullptr, "no step makes its input"};
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&](const PlanStep& step) { return step.node == producer->id; });
  if (found == steps.end()) {
    return {nullptr, fmt::format("the {} in front is no step of its own", producer->op_type)};
  }
  if (found->step.range_pieces == 0) {
    return {nullptr, fmt::format("{} leaves no ranges", found->step.kernel)};
  }
  if (found->outputs.size() != 1) return {nullptr, "its input's range is known already"};
  return {&*found, ""};
}

}  // namespace lode::engine
