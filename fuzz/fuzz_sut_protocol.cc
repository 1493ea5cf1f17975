// Any bytes as what a process writes: they are cut into messages or refused, in whatever parts they
// come, and what is said when ready is read or refused.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "sut/process/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lode::sut;
  (void)parse_ready({reinterpret_cast<const char*>(data), size});
  if (size == 0) return 0;
  const std::size_t part = 1 + data[0];
  MessageReader reader;
  for (std::size_t at = 1; at < size;) {
    const auto room = reader.room();
    LODE_ASSERT(!room.empty());
    const std::size_t bytes = std::min({part, size - at, room.size()});
    std::memcpy(room.data(), data + at, bytes);
    reader.added(bytes);
    at += bytes;
    while (true) {
      const auto next = reader.next();
      if (!next.ok()) return 0;
      if (!next->has_value()) break;
      LODE_ASSERT((*next)->payload.size() <= MessageReader::kPayloadMax);
      if ((*next)->type == MessageType::kReady) (void)parse_ready((*next)->text());
    }
  }
  return 0;
}
