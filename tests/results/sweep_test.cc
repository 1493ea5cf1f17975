// Plans: written, read, damaged, compared with now. Summaries: figures, front, best, trouble.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "results/sweep/plan.h"
#include "results/sweep/summary.h"
#include "tests/results/fits_schema.h"
#include "tests/results/sample_record.h"

namespace lode::sweep {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Plan sample_plan(std::size_t points = 3, std::uint64_t repeats = 2) {
  Plan plan;
  plan.created_at = "2026-01-31T23:59:59.123Z";
  plan.command = "lode sweep s.yaml";
  plan.seed = 7;
  plan.repeats = repeats;
  plan.cool_down_ns = 200'000'000;
  plan.axes = {{"batch", {"1", "2", "4"}}};
  for (std::size_t i = 0; i < points; ++i) {
    Point point;
    point.values = {{"batch", std::to_string(1U << i)}};
    point.name = point_name(i, points, point.values);
    point.config = "batch: 1\n";
    point.expected_ns = 1'500'000'000;
    plan.points.push_back(std::move(point));
  }
  plan.order = interleave(points, repeats, plan.seed);
  plan.identity = {std::string(64, 'a'),
                   {{"model", "m.onnx", std::string(64, 'b')}},
                   {{"processor", "Some CPU"}, {"kernel", "6.1"}}};
  return plan;
}

TEST(SweepPlan, SurvivesWritingAndReading) {
  const Plan plan = sample_plan();
  const auto read = plan_from_json(to_json(plan), "plan.json");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, plan);
  EXPECT_TRUE(record::fits_schema(Json::parse(to_json(plan)), "sweep-plan.schema.json"));
}

TEST(SweepPlan, DamageIsNamed) {
  const auto refusal = [](auto change) {
    Json json = Json::parse(to_json(sample_plan()));
    change(json);
    const auto read = plan_from_json(json.dump(), "plan.json");
    EXPECT_FALSE(read.ok());
    return read.ok() ? "" : read.error().message;
  };
  EXPECT_THAT(refusal([](Json& json) { json.erase("seed"); }), HasSubstr("plan.json: seed"));
  EXPECT_THAT(refusal([](Json& json) { json["schema"] = "other/1"; }), HasSubstr("other/1"));
  EXPECT_THAT(refusal([](Json& json) { json["points"][1]["name"] = "../../etc"; }),
              HasSubstr("points[1].name"));
  EXPECT_THAT(refusal([](Json& json) { json["points"][1]["name"] = json["points"][0]["name"]; }),
              HasSubstr("is there twice"));
  EXPECT_THAT(refusal([](Json& json) { json["order"].erase(0); }), HasSubstr("order"));
  EXPECT_THAT(refusal([](Json& json) { json["order"][0] = json["order"][1]; }),
              HasSubstr("every point and repeat once"));
  EXPECT_THAT(refusal([](Json& json) { json["repeats"] = 0; }), HasSubstr("repeats"));
  EXPECT_THAT(refusal([](Json& json) { json["identity"]["program_sha256"] = "zz"; }),
              HasSubstr("identity.program_sha256"));
  EXPECT_THAT(plan_from_json("{", "plan.json").error().message, HasSubstr("is not JSON"));
}

TEST(SweepPlan, EachRepeatHasEveryPointInAnOrderOfItsOwn) {
  const auto order = interleave(20, 3, 1);
  ASSERT_EQ(order.size(), 60U);
  std::set<std::vector<std::size_t>> orders;
  for (std::size_t repeat = 0; repeat < 3; ++repeat) {
    std::vector<std::size_t> points;
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(order[repeat * 20 + i].repeat, repeat + 1);
      points.push_back(order[repeat * 20 + i].point);
    }
    orders.insert(points);
    std::sort(points.begin(), points.end());
    EXPECT_EQ(std::unique(points.begin(), points.end()), points.end());
  }
  EXPECT_EQ(orders.size(), 3U);
  EXPECT_EQ(interleave(20, 3, 1), order);
  EXPECT_NE(interleave(20, 3, 2), order);
}

