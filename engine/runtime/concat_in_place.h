// Which values are made where a Concat along the channels wants them.
//
// In channels-last order a concatenation is a buffer of wide pixels, and each input a slice of
// every pixel. A kernel that steps over the other channels writes its slice at once, and one that
// reads so takes a slice for its input. Concatenations of concatenations share one buffer, and so
// do those that are a stretch of another: all that a dense block ever joins is a prefix of its
// last.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "engine/ops/shape_inference.h"
#include "engine/passes/pass.h"

namespace lode::engine {

/// A stretch of the channels of the buffer that belongs to the concatenation `root`.
struct Slot {
  ValueId root = kNoValue;
  std::int64_t first_channel = 0;
};

/// What the choice depends on, besides the graph.
struct SlotQuestions {
  const InferredGraph& inferred;
  const std::vector<bool>& needed;                      ///< by node
  std::function<bool(ValueId)> is_channels_last;        ///< the value will be made so
  std::function<bool(const Node&)> writes_with_stride;  ///< a kernel does so for output 0
};

struct SlotChoice {
  /// By value: its slot, if it has one. Whoever makes the value writes it there, or copies it there
  /// at once.
  std::vector<std::optional<Slot>> slots;
  /// By node: a Concat that is done once each input without this very slot has been copied there.
  std::vector<bool> is_joined;
};

/// `report` takes the concatenations that are not joined, with the reason.
[[nodiscard]] SlotChoice choose_slots(const Graph& graph, const SlotQuestions& questions,
                                      PassReport& report);

}  // namespace lode::engine
