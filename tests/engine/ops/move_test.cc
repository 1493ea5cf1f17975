// Operators that move elements or give them another shape.
#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

constexpr std::int64_t kOne = 1;

TEST(Pad, FillsReflectsRepeatsAndWraps) {
  const Tensor x = floats({1, 2, 3}, {3});
  const Tensor amounts = ints({2, 1});
  expect_floats(Op{"Pad"}({x, amounts}), {6}, {0, 0, 1, 2, 3, 0});
  expect_floats(Op{"Pad"}({x, amounts, floats({9}, {})}), {6}, {9, 9, 1, 2, 3, 9});
  expect_floats(Op{"Pad", 13, {{"mode", "reflect"}}}({x, amounts}), {6}, {3, 2, 1, 2, 3, 2});
  expect_floats(Op{"Pad", 13, {{"mode", "edge"}}}({x, amounts}), {6}, {1, 1, 1, 2, 3, 3});
  expect_floats(Op{"Pad", 19, {{"mode", "wrap"}}}({x, amounts}), {6}, {2, 3, 1, 2, 3, 1});
  expect_error(Op{"Pad", 18, {{"mode", "wrap"}}}({x, amounts}), {"'mode'='wrap'"});
}

TEST(Pad, ReflectsAgainAndAgain) {
  expect_floats(Op{"Pad", 13, {{"mode", "reflect"}}}({floats({1, 2}, {2}), ints({3, 0})}), {5},
                {2, 1, 2, 1, 2});
  expect_floats(Op{"Pad", 13, {{"mode", "reflect"}}}({floats({7}, {1}), ints({1, 1})}), {3},
                {7, 7, 7});
}

TEST(Pad, NegativePadsCropFirst) {
  const Tensor x = iota({2, 3});
  expect_floats(Op{"Pad"}({x, ints({-1, 0, 1, -1})}), {2, 2}, {3, 4, 0, 0});
  expect_floats(Op{"Pad", 13, {{"mode", "reflect"}}}({iota({4}), ints({-1, 1})}), {4},
                {1, 2, 3, 2});
  expect_floats(Op{"Pad"}({iota({3}), ints({-2, -1})}), {0}, {});
  expect_error(Op{"Pad"}({iota({3}), ints({-4, 3})}), {"less than nothing"});
}

TEST(Pad, TakesAttributesInOldSetsAndAxesInNewOnes) {
  expect_floats(Op{"Pad", 2, {{"pads", Ints{1, 0}}, {"value", 5.0F}}}({iota({2})}), {3}, {5, 0, 1});
  expect_floats(Op{"Pad", 1, {{"paddings", Ints{0, 1}}}}({iota({2})}), {3}, {0, 1, 0});
  expect_floats(Op{"Pad", 18}({iota({1, 2}), ints({0, 1}), std::nullopt, ints({-1})}), {1, 3},
                {0, 1, 0});
  expect_output<std::int64_t>(Op{"Pad"}({ints({4}), ints({1, 0}), ints({-1})}), {2}, {-1, 4});
}

TEST(Pad, RefusesHostileAmounts) {
  const Tensor x = iota({2});
  expect_error(Op{"Pad"}({x, ints({1})}), {"1 entries", "2 are needed"});
  expect_error(Op{"Pad"}({x, ints({INT64_MAX, 1})}), {"outside"});
  expect_error(Op{"Pad"}({x, ints({INT64_MIN, 1})}), {"outside"});
  expect_error(Op{"Pad"}({x, ints({std::int64_t{1} << 31, 1})}), {"elements"});
  expect_error(Op{"Pad", 13, {{"mode", "edge"}}}({iota({0}), ints({1, 0})}), {"no element"});
  expect_error(Op{"Pad", 2}({x}), {"missing"});
  expect_error(Op{"Pad", 18}({x, ints({1, 1}), std::nullopt, ints({1})}), {"axis 1"});
  expect_error(Op{"Pad"}({x, ints({1, 1}), ints({1})}), {"constant_value is i64[1]"});
  expect_error(Op{"Pad"}({x, ints(Ints(17, 0))}), {"17 entries"});
}

TEST(Transpose, PermutesOrReverses) {
  expect_floats(Op{"Transpose"}({iota({2, 3})}), {3, 2}, {0, 3, 1, 4, 2, 5});
  expect_floats(Op{"Transpose", 13, {{"perm", Ints{0, 2, 1}}}}({iota({2, 1, 2})}), {2, 2, 1},
                {0, 1, 2, 3});
  expect_floats(Op{"Transpose"}({iota({})}), {}, {0});
  expect_error(Op{"Transpose", 13, {{"perm", Ints{0, 0}}}}({iota({2, 3})}), {"twice"});
  expect_error(Op{"Transpose", 13, {{"perm", Ints{0}}}}({iota({2, 3})}), {"'perm'=[0]"});
  expect_error(Op{"Transpose", 13, {{"perm", Ints{0, 7}}}}({iota({2, 3})}), {"axis 7"});
}

