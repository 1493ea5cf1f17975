// What overrides what, and where errors point.
#include "config/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "config/keys.h"
#include "config/presets.h"

namespace lode::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ResolveTest : public ::testing::Test {
 protected:
  ~ResolveTest() override { std::filesystem::remove(file_); }

  ConfigSources with_file(const std::string& text) {
    std::ofstream(file_) << text;
    ConfigSources sources;
    sources.file = file_;
    return sources;
  }
  static ConfigSources with_sets(std::vector<std::string> sets) {
    ConfigSources sources;
    sources.sets = std::move(sets);
    return sources;
  }
  static ResolvedConfig resolved(const ConfigSources& sources) {
    auto config = resolve(sources);
    EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.error().message);
    return config.ok() ? *std::move(config) : ResolvedConfig{};
  }
  static std::string error_of(const ConfigSources& sources) {
    const auto config = resolve(sources);
    EXPECT_FALSE(config.ok());
    if (config.ok()) return {};
    EXPECT_EQ(config.error().kind, ErrorKind::kUsage);
    return config.error().message;
  }
  std::string error_in_file(const std::string& text) {
    std::string message = error_of(with_file(text));
    const std::string path = file_.string();
    EXPECT_THAT(message, StartsWith(path));
    return message.substr(std::min(path.size() + 1, message.size()));
  }

  std::filesystem::path file_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + ".yaml");
};

TEST_F(ResolveTest, DefaultsStandWithoutAnySource) {
  const ResolvedConfig config = resolved({});
  EXPECT_EQ(config.values.batch, 1U);
  EXPECT_EQ(config.values.settings.scenario, loadgen::Scenario::kSingleStream);
  EXPECT_EQ(config.values.settings.qsl_seed, 2085463073848966840ULL);
  for (const Setting& setting : config.settings) {
    EXPECT_EQ(setting.source.origin, Origin::kDefault) << setting.key;
  }
}

