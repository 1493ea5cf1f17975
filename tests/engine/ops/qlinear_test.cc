// Convolutions and matrix products of 8-bit integers by hand, and what they refuse.
#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

using Inputs = std::vector<std::optional<Tensor>>;

const Tensor kLine = bytes({1, 2, 3}, {1, 1, 3});

TEST(ConvInteger, PadsWithTheZeroPoint) {
  // (1,2,3) - 1 = (0,1,2), padded with 0, times (2,1).
  const Op op{"ConvInteger", 10, {{"pads", Ints{1, 0}}}};
  const Tensor weight = signed_bytes({2, 1}, {1, 1, 2});
  expect_output<std::int32_t>(op({kLine, weight, scalar<std::uint8_t>(1)}), {1, 1, 3}, {0, 1, 4});
}

TEST(ConvInteger, TakesAZeroPointForEachFilter) {
  const Tensor weight = bytes({128, 130}, {2, 1, 1});
  expect_output<std::int32_t>(
      Op{"ConvInteger"}({kLine, weight, std::nullopt, bytes({127, 129}, {2})}), {1, 2, 3},
      {1, 2, 3, 1, 2, 3});
}

TEST(ConvInteger, KeepsGroupsApart) {
  const Op op{"ConvInteger", 10, {{"group", std::int64_t{2}}}};
  expect_output<std::int32_t>(op({bytes({1, 2}, {1, 2, 1}), signed_bytes({-1, 10}, {2, 1, 1})}),
                              {1, 2, 1}, {-1, 20});
  expect_error(op({bytes({1, 2, 3}, {1, 3, 1}), signed_bytes({-1, 10}, {2, 1, 1})}), {"'group'=2"});
}

TEST(ConvInteger, RefusesMismatchedZeroPoints) {
  const Tensor weight = signed_bytes({2}, {1, 1, 1});
  expect_error(Op{"ConvInteger"}({kLine, weight, scalar<std::int8_t>(1)}),
               {"zero point (input 2) has element type i8, but its data u8"});
  expect_error(Op{"ConvInteger"}({floats({1}, {1, 1, 1}), weight}), {"input 0", "f32"});
}

Inputs qlinear_conv(Tensor weight, Tensor weight_scale, Tensor weight_zero) {
  return {kLine,        scalar(0.5F), scalar<std::uint8_t>(1), weight,
          weight_scale, weight_zero,  scalar(0.25F),           scalar<std::uint8_t>(128)};
}

TEST(QLinearConv, RequantisesByTheRatioOfScales) {
  // Sums 0, 1, 2; a unit is 0.5 * ws; in units of 0.25: ws * 2 a unit.
  Inputs inputs = qlinear_conv(signed_bytes({1, -1}, {2, 1, 1}), floats({1, 0.25F}, {2}),
                               scalar<std::int8_t>(0));
  expect_output<std::uint8_t>(Op{"QLinearConv"}(inputs), {1, 2, 3}, {128, 130, 132, 128, 128, 127});
  inputs.push_back(accumulators({1, 100}));
  expect_output<std::uint8_t>(Op{"QLinearConv"}(inputs), {1, 2, 3}, {130, 132, 134, 178, 178, 177});
}

TEST(QLinearConv, GivesTheTypeOfItsZeroPoint) {
  Inputs inputs = qlinear_conv(bytes({129}, {1, 1, 1}), scalar(1.0F), scalar<std::uint8_t>(128));
  inputs[7] = scalar<std::int8_t>(-128);
  expect_output<std::int8_t>(Op{"QLinearConv"}(inputs), {1, 1, 3}, {-128, -126, -124});
}

TEST(QLinearConv, RefusesBadScalesZeroPointsAndBiases) {
  const Tensor weight = signed_bytes({1, -1}, {2, 1, 1});
  const Tensor zero = scalar<std::int8_t>(0);
  const Op op{"QLinearConv"};
  expect_error(op(qlinear_conv(weight, floats({1, 0}, {2}), zero)),
               {"scale (input 4) is 0 at element 1"});
  expect_error(op(qlinear_conv(weight, floats({1, 1, 1}, {3}), zero)), {"input 4", "[3]", "[2]"});
  expect_error(op(qlinear_conv(weight, scalar(1.0F), scalar<std::uint8_t>(0))),
               {"zero point (input 5) has element type u8, but its data i8"});
  Inputs inputs = qlinear_conv(weight, scalar(1.0F), zero);
  inputs.push_back(accumulators({1}));
  expect_error(op(inputs), {"bias (input 8) has shape [1]; [2]"});
  inputs[8] = floats({1, 1}, {2});
  expect_error(op(inputs), {"input 8", "f32"});
  inputs[8] = accumulators({1, 1});
  inputs[1] = floats({1, 1}, {2});
  expect_error(op(inputs), {"scale (input 1) has shape [2]; one element"});
}

