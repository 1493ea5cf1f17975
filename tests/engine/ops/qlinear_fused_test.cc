// What passes make of quantised operators, by hand: fused sums and activations, float results, and
// the operators of dynamic quantisation.
#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

using Inputs = std::vector<std::optional<Tensor>>;

const Tensor kLine = bytes({1, 2, 3}, {1, 1, 3});

Inputs qlinear_conv() {
  return {
      kLine,        scalar(0.5F),           scalar<std::uint8_t>(1), signed_bytes({-2}, {1, 1, 1}),
      scalar(1.0F), scalar<std::int8_t>(0), scalar(0.25F),           scalar<std::uint8_t>(100)};
}

TEST(QLinearConv, AppliesTheFusedActivationToTheRealValue) {
  // Real values 0, -1, -2.
  Op op{"QLinearConv",
        13,
        {{"lode_activation", "Clip"}, {"lode_alpha", -1.5F}, {"lode_beta", -0.5F}}};
  expect_output<std::uint8_t>(op(qlinear_conv()), {1, 1, 3}, {98, 96, 94});
  op.attributes = {{"lode_activation", "LeakyRelu"}, {"lode_alpha", 0.5F}};
  expect_output<std::uint8_t>(op(qlinear_conv()), {1, 1, 3}, {100, 98, 96});
  op.attributes = {{"lode_activation", "Swish"}};
  expect_error(op(qlinear_conv()), {"'lode_activation'", "quantised"});
}

TEST(QLinearConv, AddsTheFusedResidualInFrontOfTheActivation) {
  const Op op{"QLinearConv", 13, {{"lode_residual", std::int64_t{1}}, {"lode_activation", "Relu"}}};
  Inputs inputs = qlinear_conv();
  inputs.push_back(std::nullopt);
  inputs.insert(inputs.end(),
                {bytes({12, 12, 12}, {1, 1, 3}), scalar(0.75F), scalar<std::uint8_t>(10)});
  // Plus 1.5: 1.5, 0.5, and -0.5, which is cut.
  expect_output<std::uint8_t>(op(inputs), {1, 1, 3}, {106, 102, 100});
  inputs[9] = bytes({12}, {1, 1, 1});
  expect_error(op(inputs), {"residual (input 9)", "[1,1,1]"});
  expect_error(Op{"QLinearConv"}(inputs), {"input 9 is one too many"});
}

TEST(QLinearConv, AddsToItsBytesWhereASumHasItsOwnScale) {
  Op op{"QLinearConv", 13, {{"lode_residual", std::int64_t{1}}, {"lode_activation", "Relu"}}};
  Inputs inputs = qlinear_conv();
  inputs[4] = scalar(0.3F);
  inputs.push_back(std::nullopt);
  inputs.insert(inputs.end(), {bytes({12, 11, 10}, {1, 1, 3}), scalar(0.75F),
                               scalar<std::uint8_t>(10), scalar(0.5F), scalar<std::uint8_t>(7)});
  // -0.3 and -0.6 are stored as -1 and -2 steps of 0.25. In steps of 0.5: 0 + 3, -0.5 + 1.5, -1.
  expect_output<std::uint8_t>(op(inputs), {1, 1, 3}, {10, 8, 7});
  op.attributes.erase("lode_activation");
  expect_output<std::uint8_t>(op(inputs), {1, 1, 3}, {10, 8, 6});
  Inputs wrong = inputs;
  wrong[13] = scalar<std::int8_t>(7);
  expect_error(op(wrong), {"input 13"});
  wrong = inputs;
  wrong.resize(13);
  expect_error(op(wrong), {"input 13 is missing"});
  wrong = inputs;
  wrong[12] = std::nullopt;
  expect_error(op(wrong), {"input 12 is missing"});
  op.attributes.clear();
  wrong = inputs;
  wrong[9] = wrong[10] = wrong[11] = std::nullopt;
  expect_error(op(wrong), {"input 12 is one too many"});
}

TEST(QLinearConv, GivesFloats) {
  const Op op{"QLinearConv", 13, {{"lode_float_output", std::int64_t{1}}}};
  Inputs inputs = qlinear_conv();
  inputs.resize(6);
  expect_floats(op(inputs), {1, 1, 3}, {0, -1, -2});
  expect_error(op(qlinear_conv()), {"input 6 is one too many"});
}

