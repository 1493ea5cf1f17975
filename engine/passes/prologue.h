// Moving work in front of a 1x1 convolution into it.
#pragma once

#include <string>

#include "engine/graph/editor.h"
#include "engine/ops/conv_fusion.h"

namespace lode::engine {

/// The Conv that alone reads `id`, as its data; null if there is no such.
[[nodiscard]] const Node* conv_reader(const Graph& graph, ValueId id);

/// Why a Conv takes no prologue; empty if it does: it is 1x1 in one group, without padding.
[[nodiscard]] Result<std::string> why_no_prologue(const Graph& graph, const Node& conv);

/// Makes `conv` read `x` through the prologue. `shift` is kNoValue for kScale.
void set_prologue(GraphEditor& editor, const Graph& graph, NodeId conv, ConvPrologue prologue,
                  ValueId x, ValueId scale, ValueId shift);

}  // namespace lode::engine
