// Which images an import takes: val_map.txt and class folders, and what is wrong with them.
#include "datasets/image_list.h"

#include <gmock/gmock.h>

#include "tests/datasets/dataset_test_support.h"

namespace lode::datasets {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string parse_error(std::string_view text) {
  const auto entries = parse_label_map(text, "map.txt");
  return entries.ok() ? "" : entries.error().message;
}

TEST(LabelMap, LinesAreFileAndClass) {
  const auto entries =
      parse_label_map("a.jpg 3\r\n\n  sub/b c.png\t0\nc.jpg 999999", "map").value();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].id, "a.jpg");
  EXPECT_EQ(entries[0].label, 3);
  EXPECT_EQ(entries[1].id, "sub/b c.png");
  EXPECT_EQ(entries[1].label, 0);
  EXPECT_EQ(entries[1].line, 3U);
  EXPECT_EQ(entries[2].label, 999'999);
}

TEST(LabelMap, ABadLineIsNamed) {
  EXPECT_THAT(parse_error("a.jpg 1\nb.jpg\n"), AllOf(HasSubstr("map.txt:2: "), HasSubstr("b.jpg")));
  EXPECT_THAT(parse_error("a.jpg x"), AllOf(HasSubstr("map.txt:1: "), HasSubstr("'a.jpg'")));
  EXPECT_THAT(parse_error("a.jpg -1"), HasSubstr("map.txt:1: "));
  EXPECT_THAT(parse_error("a.jpg 1000000"), HasSubstr("map.txt:1: "));
  EXPECT_THAT(parse_error("a.jpg 1.5"), HasSubstr("map.txt:1: "));
  EXPECT_THAT(parse_error("/etc/a.jpg 1"), HasSubstr("absolute"));
  EXPECT_THAT(parse_error("a 1\nb 2\n\na 1\n"),
              HasSubstr("map.txt:4: 'a' is listed twice, first in line 1"));
  EXPECT_THAT(parse_error("\n \n"), HasSubstr("map.txt: lists no images"));
}

using ImageList = FolderTest;

TEST_F(ImageList, AListedImageThatIsMissingIsNamedWithItsLine) {
  write("images/a.jpg", "x");
  write("map.txt", "a.jpg 0\nb.jpg 1\n");
  const auto entries = list_labelled_images(folder_ / "images", folder_ / "map.txt");
  ASSERT_FALSE(entries.ok());
  EXPECT_THAT(entries.error().message, AllOf(HasSubstr("map.txt:2: "), HasSubstr("'b.jpg'")));
  EXPECT_THAT(list_labelled_images(folder_, folder_ / "map.txt").error().message,
              HasSubstr("it is under"));
  EXPECT_FALSE(list_labelled_images(folder_ / "none", folder_ / "map.txt").ok());
  EXPECT_FALSE(list_labelled_images(folder_ / "images", folder_ / "none.txt").ok());
}

TEST_F(ImageList, OneFolderAClass) {
  for (const char* name :
       {"set/dog/2.PNG", "set/dog/1.jpg", "set/cat/deep/er/x.jpeg", "set/cat/a.txt",
        "set/.hidden/y.jpg", "set/cat/.z.jpg", "set/readme.md"}) {
    write(name, "x");
  }
  const auto entries = list_class_folders(folder_ / "set").value();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].id, "cat/deep/er/x.jpeg");
  EXPECT_EQ(entries[0].label, 0);
  EXPECT_EQ(entries[1].id, "dog/1.jpg");
  EXPECT_EQ(entries[2].id, "dog/2.PNG");
  EXPECT_EQ(entries[2].label, 1);
}

TEST_F(ImageList, FoldersThatAreNoClasses) {
  EXPECT_THAT(list_class_folders(folder_ / "none").error().message, HasSubstr("none"));
  write("flat/a.jpg", "x");
  EXPECT_THAT(list_class_folders(folder_ / "flat").error().message, HasSubstr("--labels"));
  write("set/cat/a.jpg", "x");
  std::filesystem::create_directories(folder_ / "set" / "empty");
  EXPECT_THAT(list_class_folders(folder_ / "set").error().message, HasSubstr("empty' holds no"));
}

}  // namespace
}  // namespace lode::datasets