TEST(SweepPlan, NamesOfPointsAreSafeForShells) {
  EXPECT_EQ(point_name(0, 12, {{"model", "/a b/c d.onnx"}, {"arrivals", "burst:4"}}),
            "001_model=c-d_arrivals=burst-4");
}

TEST(SweepPlan, WhatHasChangedIsNamed) {
  const Identity then = sample_plan().identity;
  EXPECT_EQ(difference(then, then), "");
  Identity now = then;
  now.program_sha256 = std::string(64, 'c');
  EXPECT_THAT(difference(then, now), HasSubstr("the program lode has changed"));
  now = then;
  now.files[0].sha256 = std::string(64, 'c');
  EXPECT_THAT(difference(then, now), HasSubstr("model 'm.onnx' has changed"));
  now = then;
  now.machine[0].value = "Other CPU";
  EXPECT_THAT(difference(then, now),
              HasSubstr("the machine's processor has changed since the sweep was planned ('Some "
                        "CPU' then, 'Other CPU' now)"));
}

/// A valid run with these figures.
RunOutcome run_with(std::uint64_t repeat, double throughput, std::int64_t p99_ns) {
  RunOutcome run{.repeat = repeat, .record = record::sample_record(), .failure = {}};
  run.record->mode = "performance";
  run.record->accuracy.reset();
  run.record->verdict = {};
  run.record->metrics.throughput_samples_per_s = throughput;
  run.record->metrics.latency_ns->p99 = p99_ns;
  return run;
}

Question question(std::string_view best, std::vector<Constraint> constraints = {}) {
  return {.front = {record::find_figure("throughput"), record::find_figure("p99")},
          .best = record::find_figure(best),
          .constraints = std::move(constraints),
          .baseline = {}};
}

TEST(SweepSummary, FrontAndBest) {
  // Point 0 is slow and quick to answer, 1 fast and late, 2 worse than 0 in both.
  const Plan plan = sample_plan();
  const std::vector<std::vector<RunOutcome>> runs = {{run_with(1, 100, 10), run_with(2, 101, 10)},
                                                     {run_with(1, 300, 50), run_with(2, 303, 50)},
                                                     {run_with(1, 90, 12), run_with(2, 91, 12)}};
  const Summary all = summarize(plan, runs, question("throughput"));
  EXPECT_TRUE(all.points[0].on_front);
  EXPECT_TRUE(all.points[1].on_front);
  EXPECT_FALSE(all.points[2].on_front);
  EXPECT_EQ(all.best, 1U);
  const Constraint below{record::find_figure("p99"), true, 40.0, "p99<40ns"};
  EXPECT_EQ(summarize(plan, runs, question("throughput", {below})).best, 0U);
  const Constraint impossible{record::find_figure("p99"), true, 5.0, "p99<5ns"};
  EXPECT_FALSE(summarize(plan, runs, question("throughput", {impossible})).best.has_value());
  const stats::Estimate* estimate = all.points[1].find(*record::find_figure("throughput"));
  ASSERT_NE(estimate, nullptr);
  EXPECT_NEAR(estimate->value, std::sqrt(300.0 * 303.0), 1e-9);
  EXPECT_LT(estimate->lower, 300.0);
  EXPECT_TRUE(record::fits_schema(Json::parse(to_json(plan, all, question("throughput"))),
                                  "sweep.schema.json"));
}

