// Whole runs on SUTs that need no model; tests/cli has those of the engine.
#include "run/execute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file_io.h"
#include "config/resolve.h"
#include "datasets/import.h"
#include "run/rerun.h"
#include "tests/results/fits_schema.h"

namespace lode::run {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class ExecuteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  config::ResolvedConfig make_config(std::vector<std::string> sets,
                                     const std::string& output = "run") {
    config::ConfigSources sources;
    sources.sets = {"sut=null", "min_duration=10ms", "min_queries=20",
                    "output=" + (folder_ / output).string()};
    for (std::string& set : sets) {
      std::erase_if(sources.sets, [&](const std::string& earlier) {
        return earlier.substr(0, earlier.find('=')) == set.substr(0, set.find('='));
      });
      sources.sets.push_back(std::move(set));
    }
    auto config = config::resolve(sources);
    EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.error().message);
    return *std::move(config);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      found.push_back(entry.path().filename());
    }
    return found;
  }
  /// The error of a run, which has to leave nothing behind.
  std::string error_of(const config::ResolvedConfig& config) {
    const auto before = names();
    const auto outcome = execute(config, "lode run", {});
    EXPECT_FALSE(outcome.ok());
    EXPECT_EQ(names(), before);
    return outcome.ok() ? "" : outcome.error().message;
  }
  std::string synth_dataset(std::uint64_t samples) {
    const fs::path path = folder_ / "synth.h5";
    datasets::SynthOptions options;
    options.samples = samples;
    options.store.calibration_samples = 1;
    const std::atomic<bool> never{false};
    const Status written = datasets::write_synth_dataset(
        options, path, [](auto, auto) {}, never);
    EXPECT_TRUE(written.ok()) << (written.ok() ? "" : written.error().message);
    return path.string();
  }

  fs::path folder_ =
      fs::path(::testing::TempDir()) /
      (std::string("execute-") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ExecuteTest, WritesADirectoryThatReadsBack) {
  for (const char* scenario : {"single-stream", "multi-stream", "offline"}) {
    const auto config = make_config({std::string("scenario=") + scenario}, scenario);
    const auto outcome = execute(config, "lode run 'it'", {});
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    const auto record = record::read_record(folder_ / scenario);
    ASSERT_TRUE(record.ok()) << record.error().message;
    EXPECT_EQ(record::to_json(*record), record::to_json(outcome->record));
    const auto text = read_file(folder_ / scenario / "result.json");
    ASSERT_TRUE(text.ok());
    EXPECT_TRUE(record::fits_schema(nlohmann::json::parse(*text))) << *text;
    EXPECT_EQ(record->scenario, scenario);
    EXPECT_EQ(record->command, "lode run 'it'");
    EXPECT_FALSE(record->model.has_value());
    EXPECT_FALSE(record->dataset.has_value());
    EXPECT_FALSE(record->interrupted);
    EXPECT_GT(record->resources.peak_rss_bytes, 0U);
    const auto raw = record::read_samples(folder_ / scenario / "samples.h5");
    ASSERT_TRUE(raw.ok()) << raw.error().message;
    EXPECT_EQ(raw->sample_index.size(), record->metrics.samples);
    EXPECT_TRUE(fs::exists(folder_ / scenario / "effective_config.yaml"));
  }
  EXPECT_EQ(names().size(), 3U) << "and nothing else";
}

TEST_F(ExecuteTest, TheSameSeedGivesTheSameSamplesAndAnotherOneOthers) {
  const auto indices = [&](const std::string& seed, const std::string& output) {
    const auto outcome =
        execute(make_config({"seed=" + seed, "max_queries=50", "min_duration=0"}, output), "", {});
    EXPECT_TRUE(outcome.ok());
    return outcome->raw.sample_index;
  };
  const auto first = indices("1", "a");
  EXPECT_EQ(first, indices("1", "b"));
  EXPECT_NE(first, indices("2", "c"));
}

TEST_F(ExecuteTest, AnOutputThatIsThereIsRefusedBeforeTheRun) {
  fs::create_directories(folder_ / "run");
  std::ofstream(folder_ / "run" / "precious") << "x";
  EXPECT_THAT(error_of(make_config({"min_duration=1h"})), HasSubstr("not an empty directory"));
  EXPECT_TRUE(fs::exists(folder_ / "run" / "precious"));
}

TEST_F(ExecuteTest, AnEmptyOutputDirectoryIsUsed) {
  fs::create_directories(folder_ / "run");
  ASSERT_TRUE(execute(make_config({}), "", {}).ok());
  EXPECT_TRUE(fs::exists(folder_ / "run" / "result.json"));
}

