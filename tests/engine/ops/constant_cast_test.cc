// Constant, ConstantOfShape and Cast, with what happens at the ends of a type's range.
#include <cmath>
#include <limits>

#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

constexpr std::int64_t kToFloat = 1;
constexpr std::int64_t kToU8 = 2;
constexpr std::int64_t kToI32 = 6;
constexpr std::int64_t kToI64 = 7;
constexpr std::int64_t kToString = 8;
constexpr std::int64_t kToBool = 9;
constexpr std::int64_t kToHalf = 10;
constexpr std::int64_t kToU64 = 13;
constexpr std::int64_t kToBFloat = 16;

Op cast(std::int64_t to) {
  return Op{"Cast", 13, {{"to", to}}};
}

TEST(Constant, TakesEveryValueButStrings) {
  expect_floats(Op{"Constant", 13, {{"value", iota({2})}}}({}), {2}, {0, 1});
  expect_floats(Op{"Constant", 13, {{"value_float", 2.5F}}}({}), {}, {2.5F});
  expect_floats(Op{"Constant", 13, {{"value_floats", std::vector<float>{1, 2}}}}({}), {2}, {1, 2});
  expect_output<std::int64_t>(Op{"Constant", 13, {{"value_int", std::int64_t{3}}}}({}), {}, {3});
  expect_output<std::int64_t>(Op{"Constant", 13, {{"value_ints", Ints{}}}}({}), {0}, {});
  expect_error(Op{"Constant", 13, {{"value_string", "x"}}}({}), {"'value_string'='x'"});
  expect_error(Op{"Constant"}({}), {"0 attributes"});
  expect_error(Op{"Constant", 13, {{"value_int", std::int64_t{3}}, {"value_float", 1.0F}}}({}),
               {"2 attributes"});
  expect_error(Op{"Constant", 11, {{"value_float", 1.0F}}}({}), {"operator set 11"});
  expect_error(Op{"Constant", 13, {{"value_int", 1.0F}}}({}), {"'value_int'"});
}

TEST(ConstantOfShape, FillsWithItsValue) {
  expect_floats(Op{"ConstantOfShape"}({ints({2, 1})}), {2, 1}, {0, 0});
  expect_output<std::int64_t>(Op{"ConstantOfShape", 13, {{"value", ints({7})}}}({ints({2})}), {2},
                              {7, 7});
  expect_floats(Op{"ConstantOfShape"}({ints({})}), {}, {0});
  expect_floats(Op{"ConstantOfShape"}({ints({0})}), {0}, {});
  expect_error(Op{"ConstantOfShape"}({ints({-1})}), {"negative extent, -1"});
  expect_error(Op{"ConstantOfShape"}({ints({1 << 20, 1 << 20})}), {"more than"});
  expect_error(Op{"ConstantOfShape"}({ints(Ints(9, 1))}), {"9 dimensions"});
  expect_error(Op{"ConstantOfShape", 13, {{"value", ints({7, 8})}}}({ints({2})}), {"[2]"});
}

TEST(Cast, TruncatesAndSaturatesFloats) {
  const float huge = std::numeric_limits<float>::max();
  const Tensor x = floats({1.9F, -1.9F, huge, -huge, NAN}, {5});
  expect_output<std::int32_t>(cast(kToI32)({x}), {5}, {1, -1, INT32_MAX, INT32_MIN, 0});
  expect_output<std::uint8_t>(cast(kToU8)({x}), {5}, {1, 0, 255, 0, 0});
  expect_output<std::uint64_t>(cast(kToU64)({floats({0x1p63F, 0x1p64F}, {2})}), {2},
                               {std::uint64_t{1} << 63, UINT64_MAX});
  const auto longs = cast(kToI64)({floats({0x1p62F, 0x1p63F, -0x1p63F}, {3})});
  ASSERT_TRUE(longs.ok());
  EXPECT_EQ(values<std::int64_t>(longs->front()),
            (Ints{std::int64_t{1} << 62, INT64_MAX, INT64_MIN}));
}

TEST(Cast, IntegersKeepTheirLowBits) {
  expect_output<std::uint8_t>(cast(kToU8)({ints({-1, 256, 300})}), {3}, {255, 0, 44});
  expect_floats(cast(kToFloat)({ints({-5})}), {1}, {-5});
}

TEST(Cast, BooleansAreZeroAndOne) {
  Tensor bytes(DType::kBool, {3});
  bytes.mutable_view().data[1] = std::byte{1};
  bytes.mutable_view().data[2] = std::byte{7};
  expect_floats(cast(kToFloat)({bytes}), {3}, {0, 1, 1});
  const auto result = cast(kToBool)({floats({0, -0.0F, 0.5F, NAN}, {4})});
  ASSERT_TRUE(result.ok());
  const std::byte* data = result->front().view().data;
  EXPECT_THAT(std::vector<int>({static_cast<int>(data[0]), static_cast<int>(data[1]),
                                static_cast<int>(data[2]), static_cast<int>(data[3])}),
              testing::ElementsAre(0, 0, 1, 1));
}

TEST(Cast, ShortFloatsRoundOnce) {
  // Just above half way between 1 and the next f16, 1 + 2^-10, by less than a float can tell:
  // rounding to float first would make it a tie, which goes down.
  const double above = 1.0 + 0x1p-11 + 0x1p-40;
  const auto half = cast(kToHalf)({tensor_of<double>({above, 1.0 + 0x1p-11, 1e6, -0x1p-25}, {4})});
  ASSERT_TRUE(half.ok());
  const Half* halves = elements<Half>(half->front().view());
  EXPECT_EQ(static_cast<double>(halves[0]), 1.0 + 0x1p-10);
  EXPECT_EQ(static_cast<double>(halves[1]), 1.0);
  EXPECT_TRUE(std::isinf(static_cast<double>(halves[2])));
  EXPECT_EQ(halves[3].bits, 0x8000U);
  const auto bfloat = cast(kToBFloat)({floats({1.0F + 0x1p-8F, 1.0F + 0x1p-7F}, {2})});
  ASSERT_TRUE(bfloat.ok());
  EXPECT_EQ(static_cast<double>(elements<BFloat>(bfloat->front().view())[0]), 1.0);
  EXPECT_EQ(static_cast<double>(elements<BFloat>(bfloat->front().view())[1]), 1.0 + 0x1p-7);
  expect_floats(cast(kToFloat)({bfloat->front()}), {2}, {1.0F, 1.0F + 0x1p-7F});
}

TEST(Cast, OldSetsNameTheType) {
  expect_output<std::int32_t>(Op{"Cast", 1, {{"to", "INT32"}}}({floats({3}, {1})}), {1}, {3});
  expect_error(Op{"Cast", 1, {{"to", "STRING"}}}({iota({1})}), {"'to'='STRING'"});
  expect_error(cast(kToString)({iota({1})}), {"'to'=8"});
  expect_error(Op{"Cast"}({iota({1})}), {"'to' is missing"});
}

}  // namespace
}  // namespace lode::engine
