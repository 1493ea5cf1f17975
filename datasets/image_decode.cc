#include "datasets/image_decode.h"

#include <new>

#include "datasets/image_codecs.h"

namespace lode::datasets {
namespace {

constexpr std::string_view kJpegMagic = "\xFF\xD8\xFF";
constexpr std::string_view kPngMagic = "\x89PNG\r\n\x1A\n";

Result<Image> decode_rgb(std::string_view bytes) {
  if (bytes.empty()) return runtime_error("the file is empty");
  try {
    if (bytes.starts_with(kJpegMagic)) return decode_jpeg(bytes);
    if (bytes.starts_with(kPngMagic)) return decode_png(bytes);
  } catch (const std::bad_alloc&) {
    return runtime_error("not enough memory to decode it");
  }
  return runtime_error("neither JPEG nor PNG");
}

void rgb_to_grey(Image& image) {
  const std::size_t count = image.pixels.size() / 3;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* rgb = image.pixels.data() + i * 3;
    const std::uint32_t luma = rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U;
    image.pixels[i] = static_cast<std::uint8_t>((luma + 0x8000U) >> 16);
  }
  image.pixels.resize(count);
  image.channels = 1;
}

}  // namespace

Status check_image_size(std::int64_t width, std::int64_t height) {
  if (width > 0 && height > 0 && width <= kImagePixelsMax / height) return {};
  return runtime_error("is {}x{}; images of 1 to {} pixels are read", width, height,
                       kImagePixelsMax);
}

Result<Image> decode_image(std::string_view bytes, bool grey) {
  LODE_TRY(Image image, decode_rgb(bytes));
  if (grey) rgb_to_grey(image);
  return image;
}

std::string decoder_name() {
  return fmt::format("{}, {}", jpeg_library(), png_library());
}

}  // namespace lode::datasets
