// Fuzzes the reader of calibration tables: what it takes, it writes and reads again to the bit.
#include <cstdint>
#include <string_view>

#include "quant/calibration_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto table =
      lode::quant::parse_calibration_table({reinterpret_cast<const char*>(data), size});
  if (table.ok()) {
    const auto copy = lode::quant::parse_calibration_table(lode::quant::to_json(*table));
    // A name that is not UTF-8 does not come this far: the parser refuses it.
    LODE_ASSERT(copy.ok() && copy->ranges == table->ranges && copy->samples == table->samples &&
                copy->equalised == table->equalised);
  }
  return 0;
}