TEST(MatMulInteger, TakesZeroPointsOfRowsAndColumns) {
  const Tensor a = bytes({1, 2, 3, 4}, {2, 2});
  const Tensor b = signed_bytes({1, 2, 3, 4}, {2, 2});
  expect_output<std::int32_t>(Op{"MatMulInteger"}({a, b}), {2, 2}, {7, 10, 15, 22});
  // Rows (0,1) and (0,1), columns (0,2) and (0,2).
  expect_output<std::int32_t>(
      Op{"MatMulInteger"}({a, b, bytes({1, 3}, {2}), signed_bytes({1, 2}, {2})}), {2, 2},
      {2, 2, 2, 2});
}

TEST(MatMulInteger, BroadcastsStacks) {
  expect_output<std::int32_t>(
      Op{"MatMulInteger"}({bytes({1, 2, 3, 4}, {2, 1, 2}), bytes({1, 1}, {2})}), {2, 1}, {3, 7});
  expect_error(Op{"MatMulInteger"}({bytes({1, 2}, {1, 2}), bytes({1, 1, 1}, {3, 1})}),
               {"[1,2]", "[3,1]"});
}

TEST(QLinearMatMul, Requantises) {
  expect_output<std::int8_t>(
      Op{"QLinearMatMul"}({bytes({12, 20}, {1, 2}), scalar(0.5F), scalar<std::uint8_t>(10),
                           signed_bytes({1, 2}, {2, 1}), scalar(1.0F), scalar<std::int8_t>(0),
                           scalar(2.0F), scalar<std::int8_t>(-1)}),
      {1, 1}, {5});  // 22 * 0.5 / 2 = 5.5, rounded to 6, less 1
}

Op qgemm(Attributes attributes) {
  return {"QGemm", 1, std::move(attributes), 1, "com.microsoft"};
}

TEST(QGemm, GivesFloatsWithoutAnOutputScale) {
  const Inputs inputs{bytes({12, 20}, {1, 2}),  scalar(0.5F),
                      scalar<std::uint8_t>(10), signed_bytes({1, 2, 3, 4}, {2, 2}),
                      floats({1, 2}, {2}),      signed_bytes({0, 0}, {2}),
                      accumulators({1, -1})};
  // B transposed: 2*1 + 10*2 + 1 = 23 and 2*3 + 10*4 - 1 = 45.
  expect_floats(qgemm({{"transB", std::int64_t{1}}})(inputs), {1, 2}, {11.5F, 45});
  expect_floats(qgemm({{"transB", std::int64_t{1}}, {"alpha", 2.0F}})(inputs), {1, 2}, {23, 90});
}

TEST(QGemm, Requantises) {
  Inputs inputs{bytes({12, 20}, {2, 1}),
                scalar(0.5F),
                scalar<std::uint8_t>(10),
                bytes({1, 2}, {2, 1}),
                scalar(1.0F),
                scalar<std::uint8_t>(0),
                std::nullopt,
                scalar(2.0F),
                scalar<std::uint8_t>(3)};
  expect_output<std::uint8_t>(qgemm({{"transA", std::int64_t{1}}})(inputs), {1, 1}, {9});
  inputs[8] = std::nullopt;
  expect_error(qgemm({{"transA", std::int64_t{1}}})(inputs), {"y_scale", "y_zero_point"});
  inputs[8] = scalar<std::uint8_t>(3);
  expect_error(qgemm({})(inputs), {"do not fit each other"});
}

TEST(MatMulIntegerToFloat, AddsItsBias) {
  const Op op{"MatMulIntegerToFloat", 1, {}, 1, "com.microsoft"};
  const Inputs inputs{bytes({12, 20}, {1, 2}), signed_bytes({1, 2, 3, 4}, {2, 2}), scalar(0.5F),
                      floats({1, 2}, {2}),     scalar<std::uint8_t>(10),           std::nullopt,
                      floats({0.5F, 1}, {2})};
  // 2*1 + 10*3 = 32 and 2*2 + 10*4 = 44.
  expect_floats(op(inputs), {1, 2}, {16.5F, 45});
}

TEST(DynamicQuantizeMatMul, QuantisesItsInputAsDynamicQuantizeLinear) {
  const Op op{"DynamicQuantizeMatMul", 1, {}, 1, "com.microsoft"};
  // Range [-1, 1.55]: scale 0.01, zero point 100; 1 stands for 200, 1.55 for 255, -1 for 0.
  expect_floats(op({floats({-1, 1.55F}, {1, 2}), signed_bytes({1, 2}, {2, 1}), scalar(1.0F),
                    std::nullopt, floats({10}, {1})}),
                {1, 1}, {12.1F}, 1e-5);
}

}  // namespace
}  // namespace lode::engine
