// Pooling and means by hand: partial windows, padding that counts or does not, indices.
#include <cmath>
#include <limits>

#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

constexpr std::int64_t kOne = 1;

Attributes with(Ints kernel, Attributes more = {}) {
  more["kernel_shape"] = std::move(kernel);
  return more;
}

TEST(MaxPool, TakesTheGreatest) {
  const Tensor input = floats({1, 5, 2, 4, 3, -1, 0, 7, 6}, {1, 1, 3, 3});
  expect_floats(Op{"MaxPool", 13, with({2, 2})}({input}), {1, 1, 2, 2}, {5, 5, 7, 7});
}

TEST(MaxPool, NaNIsTheGreatestWhereverItStands) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const Tensor input = floats({kNaN, 1, 2, kNaN, 3, 4, 5}, {1, 1, 7});
  Op pool{"MaxPool", 13, with({3}, {{"strides", Ints{2}}})};
  pool.outputs = 2;
  const auto result = pool({input});
  ASSERT_TRUE(result.ok()) << result.error().message;
  const std::vector<float> greatest = values<float>((*result)[0]);
  ASSERT_EQ(greatest.size(), 3U);
  EXPECT_TRUE(std::isnan(greatest[0]));
  EXPECT_TRUE(std::isnan(greatest[1]));
  EXPECT_EQ(greatest[2], 5.0F);
  EXPECT_EQ(values<std::int64_t>((*result)[1]), (Ints{0, 3, 6}));
}

TEST(MaxPool, IgnoresPadding) {
  const Tensor input = floats({-3, -2, -1}, {1, 1, 3});
  expect_floats(Op{"MaxPool", 13, with({2}, {{"pads", Ints{1, 1}}})}({input}), {1, 1, 4},
                {-3, -2, -1, -1});
}

TEST(MaxPool, CeilModeAddsAPartialWindow) {
  expect_floats(Op{"MaxPool", 13, with({2}, {{"strides", Ints{2}}})}({iota({1, 1, 5})}), {1, 1, 2},
                {1, 3});
  expect_floats(
      Op{"MaxPool", 13, with({2}, {{"strides", Ints{2}}, {"ceil_mode", kOne}})}({iota({1, 1, 5})}),
      {1, 1, 3}, {1, 3, 4});
}

TEST(MaxPool, CeilModeLeavesOutAWindowThatStartsInThePadding) {
  // ceil((3 + 1 - 1) / 3) + 1 = 2, but the second would start at position 3, behind the input.
  expect_floats(
      Op{"MaxPool", 13, with({1}, {{"strides", Ints{3}}, {"ceil_mode", kOne}})}({iota({1, 1, 3})}),
      {1, 1, 1}, {0});
  expect_floats(Op{"MaxPool", 13,
                   with({2}, {{"strides", Ints{2}}, {"pads", Ints{0, 1}}, {"ceil_mode", kOne}})}(
                    {{iota({1, 1, 4})}}),
                {1, 1, 2}, {1, 3});
}

TEST(MaxPool, Dilates) {
  expect_floats(Op{"MaxPool", 13, with({2}, {{"dilations", Ints{3}}})}({iota({1, 1, 5})}),
                {1, 1, 2}, {3, 4});
}

TEST(MaxPool, SamePutsTheOddPadAtTheNamedEnd) {
  const Tensor input = floats({5, 4, 3, 2}, {1, 1, 4});
  expect_floats(Op{"MaxPool", 13, with({2}, {{"auto_pad", "SAME_UPPER"}})}({input}), {1, 1, 4},
                {5, 4, 3, 2});
  expect_floats(Op{"MaxPool", 13, with({2}, {{"auto_pad", "SAME_LOWER"}})}({input}), {1, 1, 4},
                {5, 5, 4, 3});
}

TEST(MaxPool, IndicesCountThroughTheWholeInputInEitherOrder) {
  const Tensor input = floats({0, 0, 0, 0, 0, 9, 0, 9, 0, 0, 0, 0}, {1, 2, 2, 3});
  for (const std::int64_t by_columns : {0, 1}) {
    const auto result =
        Op{"MaxPool", 13, with({2, 3}, {{"storage_order", by_columns}}), 2}({input});
    ASSERT_TRUE(result.ok()) << result.error().message;
    // (row 1, column 2) and (row 0, column 1) of channels of 6.
    EXPECT_EQ(values<std::int64_t>((*result)[1]),
              by_columns == 0 ? (Ints{5, 7}) : (Ints{5, 6 + 2}));
  }
}

TEST(MaxPool, FirstOfEqualsWins) {
  const auto result = Op{"MaxPool", 13, with({2}), 2}({floats({3, 3}, {1, 1, 2})});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(values<std::int64_t>((*result)[1]), Ints{0});
}

TEST(MaxPool, TakesBytes) {
  expect_output<std::int8_t>(
      Op{"MaxPool", 13, with({2})}({tensor_of<std::int8_t>({-128, -100, -3}, {1, 1, 3})}),
      {1, 1, 2}, {-100, -3});
  expect_output<std::uint8_t>(
      Op{"MaxPool", 13, with({2})}({tensor_of<std::uint8_t>({200, 0, 3}, {1, 1, 3})}), {1, 1, 2},
      {200, 3});
  expect_error(Op{"MaxPool", 13, with({2})}({ints({1, 2, 3})}), {"i64"});
}

TEST(MaxPool, GivesMinusInfinityWhereDilationMissesTheInput) {
  // Positions -1 and 2 of an input of 2.
  const auto result = Op{"MaxPool", 13, with({2}, {{"dilations", Ints{3}}, {"pads", Ints{1, 1}}}),
                         2}({iota({1, 1, 2})});
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(values<float>((*result)[0]), std::vector<float>{-INFINITY});
  EXPECT_EQ(values<std::int64_t>((*result)[1]), Ints{-1});
}