TEST_F(ResolveTest, EachSourceOverridesTheOneBefore) {
  ConfigSources sources =
      with_file("preset: quick\nbatch: 2\nthreads: 2\nwarmup: 1\nmin_queries: 7\n");
  sources.environment = {
      {"LODE_SET_BATCH", "3"}, {"LODE_SET_THREADS", "3"}, {"LODE_SET_WARMUP", "2"}};
  sources.sets = {"batch=4", "threads=4"};
  sources.flags = {{"batch", "5"}};
  const ResolvedConfig config = resolved(sources);
  EXPECT_EQ(config.values.batch, 5U);
  EXPECT_EQ(config.values.threads, 4U);
  EXPECT_EQ(config.values.settings.warmup_queries, 2U);
  EXPECT_EQ(config.values.settings.min_query_count, 7U);
  EXPECT_EQ(config.values.settings.min_duration_ns, 3'000'000'000);
  EXPECT_EQ(config.where("batch"), "--batch");
  EXPECT_EQ(config.where("threads"), "--set threads=4");
  EXPECT_EQ(config.where("warmup"), "LODE_SET_WARMUP");
  EXPECT_EQ(config.where("min_queries"), file_.string() + ":5:1");
  EXPECT_EQ(config.where("min_duration"), "preset quick");
  EXPECT_EQ(config.where("query_timeout"), "query_timeout");
}

TEST_F(ResolveTest, UnknownKeysNameTheNearestOne) {
  EXPECT_THAT(error_in_file("batch: 1\nmin_durration: 3s\n"),
              StartsWith("2:1: unknown key 'min_durration'; did you mean 'min_duration'?"));
  EXPECT_THAT(error_in_file("min-duration: 3s\n"), HasSubstr("did you mean 'min_duration'?"));
  EXPECT_THAT(error_in_file("frobnicate_all: 1\n"), Not(HasSubstr("did you mean")));
  EXPECT_THAT(error_of(with_sets({"bach=1"})), StartsWith("--set bach=1: unknown key 'bach'"));
  ConfigSources sources;
  sources.environment = {{"LODE_SET_NOSUCH", "1"}};
  EXPECT_THAT(error_of(sources), StartsWith("LODE_SET_NOSUCH: no key has this name"));
}

TEST_F(ResolveTest, BareNumbersWhereAUnitIsNeeded) {
  EXPECT_THAT(error_in_file("scenario: offline\nmin_duration: 10\n"),
              StartsWith("2:15: min_duration: '10' has no unit; write 10s"));
  EXPECT_THAT(error_in_file("recorder_memory: 512\n"), HasSubstr("write 512MiB"));
}

TEST_F(ResolveTest, AFlagIsNotNamedTwice) {
  ConfigSources sources;
  sources.flags = {{"batch", "0"}};
  EXPECT_EQ(error_of(sources), "--batch: 0 is out of range; use 1 to 65536");
  EXPECT_THAT(error_of(with_sets({"batch=0"})), StartsWith("--set batch=0: 0 is out of range"));
  sources.flags = {{"sut", "process:"}};
  EXPECT_THAT(error_of(sources), StartsWith("--sut: 'process:' names no process"));
}

TEST_F(ResolveTest, LimitsThatContradictEachOtherPointToTheirPlace) {
  EXPECT_THAT(error_in_file("batch: 1\nmax_queries: 50\n"),
              StartsWith("2:1: max_queries 50 is below min_queries 100"));
  EXPECT_THAT(error_in_file("recorder_memory: 5MB\n"),
              StartsWith("1:1: recorder_memory 5.0 MB is too little"));
  ConfigSources sources;
  sources.flags = {{"max_duration", "1s"}};
  EXPECT_THAT(error_of(sources), StartsWith("--max-duration: 1s is below min_duration 10s"));
  EXPECT_THAT(error_of(with_sets({"query_timeout=0s"})),
              StartsWith("--set query_timeout=0s: must be above 0"));
}

TEST_F(ResolveTest, WrongTypesAndRanges) {
  EXPECT_THAT(error_in_file("batch: many\n"),
              StartsWith("1:8: batch: 'many' is not a whole number"));
  EXPECT_THAT(error_in_file("batch: 0\n"), HasSubstr("0 is out of range"));
  EXPECT_THAT(error_in_file("batch: 1.5\n"), HasSubstr("not a whole number"));
  EXPECT_THAT(error_in_file("batch: -1\n"), HasSubstr("not a whole number"));
  EXPECT_THAT(error_in_file("seed: 99999999999999999999999\n"), HasSubstr("out of range"));
  EXPECT_THAT(error_in_file("scenario: ofline\n"), HasSubstr("did you mean 'offline'?"));
  EXPECT_THAT(error_in_file("mode: accuracy\naccuracy_target: 75\n"),
              HasSubstr("write 0.75 for 75%"));
  EXPECT_THAT(error_in_file("cpus: [0, x]\n"), HasSubstr("not a list of processors"));
  EXPECT_THAT(error_in_file("preset: slow\n"),
              HasSubstr("'slow' is not mlperf-edge-literal, mlperf-edge or quick"));
  EXPECT_THAT(error_of(with_sets({"batch"})), HasSubstr("write --set KEY=VALUE"));
}

TEST_F(ResolveTest, ServerNeedsItsRate) {
  EXPECT_THAT(error_of(with_sets({"scenario=server"})), StartsWith("target_qps 0 is out of range"));
  const ResolvedConfig config =
      resolved(with_sets({"scenario=server", "target_qps=250", "arrivals=burst:4"}));
  EXPECT_EQ(config.values.settings.target_qps, 250.0);
  EXPECT_EQ(config.values.settings.arrivals.burst_size, 4U);
  EXPECT_THAT(error_of(with_sets({"scenario=server", "target_qps=1", "arrivals=poisson:2"})),
              StartsWith("--set arrivals=poisson:2: 'poisson:2' is no pattern of arrival"));
}

TEST_F(ResolveTest, AProcessHasKeysOfItsOwn) {
  const ResolvedConfig config =
      resolved(with_sets({"sut=process:sh -c x", "threads=2", "sut_options=a=1,b=2"}));
  EXPECT_EQ(config.values.sut, SutKind::kProcess);
  EXPECT_EQ(config.values.process, "sh -c x");
  EXPECT_THAT(effective_yaml(config), HasSubstr("sut: \"process:sh -c x\""));
  EXPECT_THAT(error_of(with_sets({"sut=process:x", "isa=avx2"})), HasSubstr("isa means nothing"));
  EXPECT_THAT(error_of(with_sets({"sut=null", "sut_options=a=1"})),
              HasSubstr("sut_options means nothing"));
  EXPECT_THAT(error_of(with_sets({"sut=processes"})), HasSubstr("'processes' is not known"));
}

TEST_F(ResolveTest, AValueIsReadEvenIfALaterSourceOverridesIt) {
  ConfigSources sources = with_file("batch: many\n");
  sources.flags = {{"batch", "2"}};
  EXPECT_THAT(error_of(sources), HasSubstr(":1:8: batch"));
}

TEST_F(ResolveTest, KeysThatMeanNothingHere) {
  EXPECT_THAT(error_in_file("scenario: offline\nsamples_per_query: 8\n"),
              StartsWith("2:1: samples_per_query means nothing in scenario offline"));
  EXPECT_THAT(error_of(with_sets({"target_qps=100"})), HasSubstr("(it is for server)"));
  EXPECT_THAT(error_of(with_sets({"accuracy_target=0.9"})), HasSubstr("in mode performance"));
  EXPECT_THAT(error_of(with_sets({"sut=null", "threads=2"})), HasSubstr("with sut null"));
  EXPECT_THAT(error_of(with_sets({"delay=constant:1ms"})), HasSubstr("with sut engine"));
  EXPECT_THAT(error_of(with_sets({"sut=null", "model=m.onnx"})),
              HasSubstr("(it is for engine or process)"));
  EXPECT_THAT(error_of(with_sets({"sut=delay", "precision=fp32"})), HasSubstr("with sut delay"));
  for (const char* key : {"min_duration=1s", "min_queries=5", "warmup=1", "target_latency=1ms"}) {
    EXPECT_THAT(error_of(with_sets({"mode=accuracy", key})),
                HasSubstr("means nothing in mode accuracy (it is for performance)"));
  }
  for (const char* key : {"expected_qps=5", "offline_min_samples=5"}) {
    EXPECT_THAT(error_of(with_sets({"mode=accuracy", "scenario=offline", key})),
                HasSubstr("means nothing in mode accuracy"));
  }
  resolved(with_sets({"mode=accuracy", "max_queries=50"}));
  // These are legal everywhere, by contract.
  resolved(with_sets({"scenario=offline", "batch=4", "calibration=c.h5", "precision=fp32"}));
  resolved(with_sets({"scenario=single-stream", "batch=4"}));
}

TEST_F(ResolveTest, TwiceInOneSourceIsAnError) {
  EXPECT_THAT(error_of(with_sets({"batch=1", "batch=2"})), HasSubstr("batch is set twice"));
}

TEST_F(ResolveTest, APresetLeavesOutWhatIsForOtherScenarios) {
  const ResolvedConfig single = resolved(with_sets({"preset=mlperf-edge"}));
  EXPECT_EQ(single.values.settings.min_duration_ns, 60'000'000'000);
  for (const Setting& setting : single.settings) EXPECT_NE(setting.key, "offline_min_samples");
  EXPECT_EQ(single.values.settings.offline_min_samples, 0U) << "not even without a setting";
  ConfigSources later = with_sets({"scenario=offline", "preset=mlperf-edge"});
  later.flags = {{"scenario", "multi-stream"}};
  EXPECT_EQ(resolved(later).values.settings.offline_min_samples, 0U);
  const ResolvedConfig offline = resolved(with_sets({"preset=mlperf-edge", "scenario=offline"}));
  EXPECT_EQ(offline.values.settings.offline_min_samples, 24576U);
  EXPECT_EQ(offline.where("offline_min_samples"), "preset mlperf-edge");
}

TEST_F(ResolveTest, APresetMayHaveValuesOfOneScenario) {
  const auto literal = [](std::string scenario) {
    return resolved(with_sets({"preset=mlperf-edge-literal", "scenario=" + scenario}))
        .values.settings;
  };
  EXPECT_EQ(literal("single-stream").min_query_count, 1024U);
  EXPECT_EQ(literal("single-stream").min_duration_ns, 60'000'000'000);
  EXPECT_EQ(literal("multi-stream").min_query_count, 270'336U);
  EXPECT_EQ(literal("multi-stream").min_duration_ns, 600'000'000'000);
  EXPECT_EQ(literal("offline").offline_min_samples, 24'576U);
  EXPECT_FALSE(literal("offline").early_stopping);
  EXPECT_TRUE(resolved(with_sets({"preset=mlperf-edge"})).values.settings.early_stopping);
}

TEST_F(ResolveTest, EveryPresetResolvesInEveryScenarioAndMode) {
  ASSERT_GE(all_presets().size(), 2U);
  for (const Preset& preset : all_presets()) {
    for (const char* scenario : {"single-stream", "multi-stream", "offline"}) {
      for (const char* mode : {"performance", "accuracy"}) {
        const auto sources =
            with_sets({"preset=" + std::string(preset.name), std::string("scenario=") + scenario,
                       std::string("mode=") + mode});
        const Status valid = loadgen::validate(resolved(sources).values.settings);
        EXPECT_TRUE(valid.ok()) << preset.name << " " << scenario << " " << mode << ": "
                                << (valid.ok() ? "" : valid.error().message);
      }
    }
  }
  EXPECT_EQ(find_preset("nothing"), nullptr);
}

TEST_F(ResolveTest, OneSeedGivesThreeDifferentOnes) {
  const ResolvedConfig a = resolved(with_sets({"seed=1"}));
  const ResolvedConfig b = resolved(with_sets({"seed=1"}));
  const ResolvedConfig c = resolved(with_sets({"seed=2"}));
  EXPECT_EQ(a.values.settings.qsl_seed, b.values.settings.qsl_seed);
  EXPECT_NE(a.values.settings.qsl_seed, c.values.settings.qsl_seed);
  EXPECT_NE(a.values.settings.qsl_seed, a.values.settings.sample_index_seed);
  EXPECT_NE(a.values.settings.sample_index_seed, a.values.settings.schedule_seed);
  EXPECT_EQ(a.where("qsl_seed"), "--set seed=1");
}

TEST_F(ResolveTest, ALaterSeedOverridesAnEarlierStreamSeedAndNotTheOtherWayRound) {
  ConfigSources sources = with_file("qsl_seed: 7\nseed: 3\n");
  EXPECT_EQ(resolved(sources).values.settings.qsl_seed, 7U);
  sources.flags = {{"seed", "4"}};
  const ResolvedConfig config = resolved(sources);
  EXPECT_EQ(config.values.settings.qsl_seed,
            resolved(with_sets({"seed=4"})).values.settings.qsl_seed);
  EXPECT_EQ(config.where("qsl_seed"), "--seed");
}

TEST_F(ResolveTest, TheEffectiveYamlReadsBackToTheSame) {
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"preset=quick", "model=a model: x.onnx", "dataset=d#1.h5", "output=runs/x"},
      {"scenario=multi-stream", "samples_per_query=4", "target_latency=15ms", "cpus=0-1", "seed=9"},
      {"scenario=offline", "expected_qps=812.25", "recorder_memory=100MB", "min_duration=1.5s"},
      {"scenario=offline", "mode=accuracy", "accuracy_target=0.765", "precision=fp32"},
      {"sut=delay", "delay=uniform:1ms,3ms", "max_queries=180", "max_duration=1h"},
  };
  for (const auto& sets : cases) {
    const ResolvedConfig first = resolved(with_sets(sets));
    const ResolvedConfig second = resolved(with_file(effective_yaml(first)));
    ASSERT_GT(first.settings.size(), 10U);
    std::size_t compared = 0;
    for (const Setting& setting : first.settings) {
      if (setting.key == "output") continue;
      const auto same = std::find_if(second.settings.begin(), second.settings.end(),
                                     [&](const Setting& each) { return each.key == setting.key; });
      ASSERT_NE(same, second.settings.end()) << setting.key;
      EXPECT_EQ(same->text, setting.text) << setting.key;
      ++compared;
    }
    EXPECT_EQ(compared, second.settings.size());
  }
}

TEST_F(ResolveTest, StoredValuesStandInForAFile) {
  ConfigSources sources;
  sources.stored = {{"batch", "8"}, {"nonsense", "1"}};
  sources.stored_name = "r/result.json";
  EXPECT_THAT(error_of(sources), StartsWith("r/result.json: config.nonsense: unknown key"));
  sources.stored.pop_back();
  EXPECT_EQ(resolved(sources).values.batch, 8U);
}

TEST_F(ResolveTest, WhatIsNeededIsAskedForByName) {
  EXPECT_THAT(check_complete(resolved({})).error().message, HasSubstr("--output"));
  EXPECT_THAT(check_complete(resolved(with_sets({"output=o"}))).error().message,
              HasSubstr("--model"));
  EXPECT_THAT(check_complete(resolved(with_sets({"output=o", "model=m"}))).error().message,
              HasSubstr("--dataset"));
  EXPECT_TRUE(check_complete(resolved(with_sets({"output=o", "sut=null"}))).ok());
  EXPECT_THAT(check_complete(resolved(with_sets({"output=o", "sut=null", "mode=accuracy"})))
                  .error()
                  .message,
              HasSubstr("gives no outputs"));
}

TEST_F(ResolveTest, MissingFileIsAUsageErrorWithItsName) {
  ConfigSources sources;
  sources.file = "no/such.yaml";
  EXPECT_THAT(error_of(sources), HasSubstr("no/such.yaml"));
  EXPECT_THAT(error_of(with_file("\x89HDF\r\n\x1a\n")), HasSubstr("give it with --dataset"));
}

TEST_F(ResolveTest, PathsBecomeAbsolute) {
  const ResolvedConfig config = resolved(with_sets({"model=m.onnx", "output=runs/a/"}));
  EXPECT_TRUE(config.values.model.is_absolute());
  EXPECT_EQ(config.values.output.filename(), "a");
}

}  // namespace
}  // namespace lode::config
