// Names from files as errors print them.
#pragma once

#include <string>
#include <string_view>

#include "engine/graph/graph.h"

namespace lode::engine {

/// 'name' in single quotes: control bytes are escaped as \xNN and a name of more than 120 bytes is
/// cut, so that an error stays one readable line whatever a file calls its tensors.
[[nodiscard]] std::string quote(std::string_view name);

/// The value of an attribute, as dump() prints it.
[[nodiscard]] std::string attribute_text(const Attribute& attribute);

}  // namespace lode::engine
