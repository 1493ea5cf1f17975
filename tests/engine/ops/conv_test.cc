// Conv by hand: padding, dilation, groups, and what it refuses.
#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

constexpr std::int64_t kHuge = std::int64_t{1} << 40;

const Tensor kLine = iota({1, 1, 5});
const Tensor kSumOfTwo = floats({1, 1}, {1, 1, 2});
// Takes the left of the two positions, so that the output shows where windows start.
const Tensor kLeft = floats({1, 0}, {1, 1, 2});

TEST(Conv, SumsChannelsAndAddsBias) {
  const Tensor weight = floats({1, 10}, {1, 2, 1, 1});
  expect_floats(Op{"Conv"}({iota({1, 2, 1, 2}), weight, floats({0.5F}, {1})}), {1, 1, 1, 2},
                {20.5F, 31.5F});
}

TEST(Conv, PutsTheOddPadWhereAutoPadSays) {
  expect_floats(Op{"Conv", 13, {{"auto_pad", "SAME_UPPER"}}}({kLine, kLeft}), {1, 1, 5},
                {0, 1, 2, 3, 4});
  expect_floats(Op{"Conv", 13, {{"auto_pad", "SAME_LOWER"}}}({kLine, kLeft}), {1, 1, 5},
                {0, 0, 1, 2, 3});
  expect_floats(Op{"Conv", 13, {{"auto_pad", "VALID"}}}({kLine, kLeft}), {1, 1, 4}, {0, 1, 2, 3});
}

TEST(Conv, SameCountsStridesAndDilations) {
  // ceil(5/2) = 3 outputs; (3-1)*2 + 3 - 5 = 2 of padding, 1 at each end.
  expect_floats(
      Op{"Conv", 13, {{"auto_pad", "SAME_UPPER"}, {"strides", Ints{2}}, {"dilations", Ints{2}}}}(
          {{kLine, kSumOfTwo}}),
      {1, 1, 3}, {1, 4, 3});
}

TEST(Conv, PadsUnevenly) {
  expect_floats(Op{"Conv", 13, {{"pads", Ints{2, 1}}}}({kLine, kSumOfTwo}), {1, 1, 7},
                {0, 0, 1, 3, 5, 7, 4});
}

TEST(Conv, KeepsGroupsApart) {
  const Tensor weight = floats({1, 10, 100, 1000}, {4, 1, 1});
  expect_floats(Op{"Conv", 13, {{"group", std::int64_t{2}}}}({floats({1, 2}, {1, 2, 1}), weight}),
                {1, 4, 1}, {1, 10, 200, 2000});
}

TEST(Conv, WorksInThreeDimensionsAndBatches) {
  const Tensor ones = floats({1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 2, 2, 2});
  expect_floats(Op{"Conv"}({iota({2, 1, 2, 2, 2}), ones}), {2, 1, 1, 1, 1}, {28, 92});
}

TEST(Conv, AppliesTheFusedActivation) {
  const Attributes clip{{"lode_activation", "Clip"}, {"lode_alpha", 1.0F}, {"lode_beta", 3.0F}};
  expect_floats(Op{"Conv", 13, clip}({kLine, kLeft}), {1, 1, 4}, {1, 1, 2, 3});
  expect_error(Op{"Conv", 13, {{"lode_activation", "Erf"}}}({kLine, kLeft}), {"'Erf'"});
}

TEST(Conv, AddsTheFusedResidualInFrontOfTheActivation) {
  const Attributes fused{{"lode_residual", std::int64_t{1}}, {"lode_activation", "Relu"}};
  const Tensor bias = floats({1}, {1});
  expect_floats(Op{"Conv", 13, fused}({kLine, kLeft, bias, floats({-5, 1, 2, -9}, {1, 1, 4})}),
                {1, 1, 4}, {0, 3, 5, 0});
  expect_error(Op{"Conv", 13, fused}({kLine, kLeft, bias, floats({1}, {1, 1, 1})}),
               {"input 3", "[1,1,1]", "[1,1,4]"});
  expect_error(Op{"Conv", 13, fused}({kLine, kLeft, bias}), {"input 3", "missing"});
  expect_error(Op{"Conv"}({kLine, kLeft, bias, kLine}), {"input 3", "nothing"});
}

