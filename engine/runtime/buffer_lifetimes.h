// When the buffers of a plan are in use, and which of them can be one.
#pragma once

#include <vector>

#include "engine/runtime/plan.h"

namespace lode::engine {

/// The first and the last step that touches each buffer, with its bytes; last_step is -1 if none
/// does.
[[nodiscard]] std::vector<Lifetime> buffer_lifetimes(const PlanParts& parts);

/// Where a step may write over an input (Step::may_overwrite) that is not read afterwards, makes
/// its output that input's buffer.
void reuse_inputs(PlanParts& parts, PassReport& report);

}  // namespace lode::engine