TEST(Concat, JoinsAlongAnyAxis) {
  const Tensor a = iota({2, 1});
  const Tensor b = floats({7, 8, 9, 10}, {2, 2});
  expect_floats(Op{"Concat", 13, {{"axis", std::int64_t{-1}}}}({a, b, iota({2, 0})}), {2, 3},
                {0, 7, 8, 1, 9, 10});
  expect_floats(Op{"Concat", 1}({a, b}), {2, 3}, {0, 7, 8, 1, 9, 10});
  expect_error(Op{"Concat"}({a, b}), {"'axis' is missing"});
  expect_error(Op{"Concat", 13, {{"axis", std::int64_t{0}}}}({a, b}), {"[2,1]", "[2,2]"});
  expect_error(Op{"Concat", 13, {{"axis", std::int64_t{0}}}}({ints({1}), iota({1})}),
               {"f32", "i64"});
  expect_error(Op{"Concat", 13, {{"axis", std::int64_t{2}}}}({a, b}), {"axis 2"});
}

TEST(Reshape, ResolvesZeroAndMinusOne) {
  const Tensor x = iota({2, 3, 4});
  const auto shape_of = [&](Ints shape, Attributes attributes = {}) {
    const auto result = Op{"Reshape", 14, std::move(attributes)}({x, ints(std::move(shape))});
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? result->front().shape() : Shape();
  };
  EXPECT_EQ(shape_of({4, -1}), (Shape{4, 6}));
  EXPECT_EQ(shape_of({0, -1}), (Shape{2, 12}));
  EXPECT_EQ(shape_of({0, 0, 4, 1}), (Shape{2, 3, 4, 1}));
  EXPECT_EQ(shape_of({24}, {{"allowzero", kOne}}), (Shape{24}));
}

TEST(Reshape, KeepsEmptyTensors) {
  expect_floats(Op{"Reshape", 14, {{"allowzero", kOne}}}({iota({0, 3}), ints({3, 0})}), {3, 0}, {});
  expect_error(Op{"Reshape", 14}({iota({0, 3}), ints({0, -1})}), {"[0,-1]", "0 elements"});
  expect_floats(Op{"Reshape", 4, {{"shape", Ints{2, 2}}}}({iota({4})}), {2, 2}, {0, 1, 2, 3});
}

TEST(Reshape, RefusesWhatDoesNotFit) {
  const auto reshape = [](Ints shape, Attributes attributes = {}) {
    return Op{"Reshape", 14, std::move(attributes)}({iota({2, 3}), ints(std::move(shape))});
  };
  expect_error(reshape({4, -1}), {"[4,-1]", "6 elements"});
  expect_error(reshape({7}), {"[7]"});
  expect_error(reshape({-1, -1}), {"more than one -1"});
  expect_error(reshape({-2, -3}), {"[-2,-3]"});
  expect_error(reshape({2, 3, 0}), {"copies extent 2"});
  expect_error(reshape({0, -1}, {{"allowzero", kOne}}), {"both 0 and -1"});
  expect_error(reshape({INT64_MAX, INT64_MAX}), {"more than"});
  expect_error(reshape({1, 1, 1, 1, 1, 1, 1, 1, 6}), {"9 dimensions"});
  expect_error(reshape(Ints(40, 1)), {"40 entries"});
  expect_error(Op{"Reshape"}({iota({1}), floats({1}, {1})}), {"f32[1]"});
}

TEST(Flatten, CutsAtAnAxis) {
  const Tensor x = iota({2, 3, 4});
  for (const auto& [axis, shape] :
       std::map<std::int64_t, Shape>{{0, {1, 24}}, {1, {2, 12}}, {3, {24, 1}}, {-1, {6, 4}}}) {
    const auto result = Op{"Flatten", 13, {{"axis", axis}}}({x});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->front().shape(), shape) << axis;
  }
  expect_error(Op{"Flatten", 13, {{"axis", std::int64_t{4}}}}({x}), {"axis 4"});
}

TEST(Squeeze, RemovesOnes) {
  const Tensor x = iota({1, 2, 1});
  expect_floats(Op{"Squeeze"}({x}), {2}, {0, 1});
  expect_floats(Op{"Squeeze"}({x, ints({-1})}), {1, 2}, {0, 1});
  expect_floats(Op{"Squeeze", 11, {{"axes", Ints{0}}}}({x}), {2, 1}, {0, 1});
  expect_error(Op{"Squeeze"}({x, ints({1})}), {"[1]", "[1,2,1]"});
  expect_error(Op{"Squeeze"}({x, ints({5})}), {"axis 5"});
}

