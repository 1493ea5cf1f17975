// Operators whose output holds the first input's elements in the same order.
#pragma once

#include "engine/ops/operator.h"

namespace lode::engine {

/// The reference of all of them: copies the bytes.
[[nodiscard]] Status copy_elements(const ReferenceContext& context);

}  // namespace lode::engine
