// Resizing and cropping against values worked out by hand.
#include "datasets/image_transform.h"

#include <gmock/gmock.h>

#include "tests/datasets/dataset_test_support.h"

namespace lode::datasets {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Image line(std::vector<std::uint8_t> pixels) {
  const auto width = static_cast<std::int64_t>(pixels.size());
  return {width, 1, 1, std::move(pixels)};
}

TEST(ImageTransform, HalvingWeighsByATriangleOverFourInputs) {
  // Output 0 stands at 1.0 and reaches 2: inputs at 0.5, 1.5, 2.5 weigh 3, 3, 1.
  EXPECT_THAT(resize_bilinear(line({0, 70, 140, 210}), 2, 1).pixels, ElementsAre(50, 160));
}

TEST(ImageTransform, DoublingInterpolates) {
  EXPECT_THAT(resize_bilinear(line({0, 100}), 4, 1).pixels, ElementsAre(0, 25, 75, 100));
}

TEST(ImageTransform, RowsAreTreatedAsColumns) {
  Image column = line({0, 70, 140, 210});
  std::swap(column.width, column.height);
  const Image out = resize_bilinear(column, 1, 2);
  EXPECT_EQ(out.height, 2);
  EXPECT_THAT(out.pixels, ElementsAre(50, 160));
}

TEST(ImageTransform, ChannelsStayApart) {
  const Image image =
      make_image(4, 2, 3, [](std::int64_t, std::int64_t, std::int64_t c) { return 10 + c * 100; });
  EXPECT_THAT(resize_bilinear(image, 2, 1).pixels, ElementsAre(10, 110, 210, 10, 110, 210));
}

TEST(ImageTransform, AFlatImageStaysFlatAtAnySize) {
  for (const int value : {0, 1, 127, 254, 255}) {
    const Image image =
        make_image(37, 23, 1, [&](std::int64_t, std::int64_t, std::int64_t) { return value; });
    for (const std::int64_t side : {1, 2, 7, 22, 23, 24, 37, 100}) {
      EXPECT_THAT(resize_bilinear(image, side, side + 1).pixels, Each(value)) << side;
    }
  }
}

TEST(ImageTransform, TheShorterSideIsResized) {
  const auto size = [](std::int64_t width, std::int64_t height, std::int64_t side) {
    const Image out = resize_shorter_side(colourful(width, height), side).value();
    return std::pair(out.width, out.height);
  };
  EXPECT_EQ(size(30, 20, 10), std::pair(std::int64_t{15}, std::int64_t{10}));
  EXPECT_EQ(size(200, 301, 256), std::pair(std::int64_t{256}, std::int64_t{385}));
  EXPECT_EQ(size(20, 20, 33), std::pair(std::int64_t{33}, std::int64_t{33}));
  const Image same = colourful(20, 30);
  EXPECT_EQ(resize_shorter_side(same, 20).value().pixels, same.pixels);
}

TEST(ImageTransform, AStripThatWouldGrowTooFarIsRefused) {
  const Result<Image> out =
      resize_shorter_side(make_image(60'000, 1, 1, [](auto...) { return 0; }), 4096);
  ASSERT_FALSE(out.ok());
  EXPECT_THAT(out.error().message, HasSubstr("60000x1, too narrow"));
}

TEST(ImageTransform, TheCropIsCentredAndRoundsDown) {
  const Image image =
      make_image(7, 6, 1, [](std::int64_t x, std::int64_t y, std::int64_t) { return 10 * y + x; });
  // (7 - 2) / 2 = 2 and (6 - 2) / 2 = 2.
  EXPECT_THAT(crop_centre(image, 2).value().pixels, ElementsAre(22, 23, 32, 33));
  EXPECT_EQ(crop_centre(image, 6).value().pixels[0], 0);
  const Result<Image> large = crop_centre(image, 7);
  ASSERT_FALSE(large.ok());
  EXPECT_THAT(large.error().message, HasSubstr("is 7x6, smaller than the crop of 7"));
}

}  // namespace
}  // namespace lode::datasets
