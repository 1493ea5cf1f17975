// Top-1 and top-5, ties, and outputs that cannot be scored.
#include "run/scorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lode::run {
namespace {

using ::testing::HasSubstr;

/// Labels alone.
class Labels final : public SampleLibrary {
 public:
  explicit Labels(std::vector<std::int64_t> labels) : labels_(std::move(labels)) {}
  const std::string& name() const override { return name_; }
  std::uint64_t total_sample_count() const override { return labels_.size(); }
  std::uint64_t performance_sample_count() const override { return labels_.size(); }
  const Shape& sample_shape() const override { return shape_; }
  Status load(std::span<const SampleIndex>) override { return {}; }
  void unload(std::span<const SampleIndex>) override {}
  std::span<const float> sample(SampleIndex) const override { return {}; }
  std::int64_t label(SampleIndex index) const override { return labels_[index]; }

 private:
  std::vector<std::int64_t> labels_;
  std::string name_ = "labels";
  Shape shape_ = {1};
};

void add(Scorer& scorer, SampleIndex index, const std::vector<float>& scores) {
  (void)scorer.add(index, std::as_bytes(std::span(scores)));
}

TEST(Scorer, CountsTop1AndTop5) {
  const Labels labels({0, 1, 6, 2});
  Scorer scorer(labels);
  add(scorer, 0, {9, 1, 2, 3, 4, 5, 6});  // First.
  add(scorer, 1, {9, 5, 8, 7, 6, 1, 2});  // Fifth.
  add(scorer, 2, {9, 8, 7, 6, 5, 4, 3});  // Seventh.
  add(scorer, 3, {0, 0, 0.5F, 0, 0, 0, 0});
  const auto result = scorer.result();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->samples, 4U);
  EXPECT_EQ(result->top1_correct, 2U);
  EXPECT_EQ(result->top5_correct, 3U);
  EXPECT_DOUBLE_EQ(result->top1, 0.5);
  EXPECT_DOUBLE_EQ(result->top5, 0.75);
  EXPECT_EQ(scorer.predicted(0), 0);
  EXPECT_EQ(scorer.predicted(3), 2);
}

TEST(Scorer, OfEqualScoresTheFirstIsTop1AndAllAreTop5) {
  const Labels labels({0, 1, 6});
  Scorer scorer(labels);
  const std::vector<float> equal(7, 0.25F);
  for (SampleIndex i = 0; i < 3; ++i) add(scorer, i, equal);
  const auto result = scorer.result();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->top1_correct, 1U);
  EXPECT_EQ(result->top5_correct, 3U);
}

TEST(Scorer, InfinitiesAreScores) {
  const Labels labels({1});
  Scorer scorer(labels);
  const float infinity = std::numeric_limits<float>::infinity();
  add(scorer, 0, {-infinity, infinity, 0});
  EXPECT_EQ(scorer.result()->top1_correct, 1U);
}

TEST(Scorer, ASecondAnswerIsNotCounted) {
  const Labels labels({0, 0});
  Scorer scorer(labels);
  add(scorer, 0, {1, 0});
  add(scorer, 0, {1, 0});
  EXPECT_EQ(scorer.result()->samples, 1U);
}

TEST(Scorer, NothingScoredIsZeroAndNotNan) {
  const Labels labels({0});
  const auto result = Scorer(labels).result();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->samples, 0U);
  EXPECT_EQ(result->top1, 0.0);
}

TEST(Scorer, WhatCannotBeScoredIsAnErrorThatNamesTheSample) {
  const Labels labels({0, 3});
  {
    Scorer scorer(labels);
    add(scorer, 1, {1, 2, 3});
    EXPECT_THAT(scorer.result().error().message, HasSubstr("sample 1: label 3 is not one of"));
  }
  {
    Scorer scorer(labels);
    add(scorer, 0, {1, std::nanf(""), 3});
    add(scorer, 1, {1, 2, 3, 4});
    EXPECT_THAT(scorer.result().error().message, HasSubstr("sample 0: the output holds a NaN"));
  }
  for (const std::size_t bytes : {0U, 7U}) {
    Scorer scorer(labels);
    const std::vector<std::byte> odd(bytes);
    EXPECT_FALSE(scorer.add(0, odd).ok()) << "so that the run can end at once";
    EXPECT_THAT(scorer.result().error().message, HasSubstr("is not a list of f32"));
  }
}

TEST(Scorer, BytesNeedNotBeAligned) {
  const Labels labels({1});
  Scorer scorer(labels);
  const float scores[] = {0.0F, 1.0F};
  std::vector<std::byte> bytes(1 + sizeof(scores));
  std::memcpy(bytes.data() + 1, scores, sizeof(scores));
  EXPECT_TRUE(scorer.add(0, std::span<const std::byte>(bytes).subspan(1)).ok());
  EXPECT_EQ(scorer.result()->top1_correct, 1U);
}

TEST(Scorer, LabelsAreCheckedAgainstTheClassesBeforeTheRun) {
  EXPECT_TRUE(check_labels(Labels({0, 4, 2}), 5).ok());
  EXPECT_THAT(check_labels(Labels({0, 5, 7}), 5).error().message,
              HasSubstr("sample 1: label 5 is not one of the model's 5 classes"));
  EXPECT_FALSE(check_labels(Labels({0, -1}), 5).ok());
}

}  // namespace
}  // namespace lode::run
