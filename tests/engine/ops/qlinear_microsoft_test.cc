// The operators on quantised values of com.microsoft by hand, and what they refuse.
#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

using Inputs = std::vector<std::optional<Tensor>>;

Op microsoft(std::string type, Attributes attributes = {}) {
  return {std::move(type), 1, std::move(attributes), 1, "com.microsoft"};
}

// Stand for (-1, 0, 1) * 0.5.
const Tensor kThree = bytes({9, 10, 11}, {3});

Inputs two_operands(Tensor a, Tensor b, float b_scale, std::uint8_t b_zero) {
  return {a,
          scalar(0.5F),
          scalar<std::uint8_t>(10),
          b,
          scalar(b_scale),
          scalar<std::uint8_t>(b_zero),
          scalar(0.25F),
          scalar<std::uint8_t>(128)};
}

TEST(QLinearAdd, AddsRealNumbersAndBroadcasts) {
  // (-0.5, 0, 0.5) + 1 in steps of 0.25.
  expect_output<std::uint8_t>(
      microsoft("QLinearAdd")(two_operands(kThree, scalar<std::uint8_t>(3), 1.0F, 2)), {3},
      {130, 132, 134});
}

TEST(QLinearAdd, HasNoZeroPointUnlessGivenAndSaturates) {
  const Inputs inputs{bytes({200}, {1}), scalar(1.0F), std::nullopt, bytes({200}, {1}),
                      scalar(1.0F),      std::nullopt, scalar(1.0F)};
  expect_output<std::uint8_t>(microsoft("QLinearAdd")(inputs), {1}, {255});
}

TEST(QLinearAdd, TakesSignedBytes) {
  const Tensor zero = scalar<std::int8_t>(-10);
  const Inputs inputs{signed_bytes({-11, -9}, {2}),
                      scalar(1.0F),
                      zero,
                      signed_bytes({-10, -8}, {2}),
                      scalar(1.0F),
                      zero,
                      scalar(0.5F),
                      zero};
  expect_output<std::int8_t>(microsoft("QLinearAdd")(inputs), {2}, {-12, -4});
}

TEST(QLinearAdd, AppliesTheFusedActivation) {
  Op op = microsoft("QLinearAdd", {{"lode_activation", "Relu"}});
  expect_output<std::uint8_t>(op(two_operands(kThree, scalar<std::uint8_t>(2), 1.0F, 2)), {3},
                              {128, 128, 130});
  op.attributes["lode_activation"] = "Sigmoid";
  expect_error(op(two_operands(kThree, kThree, 1.0F, 2)), {"'lode_activation'"});
}

TEST(QLinearAdd, RefusesMixedTypes) {
  Inputs inputs = two_operands(kThree, signed_bytes({1}, {1}), 1.0F, 0);
  inputs[5] = scalar<std::int8_t>(0);
  expect_error(microsoft("QLinearAdd")(inputs), {"A is u8, but B i8"});
}

TEST(QLinearMul, MultipliesRealNumbers) {
  // (-0.5, 0, 0.5) * 3 in steps of 0.25.
  expect_output<std::uint8_t>(
      microsoft("QLinearMul")(two_operands(kThree, scalar<std::uint8_t>(5), 1.0F, 2)), {3},
      {122, 128, 134});
}

TEST(QLinearConcat, BringsOperandsToOneScale) {
  const Inputs inputs{scalar(0.5F),  scalar<std::uint8_t>(100), bytes({1, 2}, {1, 2}),
                      scalar(1.0F),  scalar<std::uint8_t>(0),   bytes({10, 14}, {1, 2}),
                      scalar(0.25F), scalar<std::uint8_t>(10)};
  expect_output<std::uint8_t>(microsoft("QLinearConcat", {{"axis", std::int64_t{1}}})(inputs),
                              {1, 4}, {102, 104, 100, 102});
  expect_output<std::uint8_t>(microsoft("QLinearConcat", {{"axis", std::int64_t{0}}})(inputs),
                              {2, 2}, {102, 104, 100, 102});
}

