// Which convolutions of a plan go through the image together, in bands of rows.
#pragma once

#include "engine/runtime/plan.h"

namespace lode::engine {

/// Makes one step of each chain of convolutions whose values in between are read once, by the next
/// one, and would leave the second-level cache. `report` counts the chains and takes, for the
/// values that stay large, the reason. To be called when all steps are there.
void fuse_bands(PlanParts& parts, PassReport& report);

}  // namespace lode::engine
