// Any bytes as result.json: they are read or refused, and what was read is written and read back.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "results/record/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lode::record;
  const auto record = from_json({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!record.ok()) return 0;
  const std::string text = to_json(*record);
  const auto again = from_json(text, "again");
  LODE_ASSERT(again.ok());
  LODE_ASSERT(to_json(*again) == text);
  return 0;
}
