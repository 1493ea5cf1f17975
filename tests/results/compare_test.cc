// Comparisons of made-up runs: what may be compared, what is called a change, what a regression.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file_io.h"
#include "base/rng.h"
#include "results/compare/comparison.h"
#include "tests/results/fits_schema.h"
#include "tests/results/sample_record.h"

namespace lode::compare {
namespace {

namespace fs = std::filesystem;
using record::Record;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A valid performance run whose times are those of the sample record times `scale`.
Record run_of(double scale) {
  Record record = record::sample_record();
  record.mode = "performance";
  record.accuracy.reset();
  record.verdict = {};
  const auto ns = [&](double value) { return std::llround(value * scale * 1e6); };
  record.metrics.latency_ns =
      record::Distribution{ns(1), ns(3), ns(2), ns(4), ns(5), ns(6), ns(7), ns(8), ns(9)};
  record.metrics.throughput_samples_per_s = 1000.0 / scale;
  record.metrics.headline = {"p99_latency", static_cast<double>(ns(7)), "ns"};
  return record;
}

/// `count` runs whose times scatter by `deviation`.
Side side_of(std::string name, std::size_t count, double scale, double deviation,
             std::uint64_t seed) {
  Rng rng = make_rng(seed, name);
  Side side{.name = std::move(name), .runs = {}};
  for (std::size_t i = 0; i < count; ++i) {
    const double noise = std::exp(deviation * static_cast<double>(standard_normal(rng)));
    side.runs.push_back({"nowhere", run_of(scale * noise)});
  }
  return side;
}

Comparison compared(const Side& first, const Side& second, const Options& options = {}) {
  auto comparison = compare(first, second, options);
  EXPECT_TRUE(comparison.ok()) << comparison.error().message;
  EXPECT_TRUE(
      record::fits_schema(nlohmann::json::parse(to_json(*comparison)), "comparison.schema.json"));
  return *std::move(comparison);
}

std::string refusal(const Side& first, const Side& second, const Options& options = {}) {
  const auto comparison = compare(first, second, options);
  EXPECT_FALSE(comparison.ok());
  return comparison.ok() ? "" : comparison.error().message;
}

const Row& row_of(const Comparison& comparison, std::string_view name) {
  const auto at = std::find_if(comparison.rows.begin(), comparison.rows.end(),
                               [&](const Row& row) { return row.figure->name == name; });
  EXPECT_NE(at, comparison.rows.end()) << name;
  return *at;
}

TEST(Compare, ASlowerSideIsARegressionTheOtherWayIsNone) {
  const Side quick = side_of("quick", 10, 1.0, 0.003, 1);
  const Side slow = side_of("slow", 10, 1.05, 0.003, 2);
  const Comparison worse = compared(quick, slow);
  EXPECT_EQ(row_of(worse, "p99").change, Change::kWorse);
  EXPECT_EQ(row_of(worse, "throughput").change, Change::kWorse);
  EXPECT_NEAR(row_of(worse, "p50").worse_by(), 0.05, 0.01);
  EXPECT_EQ(worse.regressions.size(), 4U);
  const Comparison better = compared(slow, quick);
  EXPECT_EQ(row_of(better, "p99").change, Change::kBetter);
  EXPECT_GT(row_of(better, "throughput").ratio.ratio.value, 1.0);
  EXPECT_TRUE(better.regressions.empty());
}

TEST(Compare, WithinTheThresholdIsNoChange) {
  const Comparison comparison =
      compared(side_of("a", 10, 1.0, 0.001, 1), side_of("b", 10, 1.005, 0.001, 2));
  const Row& row = row_of(comparison, "p99");
  EXPECT_LT(row.p_holm, 0.01) << "there is a difference, but a small one";
  EXPECT_EQ(row.change, Change::kNone);
  EXPECT_TRUE(comparison.regressions.empty());
}

TEST(Compare, WhatIsNotKnownIsUnclear) {
  const Comparison comparison =
      compared(side_of("a", 6, 1.0, 0.2, 1), side_of("b", 6, 1.0, 0.2, 2));
  EXPECT_EQ(row_of(comparison, "p99").change, Change::kUnclear);
  EXPECT_EQ(row_of(comparison, "memory").change, Change::kNone);
  EXPECT_TRUE(comparison.regressions.empty());
}

TEST(Compare, SameAndSameDifferAlmostNever) {
  int changed = 0;
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    Options options;
    options.paired = true;
    options.resamples = 200;
    const Comparison comparison = compared(side_of("a", 12, 1.0, 0.01, 2 * trial),
                                           side_of("b", 12, 1.0, 0.01, 2 * trial + 1), options);
    changed += std::any_of(comparison.rows.begin(), comparison.rows.end(), [](const Row& row) {
      return row.change == Change::kBetter || row.change == Change::kWorse;
    });
  }
  EXPECT_LE(changed, 6) << "of 300";
}

TEST(Compare, LimitsDecideAlone) {
  const Side quick = side_of("quick", 10, 1.0, 0.003, 1);
  const Side slow = side_of("slow", 10, 1.05, 0.003, 2);
  Options options;
  options.limits = {{record::find_figure("p99"), 0.03}};
  EXPECT_THAT(compared(quick, slow, options).regressions, ElementsAre(HasSubstr("p99: 5.")));
  options.limits = {{record::find_figure("p99"), 0.10}};
  EXPECT_TRUE(compared(quick, slow, options).regressions.empty());
  options.limits = {{record::find_figure("top1"), 0.01}};
  EXPECT_THAT(refusal(quick, slow, options), HasSubstr("did not measure it"));
}

TEST(Compare, UnlikeThingsAreRefusedByName) {
  const Side base = side_of("base", 3, 1.0, 0.01, 1);
  Side other = side_of("other", 3, 1.0, 0.01, 2);
  for (StoredRun& run : other.runs) run.record.dataset->sha256 = std::string(64, 'c');
  EXPECT_THAT(refusal(base, other), HasSubstr("dataset sha differs"));
  Options options;
  options.across_datasets = true;
  EXPECT_FALSE(compared(base, other, options).rows.empty());

  other = side_of("other", 3, 1.0, 0.01, 2);
  for (StoredRun& run : other.runs) run.record.system.cpu_model = "Another CPU";
  EXPECT_THAT(refusal(base, other), HasSubstr("host differs"));
  options = {};
  options.across_hosts = true;
  EXPECT_FALSE(compared(base, other, options).rows.empty());

  other = side_of("other", 3, 1.0, 0.01, 2);
  for (StoredRun& run : other.runs) run.record.scenario = "server";
  EXPECT_THAT(refusal(base, other), HasSubstr("scenario differs"));
}

TEST(Compare, WhatToWatchIsMarked) {
  const Side base = side_of("base", 3, 1.0, 0.01, 1);
  Side other = side_of("other", 3, 1.0, 0.01, 2);
  other.runs[0].record.verdict = {false, {{"min_duration", "1 s", "10 s", "wait"}}};
  for (StoredRun& run : other.runs) {
    run.record.model->sha256 = std::string(64, 'd');
    run.record.system.turbo = true;
  }
  const Comparison comparison = compared(base, other);
  const auto mark_of = [&](std::string_view name) {
    const auto at = std::find_if(comparison.checks.begin(), comparison.checks.end(),
                                 [&](const Check& check) { return check.name == name; });
    return at == comparison.checks.end() ? Mark::kRefused : at->mark;
  };
  EXPECT_EQ(mark_of("runs"), Mark::kWatch);
  EXPECT_EQ(mark_of("model sha"), Mark::kWatch);
  EXPECT_EQ(mark_of("turbo"), Mark::kWatch);
  EXPECT_EQ(mark_of("host"), Mark::kSame);
  EXPECT_EQ(mark_of("governor"), Mark::kSame);
}

/// Runs as files.
class CompareFiles : public ::testing::Test {
 protected:
  CompareFiles() {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~CompareFiles() override { fs::remove_all(root_); }

  /// A run directory; with `raw`, its times too.
  fs::path write(const std::string& name, const Record& record,
                 const std::optional<record::RawTimes>& raw = std::nullopt,
                 const record::Answers& answers = {}) {
    const fs::path folder = root_ / name;
    fs::create_directories(folder);
    EXPECT_TRUE(write_file_atomically(folder / record::kResultFile, record::to_json(record)).ok());
    if (raw.has_value()) {
      EXPECT_TRUE(
          record::write_samples(*raw, record.id, folder / record::kSamplesFile, answers).ok());
    }
    return folder;
  }

  /// A single-stream run of 400 queries of about 1 ms x `scale`.
  fs::path write_times(const std::string& name, double scale, std::uint64_t seed) {
    Rng rng = make_rng(seed, name);
    record::RawTimes raw;
    std::vector<std::int64_t> latencies;
    std::int64_t now = 0;
    for (std::int64_t q = 0; q < 400; ++q) {
      const double noise = std::exp(0.05 * static_cast<double>(standard_normal(rng)));
      const std::int64_t taken = std::llround(1e6 * scale * noise);
      raw.scheduled_ns.push_back(now);
      raw.issued_ns.push_back(now);
      now += taken;
      raw.completed_ns.push_back(now);
      raw.sample_index.push_back(q);
      raw.sample_query.push_back(q);
      raw.sample_completed_ns.push_back(now);
      latencies.push_back(taken);
    }
    Record record = run_of(scale);
    record.scenario = "single-stream";
    record.metrics.queries = record.metrics.samples = 400;
    record.metrics.latency_ns = record::summarize(latencies);
    record.metrics.headline = {"p90_latency", static_cast<double>(record.metrics.latency_ns->p90),
                               "ns"};
    record.metrics.early_stopping = {false, "waived", false, 0.0, 0, 0, 0, {}, {}};
    record.metrics.throughput_samples_per_s = 400e9 / static_cast<double>(now);
    return write(name, record, raw);
  }

  fs::path root_ = fs::path(::testing::TempDir()) /
                   ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(CompareFiles, OneRunASideIsJudgedByWhatVariedWithin) {
  const auto first = read_side(write_times("a", 1.0, 1));
  const auto second = read_side(write_times("b", 1.1, 2));
  ASSERT_TRUE(first.ok()) << first.error().message;
  ASSERT_TRUE(second.ok()) << second.error().message;
  const Comparison comparison = compared(*first, *second);
  const Row& p50 = row_of(comparison, "p50");
  EXPECT_EQ(p50.ratio.ratio.method, stats::IntervalMethod::kBlockBootstrap);
  EXPECT_EQ(p50.change, Change::kWorse);
  EXPECT_EQ(row_of(comparison, "throughput").change, Change::kWorse);
  EXPECT_EQ(row_of(comparison, "memory").ratio.ratio.method, stats::IntervalMethod::kNone);
  EXPECT_THAT(comparison.notes, ::testing::Contains(HasSubstr("one run a side")));
}

TEST_F(CompareFiles, AFolderOfRepeatsIsOneSide) {
  write("side/r1", run_of(1.0));
  write("side/r2", run_of(1.1));
  const auto side = read_side(root_ / "side");
  ASSERT_TRUE(side.ok()) << side.error().message;
  EXPECT_EQ(side->name, "side");
  EXPECT_EQ(side->runs.size(), 2U);
  EXPECT_EQ(read_side(root_ / "side/r2/result.json")->name, "r2");
  EXPECT_EQ(read_side(root_ / "side/r2/")->name, "r2");
}

TEST_F(CompareFiles, UnlikeRepeatsAndDamageAreRefused) {
  write("side/r1", run_of(1.0));
  Record other = run_of(1.0);
  other.config[3].value = std::uint64_t{16};
  write("side/r2", other);
  EXPECT_THAT(read_side(root_ / "side").error().message,
              HasSubstr("unlike settings: batch is 8 in 'r1' and 16 in 'r2'"));
  fs::create_directories(root_ / "none");
  EXPECT_THAT(read_side(root_ / "none").error().message, HasSubstr("holds no run"));
  Record interrupted = run_of(1.0);
  interrupted.interrupted = true;
  EXPECT_THAT(read_side(write("stopped", interrupted)).error().message,
              HasSubstr("was interrupted"));
}

TEST_F(CompareFiles, AccuracyIsComparedSampleBySample) {
  const auto write_scored = [&](const std::string& name, int wrong_from, int wrong_to) {
    Record record = record::sample_record();
    record.verdict = {};
    record.metrics.queries = record.metrics.samples = 500;
    record::RawTimes raw;
    record::Answers answers;
    std::uint64_t correct = 0;
    for (std::int64_t q = 0; q < 500; ++q) {
      const bool right = q < wrong_from || q >= wrong_to;
      correct += right ? 1 : 0;
      for (auto* times : {&raw.scheduled_ns, &raw.issued_ns}) times->push_back(q);
      raw.completed_ns.push_back(q + 1);
      raw.sample_index.push_back(q);
      raw.sample_query.push_back(q);
      raw.sample_completed_ns.push_back(q + 1);
      answers.predicted.push_back(right ? 3 : 4);
      answers.label.push_back(3);
    }
    record.accuracy = record::Accuracy{};
    record.accuracy->samples = 500;
    record.accuracy->top1_correct = record.accuracy->top5_correct = correct;
    record.accuracy->top1 = record.accuracy->top5 = static_cast<double>(correct) / 500.0;
    return write(name, record, raw, answers);
  };
  const auto first = read_side(write_scored("a", 0, 40));
  const auto second = read_side(write_scored("b", 20, 120));
  ASSERT_TRUE(first.ok() && second.ok());
  const Comparison comparison = compared(*first, *second);
  ASSERT_TRUE(comparison.accuracy.has_value());
  ASSERT_TRUE(comparison.accuracy->test.has_value()) << comparison.accuracy->note;
  EXPECT_EQ(comparison.accuracy->test->only_a, 80U);
  EXPECT_EQ(comparison.accuracy->test->only_b, 20U);
  EXPECT_EQ(comparison.accuracy->change, Change::kWorse);
  EXPECT_THAT(comparison.regressions, ElementsAre(HasSubstr("top1: 12.00 percentage points")));
}

}  // namespace
}  // namespace lode::compare