TEST_F(ExecuteTest, MissingFilesAreNamedAndLeaveNothing) {
  EXPECT_THAT(error_of(make_config({"sut=engine", "model=no.onnx", "dataset=no.h5"})),
              HasSubstr("no.onnx"));
  EXPECT_THAT(error_of(make_config({"dataset=none.h5"})), HasSubstr("none.h5"));
  EXPECT_THAT(error_of(make_config({"calibration=cal.h5"})), HasSubstr("cal.h5"));
  std::ofstream(folder_ / "junk.onnx") << "this is no model";
  EXPECT_THAT(error_of(make_config(
                  {"sut=engine", "model=" + (folder_ / "junk.onnx").string(), "dataset=no.h5"})),
              HasSubstr("junk.onnx"));
}

TEST_F(ExecuteTest, ADelayThatIsNoneNamesItsSource) {
  EXPECT_THAT(error_of(make_config({"sut=delay", "delay=sometimes"})),
              ::testing::StartsWith("--set delay=sometimes: "));
}

TEST_F(ExecuteTest, ADatasetIsRecordedWithItsDigest) {
  const std::string dataset = synth_dataset(64);
  const auto outcome =
      execute(make_config({"dataset=" + dataset, "performance_samples=16"}), "", {});
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  ASSERT_TRUE(outcome->record.dataset.has_value());
  EXPECT_EQ(outcome->record.dataset->samples, 64U);
  EXPECT_EQ(outcome->record.dataset->sha256, *sha256_file(dataset));
}

TEST_F(ExecuteTest, AnInterruptedRunIsWrittenAndMarked) {
  const std::atomic<bool> interrupted{true};
  RunHooks hooks;
  hooks.interrupted = &interrupted;
  const auto outcome = execute(make_config({"min_duration=1h"}), "", hooks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  const auto record = record::read_record(folder_ / "run");
  ASSERT_TRUE(record.ok()) << record.error().message;
  EXPECT_TRUE(record->interrupted);
  EXPECT_FALSE(record->verdict.valid);
  EXPECT_EQ(record->verdict.reasons.front().rule, "interrupted");
  EXPECT_TRUE(
      record::fits_schema(nlohmann::json::parse(*read_file(folder_ / "run" / "result.json"))));
}

TEST_F(ExecuteTest, AStoredRunCanBeRepeated) {
  const std::string dataset = synth_dataset(64);
  const auto first =
      execute(make_config({"dataset=" + dataset, "seed=5", "max_queries=40", "min_duration=0",
                           "preset=quick", "scenario=multi-stream"}),
              "", {});
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto stored = record::read_record(folder_ / "run");
  ASSERT_TRUE(stored.ok());
  EXPECT_TRUE(compare_with_now(*stored).ok());
  const auto config = config::resolve(stored_sources(*stored, "run", folder_ / "again"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  const auto second = execute(*config, "", {});
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_EQ(second->raw.sample_index, first->raw.sample_index);
  ASSERT_EQ(second->record.config.size(), first->record.config.size());
  for (std::size_t i = 0; i < first->record.config.size(); ++i) {
    EXPECT_EQ(second->record.config[i].key, first->record.config[i].key);
    EXPECT_EQ(second->record.config[i].value, first->record.config[i].value)
        << first->record.config[i].key;
    if (second->record.config[i].key == "calibration") continue;
    EXPECT_EQ(second->record.config[i].from, "rerun: " + first->record.config[i].from);
  }
}

TEST_F(ExecuteTest, ARepeatOnOtherDataIsRefusedByName) {
  const std::string dataset = synth_dataset(64);
  const auto outcome = execute(make_config({"dataset=" + dataset}), "", {});
  ASSERT_TRUE(outcome.ok());
  record::Record record = outcome->record;
  std::ofstream(dataset, std::ios::app) << "x";
  const auto changed = compare_with_now(record);
  ASSERT_FALSE(changed.ok());
  EXPECT_THAT(changed.error().message, HasSubstr("dataset '" + dataset + "' has changed"));
  fs::remove(dataset);
  EXPECT_FALSE(compare_with_now(record).ok());
}

TEST_F(ExecuteTest, AnotherBuildOrMachineIsSaid) {
  const auto outcome = execute(make_config({}), "", {});
  ASSERT_TRUE(outcome.ok());
  record::Record record = outcome->record;
  EXPECT_TRUE(compare_with_now(record)->empty());
  record.build.commit = "other";
  record.system.cpu_model = "Other CPU";
  const auto notes = compare_with_now(record);
  ASSERT_TRUE(notes.ok());
  EXPECT_THAT(*notes, ::testing::ElementsAre(HasSubstr("commit of lode differs: 'other' then"),
                                             HasSubstr("processor differs: 'Other CPU' then")));
}

TEST(MissedAccuracy, NeedsATargetAndLess) {
  record::Record record;
  EXPECT_FALSE(missed_accuracy(record));
  record.accuracy.emplace();
  record.accuracy->top1 = 0.75;
  EXPECT_FALSE(missed_accuracy(record));
  record.accuracy->target_top1 = 0.75;
  EXPECT_FALSE(missed_accuracy(record));
  record.accuracy->target_top1 = 0.76;
  EXPECT_TRUE(missed_accuracy(record));
}

}  // namespace
}  // namespace lode::run
