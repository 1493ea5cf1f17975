// Names from files as errors print them.
#pragma once

#include <string>
#include <string_view>

namespace lode::engine {

/// 'name' in single quotes: control bytes are escaped as \xNN and a name of more than 120 bytes is
/// cut, so that an error stays one readable line whatever a file calls its tensors.
[[nodiscard]] std::string quoted(std::string_view name);

}  // namespace lode::engine
