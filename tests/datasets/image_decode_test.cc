// Decoding: every kind of JPEG and PNG, and everything that may be wrong with one.
#include "datasets/image_decode.h"

#include <gmock/gmock.h>

#include "tests/datasets/dataset_test_support.h"

namespace lode::datasets {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

/// The largest difference of two images' pixels.
int distance(const Image& a, const Image& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.pixels.size(), b.pixels.size());
  int most = 0;
  for (std::size_t i = 0; i < std::min(a.pixels.size(), b.pixels.size()); ++i) {
    most = std::max(most, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  }
  return most;
}

Image gradient(std::int64_t width, std::int64_t height) {
  return make_image(width, height, 3, [](std::int64_t x, std::int64_t y, std::int64_t c) {
    return c == 0 ? x * 3 : c == 1 ? y * 3 : 128;
  });
}

TEST(ImageDecode, JpegIsCloseToWhatWasEncoded) {
  const Image image = gradient(64, 48);
  const Result<Image> decoded = decode_image(encode_jpeg(image, 98), false);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded.value().channels, 3);
  EXPECT_LE(distance(decoded.value(), image), 8);
}

TEST(ImageDecode, GreyJpegBecomesThreeEqualChannels) {
  const Image grey = make_image(
      40, 24, 1, [](std::int64_t x, std::int64_t y, std::int64_t) { return 2 * x + 3 * y; });
  const Image decoded = decode_image(encode_jpeg(grey, 98), false).value();
  ASSERT_EQ(decoded.channels, 3);
  for (std::size_t i = 0; i < decoded.pixels.size(); i += 3) {
    ASSERT_EQ(decoded.pixels[i], decoded.pixels[i + 1]);
    ASSERT_EQ(decoded.pixels[i], decoded.pixels[i + 2]);
  }
  EXPECT_LE(distance(decode_image(encode_jpeg(grey, 98), true).value(), grey), 4);
}

TEST(ImageDecode, CmykJpegIsTakenAsAdobeStoresIt) {
  // Half cyan ink, no magenta, full yellow, a fifth black: R = 204*128/255, G = 204, B = 0.
  const Image cmyk = make_image(16, 16, 4, [](std::int64_t, std::int64_t, std::int64_t c) {
    return c == 0 ? 128 : c == 1 ? 255 : c == 2 ? 0 : 204;
  });
  const Image decoded = decode_image(encode_jpeg(cmyk, 100), false).value();
  ASSERT_EQ(decoded.channels, 3);
  ASSERT_EQ(decoded.pixels.size(), 16U * 16U * 3U);
  EXPECT_NEAR(decoded.pixels[0], 102, 2);
  EXPECT_NEAR(decoded.pixels[1], 204, 2);
  EXPECT_NEAR(decoded.pixels[2], 0, 2);
}

TEST(ImageDecode, LumaIsThatOfItu601) {
  const Image image = make_image(4, 1, 3, [](std::int64_t x, std::int64_t, std::int64_t c) {
    return x == 3 ? 255 : x == c ? 255 : 0;
  });
  EXPECT_THAT(decode_image(encode_png(image), true).value().pixels, ElementsAre(76, 150, 29, 255));
}

TEST(ImageDecode, PngIsExact) {
  const Image image = colourful(19, 13);
  EXPECT_EQ(decode_image(encode_png(image), false).value().pixels, image.pixels);

  PngOptions interlaced;
  interlaced.interlace = PNG_INTERLACE_ADAM7;
  EXPECT_EQ(decode_image(encode_png(19, 13, image.pixels, interlaced), false).value().pixels,
            image.pixels);
  PngOptions gamma;
  gamma.gamma = 1.0;
  EXPECT_EQ(decode_image(encode_png(19, 13, image.pixels, gamma), false).value().pixels,
            image.pixels);
}

