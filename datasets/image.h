// A decoded image: what the codecs make, the transforms change and the store takes.
#pragma once

#include <cstdint>
#include <vector>

namespace lode::datasets {

/// Pixels [height, width, channels], 0..255; channels 3: RGB, 1: grey.
struct Image {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t channels = 0;
  std::vector<std::uint8_t> pixels;

  [[nodiscard]] const std::uint8_t* row(std::int64_t y) const {
    return pixels.data() + y * width * channels;
  }
  [[nodiscard]] std::uint8_t* row(std::int64_t y) { return pixels.data() + y * width * channels; }
};

/// Larger images are refused: a header of a few bytes must not cost gigabytes.
inline constexpr std::int64_t kImagePixelsMax = std::int64_t{1} << 27;

}  // namespace lode::datasets
