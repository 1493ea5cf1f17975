// PNG through libpng's low-level interface: the simplified one applies gamma, which would make
// other pixels of a file than every training pipeline sees. Errors arrive by longjmp, as in JPEG.
#include <png.h>

#include <csetjmp>
#include <cstring>

#include "datasets/image_codecs.h"

namespace lode::datasets {
namespace {

struct Decoder {
  png_structp png;
  png_infop info;
  std::string_view rest;
  char message[160];
};

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  auto& decoder = *static_cast<Decoder*>(png_get_error_ptr(png));
  std::strncpy(decoder.message, message, sizeof(decoder.message) - 1);
  png_longjmp(png, 1);
}

/// Warnings concern what does not change pixels: text, colour profiles, unknown chunks.
void ignore(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep out, std::size_t count) {
  auto& decoder = *static_cast<Decoder*>(png_get_io_ptr(png));
  if (count > decoder.rest.size()) png_error(png, "premature end of file");
  std::memcpy(out, decoder.rest.data(), count);
  decoder.rest.remove_prefix(count);
}

/// Reads the header and asks for 8-bit RGB. False with a message if libpng fails.
bool start(Decoder& decoder, Image& image) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_set_read_fn(decoder.png, &decoder, read_bytes);
  png_read_info(decoder.png, decoder.info);
  png_set_expand(decoder.png);
  png_set_scale_16(decoder.png);
  png_set_gray_to_rgb(decoder.png);
  png_set_strip_alpha(decoder.png);
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
  image.width = png_get_image_width(decoder.png, decoder.info);
  image.height = png_get_image_height(decoder.png, decoder.info);
  image.channels = png_get_channels(decoder.png, decoder.info);
  return true;
}

/// Decodes into `rows` and reads to the end of the file. False with a message if libpng fails.
bool finish(Decoder& decoder, png_bytepp rows) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_read_image(decoder.png, rows);
  png_read_end(decoder.png, nullptr);
  return true;
}

/// Releases what libpng holds, however the decoder is left.
class Releaser {
 public:
  explicit Releaser(Decoder& decoder) : decoder_(decoder) {}
  Releaser(const Releaser&) = delete;
  Releaser& operator=(const Releaser&) = delete;
  ~Releaser() { png_destroy_read_struct(&decoder_.png, &decoder_.info, nullptr); }

 private:
  Decoder& decoder_;
};

}  // namespace

Result<Image> decode_png(std::string_view bytes) {
  Decoder decoder = {};
  decoder.rest = bytes;
  const Releaser releaser(decoder);
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, fail, ignore);
  if (decoder.png != nullptr) decoder.info = png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) return runtime_error("libpng {} failed to start", png_libpng_ver);

  Image image;
  if (!start(decoder, image)) return runtime_error("{}", decoder.message);
  LODE_CHECK_OK(check_image_size(image.width, image.height));
  LODE_ASSERT(image.channels == 3);
  image.pixels.resize(static_cast<std::size_t>(image.width * image.height * image.channels));
  std::vector<png_bytep> rows(static_cast<std::size_t>(image.height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = image.row(static_cast<std::int64_t>(y));
  if (!finish(decoder, rows.data())) return runtime_error("{}", decoder.message);
  return image;
}

std::string png_library() {
  return std::string("libpng ") + PNG_LIBPNG_VER_STRING;
}

}  // namespace lode::datasets