TEST(MaxPool, RefusesHostileAttributes) {
  const auto pool = [](Attributes attributes) {
    return Op{"MaxPool", 13, std::move(attributes)}({iota({1, 1, 4})});
  };
  expect_error(pool({}), {"'kernel_shape' is missing"});
  expect_error(pool(with({-2})), {"'kernel_shape'=[-2]"});
  expect_error(pool(with({0})), {"'kernel_shape'=[0]"});
  expect_error(pool(with({2, 2})), {"'kernel_shape'=[2,2]"});
  expect_error(pool(with({INT64_MAX})), {"'kernel_shape'"});
  expect_error(pool(with({2}, {{"strides", Ints{0}}})), {"'strides'=[0]"});
  expect_error(pool(with({2}, {{"pads", Ints{2, 0}}})), {"smaller than the window"});
  expect_error(pool(with({2}, {{"ceil_mode", std::int64_t{2}}})), {"'ceil_mode'=2"});
  expect_error(pool(with({5})), {"does not fit 4"});
  expect_error(Op{"MaxPool", 9, with({2}, {{"dilations", Ints{1}}})}({iota({1, 1, 4})}),
               {"'dilations'=[1]", "operator set 9"});
  expect_error(Op{"MaxPool", 7, with({2}), 2}({iota({1, 1, 4})}), {"2 outputs"});
}

TEST(AveragePool, CountsPaddingOnlyWhenAsked) {
  const Tensor input = floats({2, 4, 6}, {1, 1, 3});
  expect_floats(Op{"AveragePool", 13, with({2}, {{"pads", Ints{1, 1}}})}({input}), {1, 1, 4},
                {2, 3, 5, 6});
  expect_floats(Op{"AveragePool", 13,
                   with({2}, {{"pads", Ints{1, 1}}, {"count_include_pad", kOne}})}({input}),
                {1, 1, 4}, {1, 3, 5, 3});
}

TEST(AveragePool, CeilModeDoesNotCountWhatLiesBehindThePadding) {
  // The last window has one element of the input, one of the padding and one behind it.
  const Attributes attributes = with({3}, {{"strides", Ints{2}},
                                           {"pads", Ints{0, 1}},
                                           {"ceil_mode", kOne},
                                           {"count_include_pad", kOne}});
  expect_floats(Op{"AveragePool", 13, attributes}({floats({3, 3, 3, 3, 8}, {1, 1, 5})}), {1, 1, 3},
                {3, 14.0F / 3, 4});
}

TEST(AveragePool, DilatesSinceSet19) {
  expect_floats(Op{"AveragePool", 19, with({2}, {{"dilations", Ints{2}}})}({iota({1, 1, 4})}),
                {1, 1, 2}, {1, 2});
  expect_error(Op{"AveragePool", 18, with({2}, {{"dilations", Ints{2}}})}({iota({1, 1, 4})}),
               {"'dilations'=[2]", "operator set 18"});
}

TEST(AveragePool, SameLowerCountsOnlyTheInput) {
  expect_floats(Op{"AveragePool", 13, with({2, 2}, {{"auto_pad", "SAME_LOWER"}})}(
                    {{floats({1, 2, 3, 4}, {1, 1, 2, 2})}}),
                {1, 1, 2, 2}, {1, 1.5F, 2, 2.5F});
}

TEST(GlobalAveragePool, AveragesEachChannel) {
  expect_floats(Op{"GlobalAveragePool"}({iota({1, 2, 2, 2})}), {1, 2, 1, 1}, {1.5F, 5.5F});
  expect_error(Op{"GlobalAveragePool"}({iota({1, 2})}), {"rank 2"});
}

TEST(ReduceMean, TakesAxesAsAttributeOrInput) {
  const Tensor input = iota({2, 3});
  expect_floats(Op{"ReduceMean", 13, {{"axes", Ints{-1}}}}({input}), {2, 1}, {1, 4});
  expect_floats(Op{"ReduceMean", 18, {{"keepdims", std::int64_t{0}}}}({input, ints({0})}), {3},
                {1.5F, 2.5F, 3.5F});
  expect_floats(Op{"ReduceMean", 13}({input}), {1, 1}, {2.5F});
  expect_floats(Op{"ReduceMean", 18}({input, ints({})}), {1, 1}, {2.5F});
  expect_floats(Op{"ReduceMean", 18, {{"noop_with_empty_axes", kOne}}}({input}), {2, 3},
                {0, 1, 2, 3, 4, 5});
}

TEST(ReduceMean, RoundsIntegersTowardsZero) {
  expect_output<std::int64_t>(Op{"ReduceMean"}({ints({-3, -4})}), {1}, {-3});
  expect_error(Op{"ReduceMean"}({ints({})}), {"no integers"});
  const auto result = Op{"ReduceMean"}({iota({0})});
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(std::isnan(result->front().as<float>()[0]));
}

TEST(ReduceMean, RefusesBadAxes) {
  expect_error(Op{"ReduceMean", 13, {{"axes", Ints{2}}}}({iota({2, 3})}), {"axis 2"});
  expect_error(Op{"ReduceMean", 13, {{"axes", Ints{0, -2}}}}({iota({2, 3})}), {"twice"});
  expect_error(Op{"ReduceMean", 18, {{"axes", Ints{0}}}}({iota({2, 3})}),
               {"'axes'=[0]", "operator set 18"});
}

}  // namespace
}  // namespace lode::engine
