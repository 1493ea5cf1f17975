// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear by hand, and what they refuse.
#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

TEST(QuantizeLinear, RoundsHalfToEvenAndSaturates) {
  const Tensor x = floats({0.5F, 1.5F, 2.5F, -0.5F, 1000, -1000}, {6});
  expect_output<std::uint8_t>(Op{"QuantizeLinear"}({x, scalar(1.0F), scalar<std::uint8_t>(10)}),
                              {6}, {10, 12, 12, 10, 255, 0});
  expect_output<std::int8_t>(Op{"QuantizeLinear"}({x, scalar(1.0F), scalar<std::int8_t>(10)}), {6},
                             {10, 12, 12, 10, 127, -128});
}

TEST(QuantizeLinear, DividesAndHasNoZeroPointUnlessGiven) {
  // 0.1 / 0.02 rounds to 5 exactly; times its reciprocal it need not.
  expect_output<std::uint8_t>(Op{"QuantizeLinear", 10}({floats({0.1F}, {1}), scalar(0.02F)}), {1},
                              {5});
}

TEST(QuantizeLinear, TakesNaNAsTheLeast) {
  const Tensor x = floats({std::nanf(""), INFINITY, -INFINITY}, {3});
  expect_output<std::uint8_t>(Op{"QuantizeLinear"}({x, scalar(1.0F), scalar<std::uint8_t>(7)}), {3},
                              {0, 255, 0});
}

TEST(QuantizeLinear, TakesAScaleForEachIndexOfAnAxis) {
  const Tensor x = floats({1, 2, 3, 4, 5, 6}, {1, 2, 3});
  const Tensor scale = floats({1, 0.5F}, {2});
  expect_output<std::uint8_t>(Op{"QuantizeLinear"}({x, scale, bytes({0, 100}, {2})}), {1, 2, 3},
                              {1, 2, 3, 108, 110, 112});
  expect_output<std::int8_t>(Op{"QuantizeLinear", 13, {{"axis", std::int64_t{-1}}}}(
                                 {floats({1, 1}, {1, 2}), scale, signed_bytes({0, -100}, {2})}),
                             {1, 2}, {1, -98});
}

TEST(QuantizeLinear, QuantisesIntegers) {
  expect_output<std::uint8_t>(
      Op{"QuantizeLinear", 10}({tensor_of<std::int32_t>({4, 6}, {2}), scalar(4.0F)}), {2}, {1, 2});
}

TEST(QuantizeLinear, MakesSixteenBitsSinceTheirOperatorSet) {
  const Tensor zero = scalar<std::uint16_t>(1);
  expect_output<std::uint16_t>(Op{"QuantizeLinear", 21}({floats({300}, {1}), scalar(1.0F), zero}),
                               {1}, {301});
  expect_error(Op{"QuantizeLinear", 19}({floats({300}, {1}), scalar(1.0F), zero}),
               {"input 2", "u16"});
  expect_output<std::int8_t>(Op{"QuantizeLinear", 21, {{"output_dtype", std::int64_t{3}}}}(
                                 {floats({-3}, {1}), scalar(1.0F)}),
                             {1}, {-3});
}

TEST(QuantizeLinear, RefusesWhatItCannotDo) {
  const Tensor x = floats({1, 2, 3, 4}, {1, 4});
  const Tensor two = floats({1, 1}, {2});
  expect_error(Op{"QuantizeLinear"}({x, scalar(0.0F)}), {"scale (input 1) is 0"});
  expect_error(Op{"QuantizeLinear"}({x, scalar(INFINITY)}), {"scale (input 1) is inf"});
  expect_error(Op{"QuantizeLinear"}({x, scalar(-1.0F)}), {"scale (input 1) is -1"});
  expect_error(Op{"QuantizeLinear"}({x, two}), {"2 elements", "axis 1 of input [1,4] has 4"});
  expect_error(Op{"QuantizeLinear", 13, {{"axis", std::int64_t{2}}}}({x, two}), {"axis 2"});
  expect_error(Op{"QuantizeLinear", 10}({x, floats({1, 1, 1, 1}, {4})}), {"one element"});
  expect_error(Op{"QuantizeLinear", 10, {{"axis", std::int64_t{1}}}}({x, scalar(1.0F)}),
               {"'axis'"});
  expect_error(Op{"QuantizeLinear"}({x, floats({1, 1, 1, 1}, {4}), scalar<std::uint8_t>(1)}),
               {"zero point (input 2) has shape []", "[4]"});
  expect_error(Op{"QuantizeLinear", 21, {{"block_size", std::int64_t{2}}}}({x, two}),
               {"'block_size'=2", "blocked"});
  expect_error(Op{"QuantizeLinear", 21, {{"output_dtype", std::int64_t{17}}}}({x, scalar(1.0F)}),
               {"'output_dtype'=17", "8-bit floats"});
  expect_error(Op{"QuantizeLinear", 21, {{"output_dtype", std::int64_t{3}}}}(
                   {x, scalar(1.0F), scalar<std::uint8_t>(0)}),
               {"u8", "i8"});
  expect_error(Op{"QuantizeLinear", 9}({x, scalar(1.0F)}), {"operator set 9"});
}

