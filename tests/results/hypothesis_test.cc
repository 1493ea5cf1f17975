// Mann-Whitney, McNemar and Holm against worked examples and against their definitions.
#include "results/stats/hypothesis.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace lode::stats {
namespace {

TEST(MannWhitney, OfAPublishedExample) {
  // Ages at diagnosis of men and women, from the documentation of SciPy's mannwhitneyu.
  const std::vector<double> men = {19, 22, 16, 29, 24};
  const std::vector<double> women = {20, 11, 17, 12};
  const MannWhitney test = mann_whitney(men, women);
  EXPECT_EQ(test.u, 17.0);
  EXPECT_TRUE(test.is_exact);
  EXPECT_NEAR(test.p_value, 1.0 / 9.0, 1e-12);
  EXPECT_EQ(mann_whitney(women, men).u, 3.0);
  EXPECT_NEAR(mann_whitney(women, men).p_value, 1.0 / 9.0, 1e-12);
}

TEST(MannWhitney, SeparatedSamplesHaveTheLeastPossibleP) {
  // Of the C(8, 4) = 70 ways to choose a's ranks, 2 are as extreme.
  EXPECT_NEAR(
      mann_whitney(std::vector<double>{1, 2, 3, 4}, std::vector<double>{5, 6, 7, 8}).p_value,
      2.0 / 70.0, 1e-12);
}

TEST(MannWhitney, WithTies) {
  // Groups of ties: 2 (three times), 3 (three), 4 (twice). U = 2.5 + 0 + ... by hand: for each a,
  // the b below it and half of those equal: 1 -> 0, 2 -> 0.5, 2 -> 0.5, 3 -> 2 => 3.
  const std::vector<double> a = {1, 2, 2, 3};
  const std::vector<double> b = {2, 3, 3, 4, 4};
  const MannWhitney test = mann_whitney(a, b);
  EXPECT_EQ(test.u, 3.0);
  EXPECT_FALSE(test.is_exact);
  const double ties = 24.0 + 24.0 + 6.0;
  const double variance = 4.0 * 5.0 / 12.0 * (10.0 - ties / (9.0 * 8.0));
  const double z = (10.0 - 3.0 - 0.5) / std::sqrt(variance);
  EXPECT_NEAR(test.p_value, std::erfc(z / std::sqrt(2.0)), 1e-12);
}

TEST(MannWhitney, OfEqualValuesSaysNothing) {
  const std::vector<double> same(6, 1.0);
  EXPECT_EQ(mann_whitney(same, same).p_value, 1.0);
}

TEST(MannWhitney, ErrsAsOftenAsItsPSays) {
  Rng rng = make_rng(1, "mann-whitney");
  int rejected = 0;
  constexpr int kTrials = 2000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> a(60);
    std::vector<double> b(50);
    for (double& value : a) value = static_cast<double>(standard_normal(rng));
    for (double& value : b) value = static_cast<double>(standard_normal(rng));
    rejected += mann_whitney(a, b).p_value <= 0.05 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(rejected) / kTrials, 0.05, 0.015);
}

TEST(McNemar, ExactAndCorrected) {
  const McNemar test = mcnemar(10, 2, 100, 0.95);
  EXPECT_NEAR(test.p_value, 2.0 * (1 + 12 + 66) / 4096.0, 1e-12);
  EXPECT_NEAR(test.p_chi_square, std::erfc(std::sqrt(49.0 / 12.0 / 2.0)), 1e-12);
  EXPECT_NEAR(test.difference, -0.08, 1e-12);
  // Agresti and Min's interval with one half added to each count, by hand.
  const double spread = std::sqrt(13.0 - 64.0 / 102.0) / 102.0;
  EXPECT_NEAR(test.lower, -8.0 / 102.0 - 1.959964 * spread, 1e-6);
  EXPECT_NEAR(test.upper, -8.0 / 102.0 + 1.959964 * spread, 1e-6);
}

TEST(McNemar, OfTheSameAnswers) {
  const McNemar test = mcnemar(0, 0, 50, 0.95);
  EXPECT_EQ(test.p_value, 1.0);
  EXPECT_EQ(test.p_chi_square, 1.0);
  EXPECT_EQ(test.difference, 0.0);
  EXPECT_LT(test.lower, 0.0);
  EXPECT_GT(test.upper, 0.0);
  EXPECT_EQ(mcnemar(3, 3, 10, 0.95).p_value, 1.0);
}

TEST(McNemar, IntervalCoversTheTruth) {
  // Per sample: a alone right with probability 0.06, b alone with 0.04.
  Rng rng = make_rng(2, "mcnemar");
  int covered = 0;
  constexpr int kTrials = 2000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::uint64_t only_a = 0;
    std::uint64_t only_b = 0;
    for (int sample = 0; sample < 400; ++sample) {
      const float draw = uniform_unit(rng);
      only_a += draw < 0.06F ? 1 : 0;
      only_b += draw >= 0.06F && draw < 0.10F ? 1 : 0;
    }
    const McNemar test = mcnemar(only_a, only_b, 400, 0.95);
    covered += test.lower <= -0.02 && -0.02 <= test.upper ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(covered) / kTrials, 0.95, 0.015);
}

TEST(Holm, AdjustsFromTheSmallestUp) {
  const auto adjusted = holm(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  const std::vector<double> wanted = {0.03, 0.06, 0.06, 0.02};
  ASSERT_EQ(adjusted.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(adjusted[i], wanted[i], 1e-15);
  EXPECT_TRUE(holm({}).empty());
  EXPECT_EQ(holm(std::vector<double>{0.9, 0.8})[0], 1.0);
}

}  // namespace
}  // namespace lode::stats
