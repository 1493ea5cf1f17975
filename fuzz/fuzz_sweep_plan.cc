// Any bytes as plan.json and as sweep.json: they are read or refused, and a plan that was read is
// written and read back.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "results/sweep/plan.h"
#include "results/sweep/summary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lode::sweep;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto asked = asked_from_json(text, "fuzz");
  // It holds nothing that the text did not.
  LODE_ASSERT(!asked.ok() || asked->best.size() <= size);
  const auto plan = plan_from_json(text, "fuzz");
  if (!plan.ok()) return 0;
  const auto again = plan_from_json(to_json(*plan), "again");
  LODE_ASSERT(again.ok());
  LODE_ASSERT(to_json(*again) == to_json(*plan));
  LODE_ASSERT(difference(plan->identity, again->identity).empty());
  return 0;
}
