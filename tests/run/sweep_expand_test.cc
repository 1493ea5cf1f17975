// From lists of values to points.
#include "run/sweep_expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace lode::run {
namespace {

using sweep::Named;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SweepRequest request_of(std::vector<std::string> sets) {
  SweepRequest request;
  request.sets = std::move(sets);
  return request;
}

sweep::Plan planned(const SweepRequest& request) {
  auto plan = plan_sweep(request);
  EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : plan.error().message);
  return plan.ok() ? *std::move(plan) : sweep::Plan{};
}

std::string refusal(const SweepRequest& request) {
  const auto plan = plan_sweep(request);
  EXPECT_FALSE(plan.ok());
  return plan.ok() ? "" : plan.error().message;
}

TEST(SweepExpand, EveryCombinationTheFirstAxisSlowest) {
  const sweep::Plan plan =
      planned(request_of({"sut=delay", "instances=1,2", "batch=1-4*2", "min_duration=1s"}));
  ASSERT_EQ(plan.points.size(), 6U);
  EXPECT_THAT(plan.points[1].values, ElementsAre(Named{"instances", "1"}, Named{"batch", "2"}));
  EXPECT_THAT(plan.points[5].values, ElementsAre(Named{"instances", "2"}, Named{"batch", "4"}));
  EXPECT_EQ(plan.points[5].name, "006_instances=2_batch=4");
  EXPECT_THAT(plan.points[5].config, HasSubstr("batch: 4"));
  EXPECT_THAT(plan.points[5].config, HasSubstr("min_duration: 1s"));
  EXPECT_EQ(plan.points[0].expected_ns, 1'500'000'000);
}

TEST(SweepExpand, AxesOfAFileAndWhatOverridesThem) {
  const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "axes.yaml";
  std::ofstream(file) << "sut: delay\nbatch: [1, 2, 4]\ninstances: 1,3\nwarmup: 2\n";
  SweepRequest request = request_of({"batch=8"});
  request.file = file;
  const sweep::Plan plan = planned(request);
  ASSERT_EQ(plan.axes.size(), 1U);
  EXPECT_EQ(plan.axes[0], (sweep::Axis{"instances", {"1", "3"}}));
  EXPECT_THAT(plan.points[1].config, HasSubstr("batch: 8"));
  EXPECT_THAT(plan.points[1].config, HasSubstr("warmup: 2"));
  std::filesystem::remove(file);
}

TEST(SweepExpand, ZippedAxesGoInStep) {
  SweepRequest request = request_of({"sut=delay", "instances=1,2,3", "batch=4,5,6"});
  request.zips = {"instances,batch"};
  const sweep::Plan plan = planned(request);
  ASSERT_EQ(plan.points.size(), 3U);
  EXPECT_THAT(plan.points[2].values, ElementsAre(Named{"instances", "3"}, Named{"batch", "6"}));
  request.sets[2] = "batch=4,5";
  EXPECT_THAT(refusal(request), HasSubstr("instances has 3 values, batch has 2"));
  request.sets[2] = "batch=4,4,4";
  EXPECT_EQ(planned(request).points.size(), 3U);
  request.sets[1] = "instances=1,2,1";
  EXPECT_THAT(refusal(request), HasSubstr("'1', '4' is given twice"));
  EXPECT_THAT(refusal(request_of({"sut=delay", "batch=1,2,1"})), HasSubstr("'1' is given twice"));
  EXPECT_THAT(refusal(request_of({"sut=delay", "batch=1-8*2,4"})), HasSubstr("'4' is given twice"));
  request.zips = {"instances,threads"};
  EXPECT_THAT(refusal(request), HasSubstr("'threads' has no list"));
}

TEST(SweepExpand, KeysCountWhereTheyMeanSomething) {
  const sweep::Plan plan =
      planned(request_of({"sut=delay", "scenario=single-stream,server", "target_qps=100,200"}));
  ASSERT_EQ(plan.points.size(), 3U) << "single-stream knows no rate, and stands once";
  EXPECT_THAT(plan.points[0].values, ElementsAre(Named{"scenario", "single-stream"}));
  EXPECT_THAT(plan.points[2].values,
              ElementsAre(Named{"scenario", "server"}, Named{"target_qps", "200"}));
  EXPECT_THAT(refusal(request_of({"sut=delay", "scenario=single-stream,offline", "target_qps=5"})),
              HasSubstr("target_qps means nothing"));
}

TEST(SweepExpand, MistakesAreNamed) {
  EXPECT_THAT(refusal(request_of({"sut=delay", "bach=1,2"})), HasSubstr("did you mean 'batch'"));
  EXPECT_THAT(refusal(request_of({"sut=delay", "batch"})), HasSubstr("write --set KEY=VALUE"));
  EXPECT_THAT(refusal(request_of({"sut=delay", "batch=1,x"})), HasSubstr("--set batch=x"));
  EXPECT_THAT(refusal(request_of({"sut=delay", "batch=1,2", "batch=4,8"})), HasSubstr("twice"));
  EXPECT_THAT(refusal(request_of({"sut=delay", "output=a,b"})), HasSubstr("--output"));
  EXPECT_THAT(refusal(request_of({"batch=1,2"})), HasSubstr("no model given"));
  EXPECT_THAT(refusal(request_of({"batch=1,2", "model=/no/model", "dataset=/no/data"})),
              HasSubstr("/no/"));
}

/// The line of a point's configuration that says `key`; "" if none does.
std::string line_of(const sweep::Point& point, const std::string& key) {
  const std::size_t at = ("\n" + point.config).find("\n" + key + ": ");
  return at == std::string::npos ? "" : point.config.substr(at, point.config.find('\n', at) - at);
}

TEST(SweepExpand, AProcessGetsTheProcessorsOfAnEngine) {
  const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "any_file";
  std::ofstream(file) << "content";
  SweepRequest request = request_of({"sut=engine,process:other", "model=" + file.string(),
                                     "dataset=" + file.string(), "threads=1"});
  const sweep::Plan pinned = planned(request);
  ASSERT_EQ(pinned.points.size(), 2U);
  EXPECT_THAT(line_of(pinned.points[0], "cpus"), ::testing::MatchesRegex("cpus: [0-9]+ +# pinned"));
  EXPECT_EQ(line_of(pinned.points[1], "cpus"), line_of(pinned.points[0], "cpus"));
  request.pins = false;
  const sweep::Plan loose = planned(request);
  ASSERT_EQ(loose.points.size(), 2U);
  for (const sweep::Point& point : loose.points) EXPECT_EQ(line_of(point, "cpus"), "");
  request.pins = true;
  request.sets.emplace_back("cpus=3;5");
  const sweep::Plan given = planned(request);
  ASSERT_EQ(given.points.size(), 4U);
  for (const sweep::Point& point : given.points) {
    EXPECT_THAT(line_of(point, "cpus"), HasSubstr(point.values.back().value));
  }
  std::filesystem::remove(file);
}

TEST(SweepExpand, TheIdentityIsOfThisProgram) {
  const sweep::Plan plan = planned(request_of({"sut=null", "batch=1,2"}));
  const auto now = identify(plan.points);
  ASSERT_TRUE(now.ok());
  EXPECT_EQ(sweep::difference(plan.identity, *now), "");
  EXPECT_EQ(plan.identity.program_sha256.size(), 64U);
}

}  // namespace
}  // namespace lode::run
