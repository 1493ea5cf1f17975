// Element-wise arithmetic, matrix products, normalisation.
#include <cmath>
#include <limits>

#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t kOne = 1;

TEST(Binary, BroadcastsAsNumPyDoes) {
  const Tensor column = floats({10, 20}, {2, 1});
  const Tensor row = floats({1, 2, 3}, {3});
  expect_floats(Op{"Add"}({column, row}), {2, 3}, {11, 12, 13, 21, 22, 23});
  expect_floats(Op{"Sub"}({row, column}), {2, 3}, {-9, -8, -7, -19, -18, -17});
  expect_floats(Op{"Mul"}({column, floats({2}, {})}), {2, 1}, {20, 40});
  expect_floats(Op{"Div"}({floats({}, {0, 1}), row}), {0, 3}, {});
  expect_error(Op{"Add"}({floats({1, 2}, {2}), row}), {"[2]", "[3]"});
}

TEST(Binary, OldSetsPlaceTheSecondOperandByAxis) {
  const Tensor a = iota({2, 3, 2});
  const Tensor b = floats({10, 20, 30}, {3});
  const std::vector<float> expected = {10, 11, 22, 23, 34, 35, 16, 17, 28, 29, 40, 41};
  expect_floats(Op{"Add", 6, {{"broadcast", kOne}, {"axis", kOne}}}({a, b}), {2, 3, 2}, expected);
  expect_floats(Op{"Add", 6, {{"broadcast", kOne}}}({iota({2, 2}), floats({10, 20}, {2})}), {2, 2},
                {10, 21, 12, 23});
  expect_error(Op{"Add", 6}({a, b}), {"'broadcast' is not 1"});
  expect_error(Op{"Add", 6, {{"broadcast", kOne}}}({a, b}), {"does not broadcast"});
  expect_error(Op{"Add", 6, {{"broadcast", kOne}, {"axis", std::int64_t{3}}}}({a, b}),
               {"'axis'=3"});
  expect_error(Op{"Add", 7, {{"broadcast", kOne}}}({a, b}), {"'broadcast'=1", "operator set 7"});
}

TEST(Binary, IntegersWrap) {
  expect_output<std::int8_t>(
      Op{"Add", 14}({tensor_of<std::int8_t>({127}, {1}), tensor_of<std::int8_t>({1}, {1})}), {1},
      {-128});
  expect_output<std::uint8_t>(
      Op{"Sub", 14}({tensor_of<std::uint8_t>({1}, {1}), tensor_of<std::uint8_t>({3}, {1})}), {1},
      {254});
  expect_output<std::int64_t>(Op{"Mul"}({ints({INT64_MIN}), ints({-1})}), {1}, {INT64_MIN});
}

TEST(Binary, IntegerDivisionTruncatesAndNamesZero) {
  expect_output<std::int64_t>(Op{"Div"}({ints({7, -7, 7, -7}), ints({2, 2, -2, -2})}), {4},
                              {3, -3, -3, 3});
  expect_output<std::int64_t>(Op{"Div"}({ints({INT64_MIN}), ints({-1})}), {1}, {INT64_MIN});
  expect_output<std::int32_t>(
      Op{"Div"}({tensor_of<std::int32_t>({INT32_MIN}, {1}), tensor_of<std::int32_t>({-1}, {1})}),
      {1}, {INT32_MIN});
  expect_output<std::uint64_t>(
      Op{"Div"}({tensor_of<std::uint64_t>({UINT64_MAX}, {1}), tensor_of<std::uint64_t>({2}, {1})}),
      {1}, {UINT64_MAX / 2});
  expect_error(Op{"Div"}({ints({1, 2}), ints({1, 0})}), {"(Div)", "division by zero"});
  const auto result = Op{"Div"}({floats({1, 0}, {2}), floats({0}, {1})});
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(std::isinf(result->front().as<float>()[0]));
  EXPECT_TRUE(std::isnan(result->front().as<float>()[1]));
}

TEST(Binary, AddAloneCarriesAnActivation) {
  const Attributes relu{{"lode_activation", "Relu"}};
  expect_floats(Op{"Add", 13, relu}({floats({-3, 3}, {2}), floats({1}, {1})}), {2}, {0, 4});
  expect_error(Op{"Mul", 13, relu}({iota({1}), iota({1})}), {"'lode_activation'='Relu'"});
  expect_error(Op{"Add", 13, relu}({ints({1}), ints({1})}), {"f32", "i64"});
}

TEST(Sum, AddsAnyNumberOfTensors) {
  expect_floats(Op{"Sum"}({floats({1, 2}, {2}), floats({10}, {1, 1}), floats({100}, {})}), {1, 2},
                {111, 112});
  expect_floats(Op{"Sum"}({floats({1, 2}, {2})}), {2}, {1, 2});
  expect_error(Op{"Sum", 6}({floats({1, 2}, {2}), floats({1}, {1})}), {"differ"});
  expect_error(Op{"Sum"}({}), {"0 inputs"});
}

