// Which build made a record.
#pragma once

#include <string_view>

namespace lode {

struct Provenance {
  std::string_view version;     ///< "0.1.0"
  std::string_view commit;      ///< abbreviated, "-dirty" if the tree had changes, or "unknown"
  std::string_view compiler;    ///< "GCC 12.2.0"
  std::string_view build_type;  ///< "RelWithDebInfo"
};

[[nodiscard]] const Provenance& provenance();

}  // namespace lode
