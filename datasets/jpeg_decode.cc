// JPEG through libjpeg-turbo's classic interface. The library reports errors by a callback that
// must not return, hence setjmp: between it and the end of the decoder only plain data lives.
#include <csetjmp>
#include <cstddef>
#include <cstdio>

// <cstdio> before: jpeglib.h uses FILE and size_t without declaring them.
#include <jerror.h>
#include <jpeglib.h>

#include "datasets/image_codecs.h"

namespace lode::datasets {
namespace {

/// Progressive files are decoded from all their scans; a handful is normal.
constexpr int kScansMax = 500;
constexpr long kWorkingBytesMax = 1L << 30;

struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf on_error;
  char message[JMSG_LENGTH_MAX];
};

Decoder& decoder_of(j_common_ptr info) {
  return *static_cast<Decoder*>(info->client_data);
}

[[noreturn]] void fail(j_common_ptr info) {
  Decoder& decoder = decoder_of(info);
  decoder.errors.format_message(info, decoder.message);
  std::longjmp(decoder.on_error, 1);
}

/// Warnings that leave every pixel as the encoder made it.
bool is_harmless(int code) {
  return code == JWRN_EXTRANEOUS_DATA || code == JWRN_TOO_MUCH_DATA || code == JWRN_ADOBE_XFORM;
}

/// Level -1 is a warning: the picture is damaged and the library goes on with a guess.
void on_message(j_common_ptr info, int level) {
  if (level < 0 && !is_harmless(info->err->msg_code)) fail(info);
}

void print_nothing(j_common_ptr) {}

void limit_scans(j_common_ptr info) {
  const auto* decompress = reinterpret_cast<j_decompress_ptr>(info);
  if (decompress->input_scan_number <= kScansMax) return;
  Decoder& decoder = decoder_of(info);
  std::snprintf(decoder.message, sizeof(decoder.message), "more than %d scans", kScansMax);
  std::longjmp(decoder.on_error, 1);
}

void set_up(Decoder& decoder, std::string_view bytes) {
  jpeg_create_decompress(&decoder.info);
  decoder.info.mem->max_memory_to_use = kWorkingBytesMax;
  decoder.progress.progress_monitor = limit_scans;
  decoder.info.progress = &decoder.progress;
  jpeg_mem_src(&decoder.info, reinterpret_cast<const unsigned char*>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
}

/// Reads the header and starts. False with a message if libjpeg fails.
bool start(Decoder& decoder, std::string_view bytes) {
  if (setjmp(decoder.on_error) != 0) return false;
  set_up(decoder, bytes);
  jpeg_read_header(&decoder.info, TRUE);
  const J_COLOR_SPACE stored = decoder.info.jpeg_color_space;
  const bool four = stored == JCS_CMYK || stored == JCS_YCCK;
  decoder.info.out_color_space = four ? JCS_CMYK : JCS_RGB;
  jpeg_calc_output_dimensions(&decoder.info);
  return true;
}

/// Decodes into `pixels`, with `channels` bytes a pixel. False with a message if libjpeg fails.
bool finish(Decoder& decoder, std::uint8_t* pixels, std::size_t row_bytes) {
  if (setjmp(decoder.on_error) != 0) return false;
  jpeg_start_decompress(&decoder.info);
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW row = pixels + decoder.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&decoder.info, &row, 1);
  }
  jpeg_finish_decompress(&decoder.info);
  return true;
}

/// a * b / 255, rounded.
std::uint8_t multiply(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return static_cast<std::uint8_t>((product + (product >> 8)) >> 8);
}

/// CMYK as Adobe stores it, 255 for no ink, to RGB in place: R = K - K * (255 - C) / 255.
void cmyk_to_rgb(Image& image) {
  const std::size_t count = image.pixels.size() / 4;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* from = image.pixels.data() + i * 4;
    const unsigned black = from[3];
    std::uint8_t* to = image.pixels.data() + i * 3;
    // Front to back: a pixel's last read comes before the write that reaches it.
    for (std::size_t c = 0; c < 3; ++c) {
      to[c] = static_cast<std::uint8_t>(black - multiply(255U - from[c], black));
    }
  }
  image.pixels.resize(count * 3);
  image.channels = 3;
}

/// Releases what libjpeg holds, however the decoder is left.
class Releaser {
 public:
  explicit Releaser(Decoder& decoder) : decoder_(decoder) {}
  Releaser(const Releaser&) = delete;
  Releaser& operator=(const Releaser&) = delete;
  ~Releaser() { jpeg_destroy_decompress(&decoder_.info); }

 private:
  Decoder& decoder_;
};

}  // namespace

Result<Image> decode_jpeg(std::string_view bytes) {
  Decoder decoder = {};
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.info.client_data = &decoder;
  decoder.errors.error_exit = fail;
  decoder.errors.emit_message = on_message;
  decoder.errors.output_message = print_nothing;
  const Releaser releaser(decoder);
  if (!start(decoder, bytes)) return runtime_error("{}", decoder.message);

  Image image;
  image.width = decoder.info.output_width;
  image.height = decoder.info.output_height;
  image.channels = decoder.info.out_color_components;
  LODE_CHECK_OK(check_image_size(image.width, image.height));
  const auto row_bytes = static_cast<std::size_t>(image.width * image.channels);
  image.pixels.resize(row_bytes * static_cast<std::size_t>(image.height));
  if (!finish(decoder, image.pixels.data(), row_bytes)) {
    return runtime_error("{}", decoder.message);
  }
  if (image.channels == 4) cmyk_to_rgb(image);
  return image;
}

std::string jpeg_library() {
#define LODE_TEXT_OF(value) #value
#define LODE_TEXT(value) LODE_TEXT_OF(value)
  return "libjpeg-turbo " LODE_TEXT(LIBJPEG_TURBO_VERSION);
}

}  // namespace lode::datasets