TEST(Gemm, TransposesScalesAndBroadcasts) {
  const Tensor a = floats({1, 2, 3, 4}, {2, 2});
  const Tensor b = floats({1, 0, 1, 1}, {2, 2});
  expect_floats(Op{"Gemm"}({a, b}), {2, 2}, {3, 2, 7, 4});
  expect_floats(Op{"Gemm", 13, {{"transA", kOne}}}({a, b}), {2, 2}, {4, 3, 6, 4});
  expect_floats(Op{"Gemm", 13, {{"transB", kOne}}}({a, b}), {2, 2}, {1, 3, 3, 7});
  expect_floats(Op{"Gemm", 13, {{"alpha", 2.0F}, {"beta", 0.5F}}}({a, b, floats({4, 8}, {2, 1})}),
                {2, 2}, {8, 6, 18, 12});
  expect_output<std::int64_t>(
      Op{"Gemm", 13, {{"beta", 3.0F}}}(
          {tensor_of<std::int64_t>({2}, {1, 1}), tensor_of<std::int64_t>({5}, {1, 1}), ints({1})}),
      {1, 1}, {13});
}

TEST(Gemm, OldSetsBroadcastOnlyWhenAsked) {
  const Tensor a = iota({2, 2});
  expect_floats(Op{"Gemm", 6, {{"broadcast", kOne}}}({a, a, floats({1}, {1})}), {2, 2},
                {3, 4, 7, 12});
  expect_error(Op{"Gemm", 6}({a, a, floats({1}, {1})}), {"C [1]", "have the shape [2,2]"});
  expect_error(Op{"Gemm", 9}({a, a}), {"2 inputs"});
}

TEST(Gemm, RefusesWhatDoesNotFit) {
  const Tensor a = iota({2, 3});
  expect_error(Op{"Gemm"}({a, a}), {"[2,3]", "'transA'=0"});
  expect_error(Op{"Gemm"}({a, iota({3, 1, 1})}), {"rank 3"});
  expect_error(Op{"Gemm"}({a, iota({3, 2}), iota({3})}), {"C [3]"});
  expect_error(Op{"Gemm", 13, {{"transA", std::int64_t{2}}}}({a, a}), {"'transA'=2"});
  expect_error(Op{"Gemm", 13, {{"alpha", 0.5F}}}(
                   {{tensor_of<std::int64_t>({2}, {1, 1}), tensor_of<std::int64_t>({5}, {1, 1})}}),
               {"'alpha'=0.5"});
}

TEST(MatMul, TakesVectorsAndStacks) {
  expect_floats(Op{"MatMul"}({iota({3}), iota({3})}), {}, {5});
  expect_floats(Op{"MatMul"}({iota({2, 2}), floats({1, 10}, {2})}), {2}, {10, 32});
  expect_floats(Op{"MatMul"}({floats({1, 10}, {2}), iota({2, 2})}), {2}, {20, 31});
  expect_floats(Op{"MatMul"}({iota({2, 1, 1, 1}), floats({1, 10}, {2, 1, 1})}), {2, 2, 1, 1},
                {0, 0, 1, 10});
  expect_floats(Op{"MatMul"}({iota({2, 0}), iota({0, 2})}), {2, 2}, {0, 0, 0, 0});
  expect_error(Op{"MatMul"}({iota({2, 3}), iota({2, 3})}), {"[2,3]"});
  expect_error(Op{"MatMul"}({iota({}), iota({1})}), {"rank 0"});
}

TEST(Unary, KeepsToItsFormula) {
  const Tensor x = floats({-4, -1, 0, 2, 8}, {5});
  expect_floats(Op{"Relu"}({x}), {5}, {0, 0, 0, 2, 8});
  expect_floats(Op{"LeakyRelu"}({x}), {5}, {-0.04F, -0.01F, 0, 2, 8});
  expect_floats(Op{"HardSigmoid"}({x}), {5}, {0, 0.3F, 0.5F, 0.9F, 1});
  expect_floats(Op{"HardSwish", 14}({x}), {5}, {0, -1.0F / 3, 0, 5.0F / 3, 8});
  expect_floats(Op{"Sigmoid"}({floats({-200, 0, 200}, {3})}), {3}, {0, 0.5F, 1});
  expect_output<std::int8_t>(Op{"Relu", 14}({tensor_of<std::int8_t>({-128, 3}, {2})}), {2}, {0, 3});
  expect_error(Op{"Relu", 14}({tensor_of<std::uint8_t>({1}, {1})}), {"u8"});
  expect_error(Op{"HardSwish", 13}({x}), {"operator set 13", "14"});
  expect_floats(Op{"Swish", 24}({floats({-200, 0, 200}, {3})}), {3}, {0, 0, 200});
  expect_error(Op{"Swish", 24, {{"alpha", 1.5F}}}({x}), {"'alpha'=1.5"});
}

TEST(Unary, DoubleHasItsOwnPrecision) {
  expect_output<double>(Op{"Sigmoid"}({tensor_of<double>({1.0}, {1})}), {1},
                        {1.0 / (1.0 + std::exp(-1.0))}, 1e-15);
}