TEST(ImageDecode, PngOfEveryKind) {
  const auto pixels = [](int width, const std::vector<std::uint8_t>& row,
                         const PngOptions& options) {
    const Result<Image> image = decode_image(encode_png(width, 1, row, options), false);
    return image.ok() ? image.value().pixels : std::vector<std::uint8_t>();
  };
  EXPECT_THAT(pixels(2, {7, 200}, {.color_type = PNG_COLOR_TYPE_GRAY}),
              ElementsAre(7, 7, 7, 200, 200, 200));
  EXPECT_THAT(pixels(8, {0b01000001}, {.bit_depth = 1, .color_type = PNG_COLOR_TYPE_GRAY})[3], 255);
  EXPECT_THAT(pixels(2, {0x1F}, {.bit_depth = 4, .color_type = PNG_COLOR_TYPE_GRAY}),
              ElementsAre(17, 17, 17, 255, 255, 255));
  EXPECT_THAT(pixels(1, {9, 0}, {.color_type = PNG_COLOR_TYPE_GRAY_ALPHA}), ElementsAre(9, 9, 9));
  EXPECT_THAT(pixels(1, {1, 2, 3, 0}, {.color_type = PNG_COLOR_TYPE_RGB_ALPHA}),
              ElementsAre(1, 2, 3));
  EXPECT_THAT(pixels(1, {0x80, 0x80, 0xFF, 0xFF, 0x00, 0xFF}, {.bit_depth = 16}),
              ElementsAre(128, 255, 1));
  EXPECT_THAT(pixels(1, {0x12, 0x34}, {.bit_depth = 16, .color_type = PNG_COLOR_TYPE_GRAY}),
              ElementsAre(18, 18, 18));
  const std::vector<png_color> palette = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  EXPECT_THAT(pixels(2, {2, 0}, {.color_type = PNG_COLOR_TYPE_PALETTE, .palette = palette}),
              ElementsAre(7, 8, 9, 1, 2, 3));
  EXPECT_THAT(pixels(2, {0b10010000},
                     {.bit_depth = 2, .color_type = PNG_COLOR_TYPE_PALETTE, .palette = palette}),
              ElementsAre(7, 8, 9, 4, 5, 6));
}

TEST(ImageDecode, EveryTruncationIsAnError) {
  const std::string jpeg = encode_jpeg(colourful(48, 48));
  for (std::size_t size = 0; size < jpeg.size(); size += 1 + size / 16) {
    EXPECT_FALSE(decode_image(std::string_view(jpeg).substr(0, size), false).ok()) << size;
  }
  EXPECT_FALSE(decode_image(std::string_view(jpeg).substr(0, jpeg.size() - 1), false).ok());
  EXPECT_THAT(
      decode_image(std::string_view(jpeg).substr(0, jpeg.size() / 2), false).error().message,
      HasSubstr("remature end"));
  const std::string png = encode_png(colourful(20, 20));
  for (std::size_t size = 0; size < png.size(); ++size) {
    EXPECT_FALSE(decode_image(std::string_view(png).substr(0, size), false).ok()) << size;
  }
}

TEST(ImageDecode, DamagedPngIsAnError) {
  std::string png = encode_png(colourful(20, 20));
  png[png.find("IDAT") + 20] ^= 1;
  EXPECT_FALSE(decode_image(png, false).ok());
}

TEST(ImageDecode, JpegWithTrailingBytesIsRead) {
  const std::string jpeg = encode_jpeg(colourful(16, 16));
  EXPECT_TRUE(decode_image(jpeg + std::string(100, 'x'), false).ok());
}

TEST(ImageDecode, WhatIsNoImage) {
  EXPECT_THAT(decode_image("", false).error().message, HasSubstr("empty"));
  EXPECT_THAT(decode_image("GIF89a", false).error().message, HasSubstr("neither JPEG nor PNG"));
  EXPECT_FALSE(decode_image("\xFF\xD8\xFF", false).ok());
}

TEST(ImageDecode, AHugeSizeInTheHeaderIsRefusedBeforeMemoryIsTaken) {
  std::string jpeg = encode_jpeg(colourful(16, 16));
  const std::size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  for (std::size_t i = 5; i < 9; ++i) jpeg[frame + i] = '\xF0';
  EXPECT_THAT(decode_image(jpeg, false).error().message, HasSubstr("61680x61680"));
}

TEST(ImageDecode, TheDecoderHasAVersion) {
  EXPECT_THAT(decoder_name(), MatchesRegex("libjpeg-turbo [0-9.]+, libpng [0-9.]+"));
}

}  // namespace
}  // namespace lode::datasets
