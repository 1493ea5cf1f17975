// .npy files: round trips, NumPy's own bytes, and what is refused.
#include "base/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lode {
namespace {

using testing::HasSubstr;

std::string file_with(std::string_view header, std::string_view data) {
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  return file.append(header).append(data);
}

TEST(Npy, ReadsWhatNumpyWrites) {
  const auto array =
      parse_npy(file_with("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 1), }      \n",
                          std::string("\x01\0\0\0\xFF\xFF\xFF\xFF", 8)),
                "x.npy");
  ASSERT_TRUE(array.ok()) << array.error().message;
  EXPECT_EQ(array->shape, Shape({2, 1}));
  EXPECT_EQ(array->view().as<std::int32_t>()[0], 1);
  EXPECT_EQ(array->view().as<std::int32_t>()[1], -1);
}

TEST(Npy, RoundTripsEveryRankWithAlignedHeader) {
  const std::vector<float> values = {1.5F, -2.0F, 0.0F, 3e8F, 5.0F, 6.0F};
  const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
  for (const Shape& shape : {Shape{}, Shape{6}, Shape{2, 3}, Shape{1, 2, 1, 3}, Shape{0, 4}}) {
    const std::string file = *format_npy({bytes, DType::kF32, shape});
    const auto count = static_cast<std::size_t>(shape.element_count());
    EXPECT_EQ((file.size() - count * 4) % 64, 0U);
    const auto array = parse_npy(file, "x.npy");
    ASSERT_TRUE(array.ok()) << array.error().message;
    EXPECT_EQ(array->shape, shape);
    EXPECT_TRUE(std::equal(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count),
                           array->view().as<float>().begin()));
  }
}

TEST(Npy, WhatNumpyHasNoTypeForIsRefused) {
  const std::uint16_t one = 0x3F80;
  const auto file = format_npy({reinterpret_cast<const std::byte*>(&one), DType::kBF16, Shape{1}});
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.error().message, HasSubstr("bf16"));
}

TEST(Npy, RefusesByName) {
  const auto message = [](std::string_view header, std::string_view data) {
    const auto array = parse_npy(file_with(header, data), "x.npy");
    return array.ok() ? std::string("accepted") : array.error().message;
  };
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }\n", "1234"),
              HasSubstr("Fortran order"));
  EXPECT_THAT(message("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n", "1234"),
              HasSubstr("'>f4'"));
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "1234"),
              HasSubstr("needs 8 bytes, the file has 4"));
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n", ""),
              HasSubstr("-1"));
  EXPECT_THAT(message("{'descr': '<f8', 'fortran_order': False, "
                      "'shape': (4611686018427387904, 4), }\n",
                      ""),
              HasSubstr("out of range"));
  EXPECT_THAT(message("{'descr': '<f4', 'shape': (1,), }\n", "1234"), HasSubstr("not a .npy"));
  EXPECT_FALSE(parse_npy("\x93NUMPY", "x.npy").ok());
  EXPECT_FALSE(parse_npy("", "x.npy").ok());
}

}  // namespace
}  // namespace lode