TEST(SweepSummary, WhatFailedOrIsInvalidIsShownAndCountsInNothing) {
  const Plan plan = sample_plan();
  RunOutcome invalid = run_with(1, 1000, 1);
  invalid.record->verdict = {false, {{"issue_lag", "1 ms", "at most 10 us", "wait"}}};
  RunOutcome failed{.repeat = 1, .record = {}, .failure = "ended by signal 11"};
  RunOutcome failed_again = failed;
  failed_again.repeat = 2;
  const Summary summary = summarize(
      plan, {{invalid, run_with(2, 100, 10)}, {failed, failed_again}, {}}, question("throughput"));
  EXPECT_EQ(summary.points[0].valid, 1U);
  EXPECT_EQ(summary.points[0].trouble, "INVALID: issue_lag: 1 ms, wanted at most 10 us");
  EXPECT_NEAR(summary.points[0].find(*record::find_figure("throughput"))->value, 100.0, 1e-9);
  EXPECT_EQ(summary.points[1].trouble, "ended by signal 11 (2 of 2 runs)");
  EXPECT_EQ(summary.points[1].find(*record::find_figure("throughput")), nullptr);
  EXPECT_EQ(summary.best, 0U);
  EXPECT_EQ(summary.runs_failed, 2U);
  EXPECT_EQ(summary.runs_invalid, 1U);
  EXPECT_EQ(summary.runs_made, 4U);
  EXPECT_TRUE(record::fits_schema(Json::parse(to_json(plan, summary, question("throughput"))),
                                  "sweep.schema.json"));
}

/// Axes sut and batch; the process has no batch.
Plan plan_of_two_suts() {
  Plan plan = sample_plan(5);
  plan.axes = {{"sut", {"engine", "process:x"}}, {"batch", {"1", "4"}}, {"mode", {"p", "a"}}};
  plan.points[0].values = {{"sut", "engine"}, {"batch", "1"}, {"mode", "p"}};
  plan.points[1].values = {{"sut", "engine"}, {"batch", "4"}, {"mode", "p"}};
  plan.points[2].values = {{"sut", "process:x"}, {"mode", "p"}};
  plan.points[3].values = {{"sut", "engine"}, {"batch", "4"}, {"mode", "a"}};
  plan.points[4].values = {{"sut", "process:x"}, {"mode", "a"}};
  return plan;
}

TEST(SweepBaseline, IsTheOtherwiseSamePoint) {
  const Plan plan = plan_of_two_suts();
  const std::vector<Named> engine = {{"sut", "engine"}};
  EXPECT_EQ(baseline_of(plan, 0, engine), 0U);
  EXPECT_EQ(baseline_of(plan, 4, engine), 3U);
  EXPECT_EQ(baseline_of(plan, 1, {{"batch", "1"}}), 0U);
  EXPECT_EQ(baseline_of(plan, 3, {{"batch", "1"}}), std::nullopt);  // not in mode a
}

TEST(SweepBaseline, IsRefusedWhereItIsNotOnePoint) {
  const Plan plan = plan_of_two_suts();
  EXPECT_TRUE(check_baseline(plan, {}).ok());
  EXPECT_TRUE(check_baseline(plan, {{"sut", "engine"}, {"batch", "4"}}).ok());
  // Batch means nothing to the process, so that it could be held against either.
  EXPECT_THAT(check_baseline(plan, {{"sut", "engine"}}).error().message,
              HasSubstr("could be held against"));
  EXPECT_THAT(check_baseline(plan, {{"sut", "engine"}}).error().message,
              HasSubstr("name batch too"));
  EXPECT_THAT(check_baseline(plan, {{"sut", "process:x"}, {"batch", "1"}}).error().message,
              HasSubstr("no point but the baseline itself"));
  EXPECT_THAT(check_baseline(plan, {{"batch", "1"}, {"batch", "4"}}).error().message,
              HasSubstr("'batch' is given twice"));
}

TEST(SweepBaseline, WhatIsNoAxisOrValueIsNamed) {
  const Plan plan = plan_of_two_suts();
  EXPECT_THAT(check_baseline(plan, {{"threads", "1"}}).error().message,
              HasSubstr("'threads' is no axis of the sweep"));
  EXPECT_THAT(check_baseline(plan, {{"batch", "3"}}).error().message,
              HasSubstr("batch takes 1, 4, not '3'"));
}

