// What this process has used of the machine so far.
#pragma once

#include "results/record/record.h"

namespace lode::run {

/// From getrusage(2): the whole process, from its start.
[[nodiscard]] record::Resources read_resources();

}  // namespace lode::run