TEST(DequantizeLinear, UndoesQuantizeLinear) {
  expect_floats(Op{"DequantizeLinear",
                   10}({bytes({0, 128, 255}, {3}), scalar(0.5F), scalar<std::uint8_t>(128)}),
                {3}, {-64, 0, 63.5F});
  const Tensor weights = signed_bytes({-128, 127, 1, 2}, {2, 2});
  expect_floats(Op{"DequantizeLinear", 13, {{"axis", std::int64_t{0}}}}(
                    {weights, floats({1, 10}, {2}), signed_bytes({0, 1}, {2})}),
                {2, 2}, {-128, 127, 0, 10});
}

TEST(DequantizeLinear, TakesBiasesWithoutZeroPoint) {
  const Tensor bias = tensor_of<std::int32_t>({1 << 20, -3}, {2});
  const Op per_channel{"DequantizeLinear", 13, {{"axis", std::int64_t{0}}}};
  expect_floats(per_channel({bias, floats({0.5F, 2}, {2})}), {2}, {524288, -6});
  expect_error(per_channel({bias, scalar(1.0F), scalar<std::int32_t>(3)}),
               {"zero point (input 2) of an i32 tensor is 3"});
}

TEST(DequantizeLinear, GivesTheTypeOfItsScale) {
  Tensor half(DType::kF16, {});
  reinterpret_cast<std::uint16_t*>(half.mutable_view().data)[0] = f32_to_f16(0.5F);
  const auto result = Op{"DequantizeLinear", 19}({bytes({4}, {1}), half});
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->front().dtype(), DType::kF16);
  EXPECT_EQ(*elements<std::uint16_t>(result->front().view()), f32_to_f16(2.0F));
  expect_error(Op{"DequantizeLinear", 13}({bytes({4}, {1}), half}), {"f16"});
}

TEST(DequantizeLinear, RefusesMismatchedTypes) {
  expect_error(Op{"DequantizeLinear"}({bytes({1}, {1}), scalar(1.0F), scalar<std::int8_t>(0)}),
               {"zero point (input 2) has element type i8, but its data u8"});
  expect_error(Op{"DequantizeLinear"}({ints({1}), scalar(1.0F)}), {"i64"});
}

TEST(DynamicQuantizeLinear, ExtendsTheRangeToZero) {
  const Op op{"DynamicQuantizeLinear", 11, {}, 3};
  const auto above = op({floats({1, 2, 5.1F}, {3})});
  expect_output<std::uint8_t>(above, {3}, {50, 100, 255});
  EXPECT_FLOAT_EQ(values<float>((*above)[1])[0], 0.02F);
  EXPECT_EQ(values<std::uint8_t>((*above)[2])[0], 0);
  const auto below = op({floats({-2, -0.5F}, {2})});
  expect_output<std::uint8_t>(below, {2}, {0, 191});
  EXPECT_EQ(values<std::uint8_t>((*below)[2])[0], 255);
}

TEST(DynamicQuantizeLinear, HasScaleOneForZeros) {
  const auto zeros = Op{"DynamicQuantizeLinear", 11, {}, 3}({floats({0, 0}, {2})});
  expect_output<std::uint8_t>(zeros, {2}, {0, 0});
  EXPECT_EQ(values<float>((*zeros)[1])[0], 1.0F);
}

}  // namespace
}  // namespace lode::engine