TEST(Unsqueeze, InsertsOnes) {
  const Tensor x = iota({2});
  expect_floats(Op{"Unsqueeze"}({x, ints({0, -1})}), {1, 2, 1}, {0, 1});
  expect_floats(Op{"Unsqueeze", 1, {{"axes", Ints{1}}}}({x}), {2, 1}, {0, 1});
  expect_error(Op{"Unsqueeze"}({x, ints({0, -3})}), {"twice"});
  expect_error(Op{"Unsqueeze"}({x, ints({0, 1, 2, 3, 4, 5, 6, 7})}), {"9 dimensions"});
  expect_error(Op{"Unsqueeze", 11}({x}), {"'axes' is missing"});
}

TEST(ShapeOp, CutsItsRange) {
  const Tensor x = iota({2, 3, 4});
  expect_output<std::int64_t>(Op{"Shape"}({x}), {3}, {2, 3, 4});
  expect_output<std::int64_t>(Op{"Shape", 15, {{"start", std::int64_t{-2}}}}({x}), {2}, {3, 4});
  expect_output<std::int64_t>(Op{"Shape", 15, {{"end", std::int64_t{-1}}}}({x}), {2}, {2, 3});
  expect_output<std::int64_t>(Op{"Shape", 15, {{"start", INT64_MIN}, {"end", INT64_MAX}}}({x}), {3},
                              {2, 3, 4});
  expect_output<std::int64_t>(Op{"Shape", 15, {{"start", std::int64_t{2}}, {"end", kOne}}}({x}),
                              {0}, {});
  expect_error(Op{"Shape", 14, {{"start", kOne}}}({x}), {"'start'=1", "operator set 14"});
}

TEST(Gather, TakesRowsByIndexFromEitherEnd) {
  const Tensor x = iota({3, 2});
  expect_floats(Op{"Gather"}({x, ints({2, -3})}), {2, 2}, {4, 5, 0, 1});
  expect_floats(Op{"Gather", 13, {{"axis", kOne}}}({x, tensor_of<std::int32_t>({1}, {})}), {3},
                {1, 3, 5});
  expect_error(Op{"Gather"}({x, ints({3})}), {"index 3", "[-3, 2]"});
  expect_error(Op{"Gather"}({x, ints({INT64_MIN})}), {"outside"});
  expect_error(Op{"Gather"}({x, iota({1})}), {"f32"});
  expect_error(Op{"Gather"}({iota({}), ints({0})}), {"axis 0"});
  expect_error(Op{"Gather"}({iota({0, 2}), ints({0})}), {"index 0"});
}

TEST(Gather, RefusesTooManyDimensions) {
  const Tensor indices = tensor_of<std::int64_t>({0}, {1, 1, 1, 1});
  expect_error(Op{"Gather"}({iota({1, 1, 1, 1, 1, 1}), indices}), {"9 dimensions"});
}

TEST(Identity, Copies) {
  expect_floats(Op{"Identity"}({iota({2})}), {2}, {0, 1});
  expect_error(Op{"Identity", 13, {{"x", kOne}}}({iota({2})}), {"'x'=1"});
}

TEST(Dropout, DropsNothingAndSaysSo) {
  const auto result = Op{"Dropout", 13, {}, 2}({iota({2}), floats({0.5F}, {})});
  expect_floats(result, {2}, {0, 1});
  ASSERT_EQ((*result)[1].dtype(), DType::kBool);
  EXPECT_EQ((*result)[1].view().data[1], std::byte{1});
  const auto old = Op{"Dropout", 7, {{"ratio", 0.3F}}, 2}({iota({2})});
  ASSERT_TRUE(old.ok());
  EXPECT_EQ(values<float>((*old)[1]), (std::vector<float>{1, 1}));
}

TEST(Dropout, RefusesTrainingUnlessItDropsNothing) {
  Tensor yes(DType::kBool, {});
  yes.mutable_view().data[0] = std::byte{1};
  expect_error(Op{"Dropout"}({iota({2}), floats({0.5F}, {}), yes}), {"training_mode", "0.5"});
  expect_error(Op{"Dropout"}({iota({2}), std::nullopt, yes}), {"training_mode"});
  expect_floats(Op{"Dropout"}({iota({2}), floats({0}, {}), yes}), {2}, {0, 1});
  expect_error(Op{"Dropout", 6}({iota({2})}), {"'is_test'=0"});
}

}  // namespace
}  // namespace lode::engine
