// The reference of all operators that change a shape alone.
#include "engine/ops/copy.h"

#include <cstring>

namespace lode::engine {

Status copy_elements(const ReferenceContext& context) {
  const std::size_t bytes = context.outputs[0].byte_size();
  LODE_ASSERT(context.inputs[0].byte_size() == bytes);
  if (bytes > 0) std::memcpy(context.outputs[0].data, context.inputs[0].data, bytes);
  return {};
}

}  // namespace lode::engine
