// What the dataset tests share: a folder of their own, and images made by code.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

// <cstdio> before: jpeglib.h uses FILE and size_t without declaring them.
#include <jpeglib.h>
#include <png.h>

#include "base/file_io.h"
#include "datasets/image.h"

namespace lode::datasets {

/// A folder that is made for a test and removed after it.
class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("lode-{}-{}-{}", test->test_suite_name(), test->name(), ::getpid());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& content) const {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    ASSERT_TRUE(write_file_atomically(path, content).ok());
  }

  /// Names in the folder, hidden ones too, sorted.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      found.push_back(entry.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  std::filesystem::path folder_;
};

/// An image whose pixels are a function of their place: pixel(x, y, channel).
template <typename Pixel>
Image make_image(std::int64_t width, std::int64_t height, std::int64_t channels, Pixel pixel) {
  Image image{width, height, channels, {}};
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t c = 0; c < channels; ++c) {
        image.pixels.push_back(static_cast<std::uint8_t>(pixel(x, y, c)));
      }
    }
  }
  return image;
}

/// A colourful image without a symmetry; `variant` makes it another one.
inline Image colourful(std::int64_t width, std::int64_t height, std::int64_t variant = 0) {
  return make_image(width, height, 3, [&](std::int64_t x, std::int64_t y, std::int64_t c) {
    return (x * (3 + c) + y * (5 - c) + variant * 31 + c * 80) % 256;
  });
}

/// JPEG bytes: 1 channel grey, 3 RGB, 4 CMYK as Adobe stores it (255: no ink).
inline std::string encode_jpeg(const Image& image, int quality = 95) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = static_cast<int>(image.channels);
  info.in_color_space = image.channels == 1   ? JCS_GRAYSCALE
                        : image.channels == 3 ? JCS_RGB
                                              : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  std::vector<std::uint8_t> line(static_cast<std::size_t>(image.width * image.channels));
  for (std::int64_t y = 0; y < image.height; ++y) {
    std::copy(image.row(y), image.row(y) + line.size(), line.begin());
    JSAMPROW row = line.data();
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string bytes(reinterpret_cast<const char*>(memory), size);
  jpeg_destroy_compress(&info);
  std::free(memory);
  return bytes;
}

struct PngOptions {
  int bit_depth = 8;
  int color_type = PNG_COLOR_TYPE_RGB;
  int interlace = PNG_INTERLACE_NONE;
  double gamma = 0;  ///< 0: no gAMA chunk
  std::vector<png_color> palette = {};
};

/// PNG bytes from rows as they are stored (16 bits big-endian, less than 8 packed).
inline std::string encode_png(int width, int height, const std::vector<std::uint8_t>& stored,
                              const PngOptions& options) {
  std::string bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp writer, png_bytep data, std::size_t count) {
        static_cast<std::string*>(png_get_io_ptr(writer))
            ->append(reinterpret_cast<const char*>(data), count);
      },
      [](png_structp) {});
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               options.bit_depth, options.color_type, options.interlace, PNG_COMPRESSION_TYPE_BASE,
               PNG_FILTER_TYPE_BASE);
  if (options.gamma > 0) png_set_gAMA(png, info, options.gamma);
  if (!options.palette.empty()) {
    png_set_PLTE(png, info, options.palette.data(), static_cast<int>(options.palette.size()));
  }
  png_write_info(png, info);
  const std::size_t row_bytes = stored.size() / static_cast<std::size_t>(height);
  std::vector<std::uint8_t> copy = stored;
  std::vector<png_bytep> rows;
  rows.reserve(static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y)
    rows.push_back(copy.data() + static_cast<std::size_t>(y) * row_bytes);
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

/// The 8-bit PNG of an image of 1 or 3 channels.
inline std::string encode_png(const Image& image) {
  PngOptions options;
  options.color_type = image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
  return encode_png(static_cast<int>(image.width), static_cast<int>(image.height), image.pixels,
                    options);
}

}  // namespace lode::datasets
