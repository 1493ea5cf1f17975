#include "base/provenance.h"

namespace lode {

const Provenance& provenance() {
#if defined(__clang__)
  static constexpr Provenance kProvenance{LODE_VERSION, LODE_GIT_COMMIT, "Clang " __clang_version__,
                                          LODE_BUILD_TYPE};
#else
  static constexpr Provenance kProvenance{LODE_VERSION, LODE_GIT_COMMIT, "GCC " __VERSION__,
                                          LODE_BUILD_TYPE};
#endif
  return kProvenance;
}

}  // namespace lode
