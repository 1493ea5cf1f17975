// Fuzzes the readers that an import puts outside files through: image decoding with resize and
// crop behind it, and val_map.txt. The first byte chooses.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "datasets/image_decode.h"
#include "datasets/image_list.h"
#include "datasets/image_transform.h"

namespace {

using lode::datasets::Image;

/// Enough to reach every path; larger pictures only take time.
constexpr std::int64_t kPixelsMax = 1 << 20;

void check_size(const Image& image) {
  LODE_ASSERT(image.width > 0 && image.height > 0);
  LODE_ASSERT(image.pixels.size() ==
              static_cast<std::size_t>(image.width * image.height * image.channels));
}

void fuzz_image(std::string_view bytes, bool grey) {
  auto image = lode::datasets::decode_image(bytes, grey);
  if (!image.ok()) return;
  check_size(*image);
  LODE_ASSERT(image->channels == (grey ? 1 : 3));
  if (image->width * image->height > kPixelsMax) return;
  auto resized = lode::datasets::resize_shorter_side(std::move(image).value(), 16);
  if (!resized.ok()) return;
  check_size(*resized);
  LODE_ASSERT(std::min(resized->width, resized->height) == 16);
  const auto cropped = lode::datasets::crop_centre(*resized, 14);
  LODE_ASSERT(cropped.ok());
  check_size(cropped.value());
}

void fuzz_label_map(std::string_view text) {
  const auto entries = lode::datasets::parse_label_map(text, "map.txt");
  if (!entries.ok()) return;
  LODE_ASSERT(!entries.value().empty());
  for (const auto& entry : entries.value()) {
    LODE_ASSERT(entry.label >= 0 && entry.label < lode::datasets::kClassesMax && entry.line > 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 2) {
    fuzz_label_map(rest);
  } else {
    fuzz_image(rest, data[0] % 3 == 1);
  }
  return 0;
}
