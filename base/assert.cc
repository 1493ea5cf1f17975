#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace lode {

void assert_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: internal error: %s does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace lode