TEST(SweepBaseline, RatiosPairRunsOfARepeat) {
  const Plan plan = sample_plan();
  Question asks = question("throughput");
  asks.baseline = {{"batch", "1"}};
  // Twice the throughput and half the latency in each repeat, though the machine changes between.
  RunOutcome invalid = run_with(2, 1, 1);
  invalid.record->verdict = {false, {{"issue_lag", "1 ms", "at most 10 us", "wait"}}};
  const Summary summary = summarize(plan,
                                    {{run_with(1, 100, 40), run_with(2, 50, 80)},
                                     {run_with(1, 200, 20), run_with(2, 100, 40)},
                                     {run_with(1, 50, 40), invalid}},
                                    asks);
  EXPECT_EQ(summary.points[0].baseline, 0U);
  EXPECT_TRUE(summary.points[0].ratios.empty());
  for (const std::string_view name : {"throughput", "p99"}) {
    const stats::Estimate* ratio = summary.points[1].find_ratio(*record::find_figure(name));
    ASSERT_NE(ratio, nullptr) << name;
    EXPECT_NEAR(ratio->value, 2.0, 1e-12) << name;
    EXPECT_NEAR(ratio->lower, 2.0, 1e-9) << name;
    EXPECT_NEAR(ratio->upper, 2.0, 1e-9) << name;
  }
  // One pair has no interval.
  const stats::Estimate* single = summary.points[2].find_ratio(*record::find_figure("throughput"));
  ASSERT_NE(single, nullptr);
  EXPECT_NEAR(single->value, 0.5, 1e-12);
  EXPECT_EQ(single->method, stats::IntervalMethod::kNone);
  const std::string json = to_json(plan, summary, asks);
  EXPECT_TRUE(record::fits_schema(Json::parse(json), "sweep.schema.json"));
  EXPECT_EQ(Json::parse(json)["points"][1]["baseline"]["point"], plan.points[0].name);
  EXPECT_EQ(asked_from_json(json, "sweep.json")->baseline, "batch=1");
}

TEST(SweepAsked, IsReadBackFromTheResult) {
  const Plan plan = sample_plan();
  Question asks = question("p50", {{record::find_figure("p99"), true, 40.0, "p99<40ns"},
                                   {record::find_figure("memory"), true, 1e9, "memory<1GB"}});
  const auto read_back = [&] {
    const auto asked =
        asked_from_json(to_json(plan, summarize(plan, {{}, {}, {}}, asks), asks), "sweep.json");
    EXPECT_TRUE(asked.ok()) << asked.error().message;
    return asked.ok() ? *asked : Asked{.front = "unread", .best = {}, .where = {}, .baseline = {}};
  };
  EXPECT_EQ(read_back().front, "throughput,p99");
  EXPECT_EQ(read_back().best, "p50");
  EXPECT_THAT(read_back().where, ::testing::ElementsAre("p99<40ns", "memory<1GB"));
  asks = {};
  EXPECT_EQ(read_back().front, "none");
  EXPECT_EQ(read_back().best, "");
}

TEST(SweepAsked, DamageIsNamed) {
  const auto refusal = [](const std::string& text) {
    const auto asked = asked_from_json(text, "sweep.json");
    EXPECT_FALSE(asked.ok());
    return asked.ok() ? "" : asked.error().message;
  };
  EXPECT_THAT(refusal("{"), HasSubstr("sweep.json: is not JSON"));
  EXPECT_THAT(refusal(R"({"schema": "lodestone.run/1"})"), HasSubstr("reads lodestone.sweep/1"));
  EXPECT_THAT(refusal(R"({"schema": "lodestone.sweep/1", "front": [1], "best": null})"),
              HasSubstr("sweep.json: front[0]: expected a text"));
  EXPECT_THAT(refusal(R"({"schema": "lodestone.sweep/1", "front": [], "best": {"figure": "p50"}})"),
              HasSubstr("sweep.json: best.where: is missing"));
}

}  // namespace
}  // namespace lode::sweep
