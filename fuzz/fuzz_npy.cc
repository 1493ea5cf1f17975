// Fuzzes the reader of .npy files.
#include <cstdint>
#include <string_view>

#include "base/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto array = lode::parse_npy({reinterpret_cast<const char*>(data), size}, "fuzz.npy");
  if (array.ok()) {
    const auto file = lode::format_npy(array->view());
    LODE_ASSERT(file.ok());
    const auto copy = lode::parse_npy(*file, "fuzz.npy");
    LODE_ASSERT(copy.ok() && copy->shape == array->shape && copy->bytes == array->bytes);
  }
  return 0;
}