TEST(Clip, TakesBoundsAsAttributesOrInputs) {
  const Tensor x = floats({-4, 0, 8, kNaN}, {4});
  for (const auto& result : {Op{"Clip", 6, {{"min", -1.0F}, {"max", 5.0F}}}({x}),
                             Op{"Clip"}({x, floats({-1}, {}), floats({5}, {1})})}) {
    ASSERT_TRUE(result.ok()) << result.error().message;
    const auto clipped = values<float>(result->front());
    EXPECT_THAT(std::span(clipped).first(3), testing::ElementsAre(-1, 0, 5));
    EXPECT_TRUE(std::isnan(clipped[3]));
  }
  expect_floats(Op{"Clip"}({floats({-4, 8}, {2}), std::nullopt, floats({5}, {})}), {2}, {-4, 5});
  expect_floats(Op{"Clip"}({floats({-4, 8}, {2}), floats({3}, {}), floats({1}, {})}), {2}, {1, 1});
  expect_output<std::uint64_t>(Op{"Clip"}({tensor_of<std::uint64_t>({1, UINT64_MAX}, {2}),
                                           tensor_of<std::uint64_t>({2}, {})}),
                               {2}, {2, UINT64_MAX});
  expect_error(Op{"Clip"}({x, floats({1, 2}, {2})}), {"[2]"});
  expect_error(Op{"Clip", 11, {{"min", 1.0F}}}({x}), {"'min'=1", "operator set 11"});
}

TEST(Softmax, OldSetsNormaliseOverAllLaterAxes) {
  const float third = 1.0F / 6;
  const Tensor x = floats({0, 0, 0, 0, 0, 0}, {1, 3, 2});
  expect_floats(Op{"Softmax", 11}({x}), {1, 3, 2}, std::vector<float>(6, third));
  expect_floats(Op{"Softmax", 13}({x}), {1, 3, 2}, std::vector<float>(6, 0.5F));
  expect_floats(Op{"Softmax", 13, {{"axis", kOne}}}({x}), {1, 3, 2},
                std::vector<float>(6, 1.0F / 3));
  expect_floats(Op{"Softmax"}({floats({1000, 1000 + std::log(3.0F)}, {2})}), {2}, {0.25F, 0.75F},
                1e-4);
  expect_error(Op{"Softmax", 13, {{"axis", std::int64_t{3}}}}({x}), {"axis 3"});
  expect_error(Op{"Softmax", 11}({iota({2})}), {"axis 1"});
}

TEST(BatchNormalization, MapsEachChannel) {
  const Tensor x = iota({1, 2, 2});
  const std::vector<std::optional<Tensor>> inputs = {x, floats({2, 1}, {2}), floats({0, 5}, {2}),
                                                     floats({0, 1}, {2}), floats({1, 4}, {2})};
  expect_floats(Op{"BatchNormalization", 9, {{"epsilon", 0.0F}}}(inputs), {1, 2, 2},
                {0, 2, 5.5F, 6});
  expect_floats(Op{"BatchNormalization", 6, {{"epsilon", 0.0F}, {"is_test", kOne}}}(inputs),
                {1, 2, 2}, {0, 2, 5.5F, 6});
}

TEST(BatchNormalization, OldSetsMayNormaliseEachPosition) {
  const Tensor one = floats({1, 1}, {1, 2});
  expect_floats(Op{"BatchNormalization", 7, {{"epsilon", 0.0F}, {"spatial", std::int64_t{0}}}}(
                    {{floats({3, 4}, {1, 1, 2}), floats({1, 2}, {1, 2}), floats({0, 0}, {1, 2}),
                      floats({1, 1}, {1, 2}), one}}),
                {1, 1, 2}, {2, 6});
}

TEST(BatchNormalization, RefusesTraining) {
  const Tensor one = floats({1}, {1});
  const std::vector<std::optional<Tensor>> inputs = {iota({1, 1}), one, one, one, one};
  expect_error(Op{"BatchNormalization", 14, {{"training_mode", kOne}}}(inputs),
               {"'training_mode'=1"});
  expect_error(Op{"BatchNormalization", 6}(inputs), {"'is_test'=0"});
  expect_error(Op{"BatchNormalization", 9, {}, 3}(inputs), {"output 1"});
  expect_error(Op{"BatchNormalization", 9}({iota({1, 2}), one, one, one, one}),
               {"input 1", "2 elements"});
}

TEST(Lrn, SumsSquaresOfNeighbouringChannels) {
  const Attributes attributes{{"size", std::int64_t{2}}, {"alpha", 2.0F}, {"beta", 1.0F}};
  // An even size reaches further up: x / (1 + x^2 + next^2).
  expect_floats(Op{"LRN", 13, attributes}({floats({1, 2, 3}, {1, 3, 1})}), {1, 3, 1},
                {1.0F / 6, 2.0F / 14, 3.0F / 10});
  expect_error(Op{"LRN"}({iota({1, 3, 1})}), {"'size'=0"});
}

}  // namespace
}  // namespace lode::engine