TEST(Conv, AppliesTheFusedPrologueToEachChannel) {
  const Tensor x = floats({1, -2, 3, 4}, {1, 2, 1, 2});
  const Tensor w = floats({1, 10}, {1, 2, 1, 1});
  const Tensor bias = floats({0}, {1});
  const Tensor residual = floats({100, 200}, {1, 1, 1, 2});
  Attributes fused{{"lode_residual", std::int64_t{1}}, {"lode_prologue", "AffineRelu"}};
  // Channel 0: max(0, 2x + 1) = 3, 0; channel 1: max(0, x - 3) = 0, 1.
  const Tensor scale = floats({2, 1}, {2});
  const Tensor shift = floats({1, -3}, {2});
  expect_floats(Op{"Conv", 13, fused}({x, w, bias, residual, scale, shift}), {1, 1, 1, 2},
                {103, 210});
  expect_error(Op{"Conv", 13, fused}({x, w, bias, residual, scale}), {"input 5", "missing"});
  expect_error(Op{"Conv", 13, fused}({x, w, bias, residual, floats({1}, {1}), shift}),
               {"input 4", "[1]", "[2]"});
  fused["lode_prologue"] = std::string("Scale");
  expect_floats(Op{"Conv", 13, fused}({x, w, bias, residual, floats({2, 1}, {1, 2, 1, 1})}),
                {1, 1, 1, 2}, {132, 236});
  expect_error(Op{"Conv", 13, fused}({x, w, bias, residual, scale, shift}), {"input 5"});
  fused["pads"] = Ints{0, 1, 0, 0};
  expect_error(Op{"Conv", 13, fused}(
                   {{x, w, bias, floats({1, 2, 3}, {1, 1, 1, 3}), floats({2, 1}, {1, 2, 1, 1})}}),
               {"lode_prologue", "padding"});
  fused["lode_prologue"] = std::string("Tanh");
  expect_error(Op{"Conv", 13, fused}({x, w, bias, residual, scale}), {"'Tanh'"});
}

TEST(Conv, AccumulatesInDouble) {
  const Tensor input = floats({1e8F, 1, -1e8F}, {1, 3, 1});
  expect_floats(Op{"Conv"}({input, floats({1, 1, 1}, {1, 3, 1})}), {1, 1, 1}, {1});
}

TEST(Conv, TakesHalfAndDouble) {
  Tensor input(DType::kF16, {1, 1, 1});
  Tensor weight(DType::kF16, {1, 1, 1});
  input.mutable_view().data[1] = std::byte{0x40};   // 2.0
  weight.mutable_view().data[1] = std::byte{0x42};  // 3.0
  const auto result = Op{"Conv"}({input, weight});
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(static_cast<double>(*elements<Half>(result->front().view())), 6.0);
  expect_output<double>(
      Op{"Conv"}({tensor_of<double>({2}, {1, 1, 1}), tensor_of<double>({4}, {1, 1, 1})}), {1, 1, 1},
      {8.0});
  expect_error(Op{"Conv"}({input, floats({1}, {1, 1, 1})}), {"f32", "f16"});
}

TEST(Conv, RefusesWhatDoesNotFit) {
  const auto conv = [](Attributes attributes) {
    return Op{"Conv", 13, std::move(attributes)}({kLine, kSumOfTwo});
  };
  expect_error(conv({{"strides", Ints{0}}}), {"'strides'=[0]"});
  expect_error(conv({{"strides", Ints{1, 1}}}), {"'strides'=[1,1]"});
  expect_error(conv({{"strides", std::int64_t{1}}}), {"'strides'=1", "list"});
  expect_error(conv({{"dilations", Ints{-1}}}), {"'dilations'=[-1]"});
  expect_error(conv({{"dilations", Ints{kHuge}}}), {"'dilations'=[1099511627776]"});
  expect_error(conv({{"dilations", Ints{std::int64_t{1} << 31}}}), {"does not fit 5"});
  expect_error(conv({{"pads", Ints{-1, 0}}}), {"'pads'=[-1,0]"});
  expect_error(conv({{"pads", Ints{1}}}), {"'pads'=[1]"});
  expect_error(conv({{"kernel_shape", Ints{3}}}), {"'kernel_shape'=[3]"});
  expect_error(conv({{"group", std::int64_t{0}}}), {"'group'=0"});
  expect_error(conv({{"group", std::int64_t{2}}}), {"'group'=2"});
  expect_error(conv({{"auto_pad", "SAME"}}), {"'auto_pad'='SAME'"});
  expect_error(conv({{"auto_pad", "SAME_UPPER"}, {"pads", Ints{1, 0}}}), {"contradicts"});
  expect_error(conv({{"ceil_mode", std::int64_t{1}}}), {"'ceil_mode'=1"});
}

TEST(Conv, RefusesWrongInputs) {
  expect_error(Op{"Conv"}({kLine}), {"1 inputs"});
  expect_error(Op{"Conv"}({kLine, std::nullopt, kLine}), {"input 1 is omitted"});
  expect_error(Op{"Conv"}({kLine, kSumOfTwo, floats({1, 1}, {2})}), {"bias"});
  expect_error(Op{"Conv"}({iota({1, 1}), iota({1, 1})}), {"[1,1]"});
  expect_error(Op{"Conv"}({iota({1, 1, 1, 1, 1, 1}), iota({1, 1, 1, 1, 1, 1})}), {"spatial"});
  expect_error(Op{"Conv"}({kLine, iota({1, 1, 0})}), {"weights of shape [1,1,0]"});
  expect_error(Op{"Conv"}({iota({1, 1, 1}), kSumOfTwo}), {"does not fit 1"});
  expect_error(Op{"Conv", 13, {}, 2}({kLine, kLeft}), {"2 outputs"});
}

TEST(Conv, GivesNothingForAnEmptyBatch) {
  expect_floats(Op{"Conv"}({iota({0, 1, 5}), kLeft}), {0, 1, 4}, {});
}

}  // namespace
}  // namespace lode::engine