TEST(QLinearConcat, RefusesWhatDoesNotJoin) {
  const Op op = microsoft("QLinearConcat", {{"axis", std::int64_t{1}}});
  Inputs inputs{scalar(0.5F), scalar<std::uint8_t>(100), bytes({1, 2}, {1, 2}), scalar(1.0F),
                scalar<std::uint8_t>(0)};
  inputs.insert(inputs.end(), {bytes({1, 2}, {2, 1}), scalar(1.0F), scalar<std::uint8_t>(0)});
  expect_error(op(inputs), {"operand 1 of shape [2,1]"});
  inputs.pop_back();
  expect_error(op(inputs), {"7 inputs"});
  expect_error(microsoft("QLinearConcat")(inputs), {"7 inputs"});
}

const Tensor kPlane = bytes({10, 12, 14, 16}, {1, 1, 2, 2});

Inputs unary(Tensor x, float scale, std::uint8_t zero, float to, std::uint8_t to_zero) {
  return {std::move(x), scalar(scale), scalar<std::uint8_t>(zero), scalar(to),
          scalar<std::uint8_t>(to_zero)};
}

TEST(QLinearGlobalAveragePool, Averages) {
  // The mean of (0, 2, 4, 6) * 0.5 is 1.5.
  expect_output<std::uint8_t>(
      microsoft("QLinearGlobalAveragePool")(unary(kPlane, 0.5F, 10, 0.5F, 1)), {1, 1, 1, 1}, {4});
  expect_error(microsoft("QLinearGlobalAveragePool",
                         {{"channels_last", std::int64_t{1}}})(unary(kPlane, 0.5F, 10, 0.5F, 1)),
               {"'channels_last'=1"});
}

TEST(QLinearAveragePool, CountsThePaddingWhereAsked) {
  Attributes attributes{{"kernel_shape", Ints{2, 2}}, {"pads", Ints{0, 0, 1, 1}}};
  const Inputs inputs = unary(kPlane, 1.0F, 10, 1.0F, 0);
  // Windows (0,2,4,6), (2,6), (4,6), (6).
  expect_output<std::uint8_t>(microsoft("QLinearAveragePool", attributes)(inputs), {1, 1, 2, 2},
                              {3, 4, 5, 6});
  attributes["count_include_pad"] = std::int64_t{1};
  expect_output<std::uint8_t>(microsoft("QLinearAveragePool", attributes)(inputs), {1, 1, 2, 2},
                              {3, 2, 2, 2});
}

TEST(QLinearSigmoid, IsATable) {
  // sigmoid of -1, 0, 1 in steps of 1/256: 68.9, 128, 187.1.
  expect_output<std::uint8_t>(
      microsoft("QLinearSigmoid")(unary(bytes({0, 10, 20}, {3}), 0.1F, 10, 1.0F / 256, 0)), {3},
      {69, 128, 187});
}

TEST(QLinearLeakyRelu, SlopesBelowZero) {
  expect_output<std::uint8_t>(microsoft("QLinearLeakyRelu", {{"alpha", 0.5F}})(
                                  unary(bytes({0, 10, 20}, {3}), 1.0F, 10, 1.0F, 100)),
                              {3}, {95, 100, 110});
}

TEST(QLinearSoftmax, SumsToOne) {
  Attributes attributes{{"opset", std::int64_t{13}}};
  const Inputs inputs = unary(bytes({1, 1, 1, 1}, {2, 2}), 1.0F, 0, 1.0F / 256, 0);
  expect_output<std::uint8_t>(microsoft("QLinearSoftmax", attributes)(inputs), {2, 2},
                              {128, 128, 128, 128});
  // Before operator set 13 all axes from 'axis' on are one.
  attributes = {{"opset", std::int64_t{12}}, {"axis", std::int64_t{0}}};
  expect_output<std::uint8_t>(microsoft("QLinearSoftmax", attributes)(inputs), {2, 2},
                              {64, 64, 64, 64});
  expect_error(microsoft("QLinearSoftmax")(inputs), {"'opset' is missing"});
}

TEST(QLinearOperators, WantAnOutputScale) {
  Inputs inputs = unary(kPlane, 1.0F, 10, 1.0F, 0);
  inputs[3] = std::nullopt;
  for (const char* type : {"QLinearSigmoid", "QLinearSoftmax", "QLinearGlobalAveragePool"}) {
    const Result<std::vector<Tensor>> result = microsoft(
        type, type == std::string_view("QLinearSoftmax") ? Attributes{{"opset", std::int64_t{13}}}
                                                         : Attributes{})(inputs);
    expect_error(result, {"input 3", "omitted"});
  }
}

}  // namespace
}  // namespace lode::engine