TEST(QLinearUnary, GoesFromScaleToScale) {
  const Op op{"QLinearUnary", 1, {}, 1, "lode"};
  expect_output<std::uint8_t>(op({bytes({0, 10, 255}, {3}), scalar(1.0F), scalar<std::uint8_t>(10),
                                  scalar(2.0F), scalar<std::uint8_t>(100)}),
                              {3}, {95, 100, 222});
  // From s8 to u8.
  expect_output<std::uint8_t>(op({signed_bytes({-128, 127}, {2}), scalar(1.0F),
                                  scalar<std::int8_t>(0), scalar(1.0F), scalar<std::uint8_t>(128)}),
                              {2}, {0, 255});
}

TEST(DynamicQuantize, HasAScaleForEachImage) {
  const Tensor x = floats({0, 2.55F, -5.1F, 0}, {2, 2});
  const auto ranges = Op{"DynamicRange", 1, {}, 1, "lode"}({x});
  expect_floats(ranges, {2, 1, 2}, {0, 2.55F, -5.1F, 0});
  const auto result = Op{"DynamicQuantize", 1, {}, 3, "lode"}({x, ranges->front()});
  expect_output<std::uint8_t>(result, {2, 2}, {0, 255, 0, 255});
  EXPECT_EQ(values<float>((*result)[1]), (std::vector<float>{2.55F / 255, 5.1F / 255}));
  EXPECT_EQ(values<std::uint8_t>((*result)[2]), (std::vector<std::uint8_t>{0, 255}));
}

TEST(DynamicQuantize, MaySharesOneScale) {
  const Attributes shared{{"lode_per_tensor", std::int64_t{1}}};
  const Tensor x = floats({0, 5, 5.1F, 0}, {2, 2});
  const auto ranges = Op{"DynamicRange", 1, shared, 1, "lode"}({x});
  expect_floats(ranges, {1, 1, 2}, {0, 5.1F});
  const auto result = Op{"DynamicQuantize", 1, shared, 3, "lode"}({x, ranges->front()});
  expect_output<std::uint8_t>(result, {2, 2}, {0, 250, 255, 0});
  EXPECT_EQ(values<float>((*result)[1])[1], 5.1F / 255);
}

TEST(DynamicConv, ScalesEachImageByItsOwn) {
  const Inputs inputs{bytes({1, 2}, {2, 1, 1}),        floats({1, 10}, {2}), bytes({0, 1}, {2}),
                      signed_bytes({1, 2}, {2, 1, 1}), floats({1, 2}, {2}),  std::nullopt,
                      floats({0.5F, -100}, {2})};
  expect_floats(Op{"DynamicConv", 1, {{"lode_activation", "Relu"}}, 1, "lode"}(inputs), {2, 2, 1},
                {1.5F, 0, 10.5F, 0});
}

TEST(DynamicConv, AddsTheFusedResidual) {
  const Inputs inputs{bytes({1, 2}, {2, 1, 1}),
                      floats({1, 10}, {2}),
                      bytes({0, 1}, {2}),
                      signed_bytes({1}, {1, 1, 1}),
                      scalar(1.0F),
                      std::nullopt,
                      std::nullopt,
                      floats({5, 6}, {2, 1, 1})};
  const Attributes fused{{"lode_residual", std::int64_t{1}}};
  expect_floats(Op{"DynamicConv", 1, fused, 1, "lode"}(inputs), {2, 1, 1}, {6, 16});
  expect_error(Op{"DynamicConv", 1, {}, 1, "lode"}(inputs), {"'lode_residual'"});
}

TEST(DynamicGemm, MultipliesRows) {
  const Inputs inputs{bytes({1, 2, 3, 4}, {2, 2}), floats({1, 10}, {2}), bytes({0, 1}, {2}),
                      signed_bytes({1, 2, 3, 4}, {2, 2}), scalar(1.0F)};
  // Rows (1,2) and (2,3).
  expect_floats(Op{"DynamicGemm", 1, {}, 1, "lode"}(inputs), {2, 2}, {7, 10, 110, 160});
  expect_floats(Op{"DynamicGemm", 1, {{"transB", std::int64_t{1}}}, 1, "lode"}(inputs), {2, 2},
                {5, 11, 80, 180});
}

}  // namespace
}  // namespace lode::engine
