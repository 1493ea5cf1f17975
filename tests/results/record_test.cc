// Records and samples: written, read back, damaged.
#include "results/record/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file_io.h"
#include "tests/results/sample_record.h"

namespace lode::record {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

TEST(Record, SurvivesWritingAndReading) {
  const Record record = sample_record();
  const std::string text = to_json(record);
  const auto read = from_json(text, "result.json");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(to_json(*read), text);
  EXPECT_EQ(read->metrics.duration_ns, 9007199254740993);
  EXPECT_EQ(read->metrics.latency_ns->max, 9007199254740993);
  EXPECT_EQ(read->metrics.throughput_samples_per_s, 812.3456789012345);
  EXPECT_EQ(std::get<std::uint64_t>(read->config[4].value), 16159082839903944936ULL);
  EXPECT_EQ(read->config[3].from, "run.yaml:3:1");
  EXPECT_FALSE(read->metrics.issue_lag_ns.has_value());
}

/// Every member of every object is needed: without it, or with another type, reading fails and
/// names it.
void check_all_members(const Json& whole, const Json::json_pointer& at, const std::string& path,
                       int& checked) {
  const Json& here = whole[at];
  if (!here.is_object()) return;
  for (const auto& [key, value] : here.items()) {
    const std::string name = path.empty() ? key : fmt::format("{}.{}", path, key);
    if (path == "config" || path == "config_from") continue;
    if (name == "metrics.peak_search") continue;  // Of a search alone.
    // Records of earlier versions have none of these.
    if (name == "sut" || name == "system.affinity_nodes") continue;
    if (name == "system.aslr" || name == "system.numa_nodes") continue;
    if (name == "resources.monitor" || name.starts_with("resources.sut_")) continue;
    Json broken = whole;
    broken[at].erase(key);
    const auto missing = from_json(broken.dump(), "f");
    ASSERT_FALSE(missing.ok()) << name;
    if (path.empty()) {
      EXPECT_THAT(missing.error().message, StartsWith(fmt::format("f: {}", key)));
    }
    broken = whole;
    broken[at][key] = Json::array({Json::object()});
    EXPECT_FALSE(from_json(broken.dump(), "f").ok()) << name;
    ++checked;
    check_all_members(whole, at / key, name, checked);
  }
}

TEST(Record, EveryMemberIsCheckedOnReading) {
  const Json whole = Json::parse(to_json(sample_record()));
  int checked = 0;
  check_all_members(whole, Json::json_pointer(""), "", checked);
  EXPECT_GT(checked, 60);
}

std::string error_with(const std::string& pointer, const Json& value) {
  Json json = Json::parse(to_json(sample_record()));
  json[Json::json_pointer(pointer)] = value;
  const auto read = from_json(json.dump(), "r/result.json");
  EXPECT_FALSE(read.ok()) << pointer;
  return read.ok() ? "" : read.error().message;
}

TEST(Record, ErrorsNameThePlaceAndTheTrouble) {
  EXPECT_EQ(error_with("/metrics/latency_ns/p50", "fast"),
            "r/result.json: metrics.latency_ns.p50: expected a whole number, found string");
  EXPECT_THAT(error_with("/metrics/latency_ns/p50", 8), HasSubstr("not in order"));
  EXPECT_THAT(error_with("/metrics/queries", -1), HasSubstr("not negative"));
  EXPECT_THAT(error_with("/metrics/duration_ns", 1.5), HasSubstr("whole number"));
  EXPECT_THAT(error_with("/metrics/duration_ns", 18446744073709551615ULL), HasSubstr("whole"));
  EXPECT_THAT(error_with("/verdict/valid", true), HasSubstr("contradict"));
  EXPECT_THAT(error_with("/accuracy/top1", 1.5), HasSubstr("fraction"));
  EXPECT_THAT(error_with("/accuracy/top1_correct", 501), HasSubstr("more samples"));
  EXPECT_THAT(error_with("/verdict/reasons", Json::array()), HasSubstr("contradict"));
  EXPECT_THAT(error_with("/accuracy/top1", 0.5), HasSubstr("0.5 contradicts 382 of 500"));
  EXPECT_THAT(error_with("/accuracy/top1_correct", 100), HasSubstr("accuracy.top1: 0.764"));
  EXPECT_THAT(error_with("/accuracy/top1_correct", 470), HasSubstr("more than top5_correct"));
  EXPECT_THAT(error_with("/accuracy/top5", 0.5), HasSubstr("accuracy.top5"));
  EXPECT_THAT(error_with("/accuracy", nullptr), HasSubstr("accuracy: contradicts mode"));
  EXPECT_THAT(error_with("/metrics/samples", 499), HasSubstr("contradicts metrics.samples"));
  EXPECT_THAT(error_with("/metrics/queries", 0), HasSubstr("contradicts metrics.queries"));
  EXPECT_THAT(error_with("/metrics/headline/unit", "samples/s"), HasSubstr("expected ns"));
  EXPECT_THAT(error_with("/metrics/headline/name", "throughput"), HasSubstr("not the headline"));
  EXPECT_THAT(error_with("/metrics/headline/value", 7), HasSubstr("not the figure"));
  EXPECT_THAT(error_with("/metrics/headline/value", 6.0), HasSubstr("a whole number"));
  EXPECT_THAT(error_with("/metrics/headline/value", nullptr), HasSubstr("only if nothing"));
  EXPECT_THAT(error_with("/model/sha256", "ABC"), HasSubstr("hex digits"));
  EXPECT_THAT(error_with("/scenario", "stream"), HasSubstr("'stream' is not known"));
  EXPECT_THAT(error_with("/schema", "lodestone.run/9"), HasSubstr("this version reads"));
  EXPECT_THAT(error_with("/config/batch", nullptr), HasSubstr("config.batch"));
}

TEST(Record, AHeadlineInTimeIsAWholeNumberAndOfNothingNull) {
  EXPECT_THAT(to_json(sample_record()), HasSubstr("\"value\": 6,"));
  Record record = sample_record();
  record.metrics = {};
  record.metrics.headline = {"p99_latency", 0.0, "ns"};
  record.accuracy = Accuracy{};
  const std::string text = to_json(record);
  EXPECT_THAT(text, HasSubstr("\"value\": null"));
  const auto read = from_json(text, "f");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(to_json(*read), text);
}

TEST(Record, DamagedTextIsAnErrorAndNoCrash) {
  const std::string text = to_json(sample_record());
  for (std::size_t length = 0; length < text.size() - 2; length += 7) {
    EXPECT_FALSE(from_json(text.substr(0, length), "f").ok()) << length;
  }
  for (const char* bad : {"", "null", "[]", "7", "{", "{\"schema\": 1}", "\xff\xfe"}) {
    EXPECT_FALSE(from_json(bad, "f").ok()) << bad;
  }
  EXPECT_FALSE(from_json(std::string(1'000'000, '['), "f").ok());
}

TEST(Record, MembersOfALaterVersionAreIgnored) {
  Json json = Json::parse(to_json(sample_record()));
  json["later"] = {{"x", 1}};
  json["metrics"]["energy_joules"] = 3.5;
  EXPECT_TRUE(from_json(json.dump(), "f").ok());
}

TEST(Record, BytesThatAreNotUtf8StillGiveJson) {
  Record record = sample_record();
  record.command = "lode run caf\xe9";
  record.model->path = "quote\" back\\slash \x01 \xff";
  const auto read = from_json(to_json(record), "f");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_THAT(read->model->path, StartsWith("quote\" back\\slash \x01 "));
}

TEST(Record, IdsSortByTimeAndDiffer) {
  EXPECT_EQ(format_utc(1767225599123), "2025-12-31T23:59:59.123Z");
  const std::string a = make_run_id(1767225599123, "a");
  EXPECT_THAT(a, StartsWith("20251231T235959.123Z-"));
  EXPECT_LT(a, make_run_id(1767225599124, "a"));
  EXPECT_NE(a, make_run_id(1767225599123, "b"));
}

class RecordFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("record-") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(RecordFiles, ADirectoryOrItsFileNameTheSameRecord) {
  std::ofstream(folder_ / "result.json") << to_json(sample_record());
  EXPECT_TRUE(read_record(folder_).ok());
  EXPECT_TRUE(read_record(folder_ / "result.json").ok());
  const auto missing = read_record(folder_ / "nothing");
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("nothing"));
}

RawTimes sample_times(std::int64_t queries) {
  RawTimes raw;
  for (std::int64_t q = 0; q < queries; ++q) {
    raw.scheduled_ns.push_back(q * 10);
    raw.issued_ns.push_back(q * 10 + 1);
    raw.completed_ns.push_back(q * 10 + 9);
    for (std::int64_t s = 0; s < 2; ++s) {
      raw.sample_index.push_back(q * 2 + s);
      raw.sample_query.push_back(q);
      raw.sample_completed_ns.push_back(s == 0 ? -1 : q * 10 + 9);
    }
  }
  return raw;
}

TEST_F(RecordFiles, SamplesSurviveWritingAndReading) {
  for (const std::int64_t queries : {0, 1, 1000, 200'000}) {
    const RawTimes raw = sample_times(queries);
    const Status written = write_samples(raw, "id", folder_ / "samples.h5");
    ASSERT_TRUE(written.ok()) << written.error().message;
    const auto read = read_samples(folder_ / "samples.h5");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->scheduled_ns, raw.scheduled_ns);
    EXPECT_EQ(read->issued_ns, raw.issued_ns);
    EXPECT_EQ(read->completed_ns, raw.completed_ns);
    EXPECT_EQ(read->sample_index, raw.sample_index);
    EXPECT_EQ(read->sample_query, raw.sample_query);
    EXPECT_EQ(read->sample_completed_ns, raw.sample_completed_ns);
  }
}

TEST_F(RecordFiles, SamplesThatContradictThemselvesAreRefused) {
  RawTimes raw = sample_times(4);
  raw.issued_ns.pop_back();
  ASSERT_TRUE(write_samples(raw, "id", folder_ / "a.h5").ok());
  EXPECT_THAT(read_samples(folder_ / "a.h5").error().message, HasSubstr("differ in length"));
  raw = sample_times(4);
  raw.sample_query[3] = 4;
  ASSERT_TRUE(write_samples(raw, "id", folder_ / "b.h5").ok());
  EXPECT_THAT(read_samples(folder_ / "b.h5").error().message, HasSubstr("names query 4 of 4"));
}

TEST_F(RecordFiles, AnswersSurviveWritingAndReading) {
  const RawTimes raw = sample_times(4);
  const std::size_t samples = raw.sample_index.size();
  Answers answers{std::vector<std::int64_t>(samples, 7), std::vector<std::int64_t>(samples, 7)};
  answers.predicted[1] = -1;
  ASSERT_TRUE(write_samples(raw, "id", folder_ / "scored.h5", answers).ok());
  const auto read = read_answers(folder_ / "scored.h5");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->predicted, answers.predicted);
  EXPECT_EQ(read->label, answers.label);
  EXPECT_TRUE(read_samples(folder_ / "scored.h5").ok());

  ASSERT_TRUE(write_samples(raw, "id", folder_ / "unscored.h5").ok());
  EXPECT_TRUE(read_answers(folder_ / "unscored.h5")->predicted.empty());
  answers.label.clear();
  ASSERT_TRUE(write_samples(raw, "id", folder_ / "half.h5", answers).ok());
  EXPECT_THAT(read_answers(folder_ / "half.h5").error().message, HasSubstr("of every sample"));
}

TEST_F(RecordFiles, SamplesOfAnotherRunAreRefused) {
  Record record = sample_record();
  record.metrics.queries = 4;
  record.metrics.samples = 4;
  const std::filesystem::path path = folder_ / "samples.h5";
  RawTimes raw = sample_times(4);
  ASSERT_TRUE(write_samples(raw, record.id, path).ok());
  EXPECT_TRUE(read_samples(path, record).ok());
  record.metrics.samples = 5;
  EXPECT_THAT(read_samples(path, record).error().message, HasSubstr("4 queries and 4 samples"));
  record.metrics.samples = 4;
  raw.sample_index[1] = 500;
  ASSERT_TRUE(write_samples(raw, record.id, path).ok());
  EXPECT_THAT(read_samples(path, record).error().message, HasSubstr("/samples/index holds 500"));
  ASSERT_TRUE(write_samples(sample_times(4), "another", path).ok());
  EXPECT_THAT(read_samples(path, record).error().message, HasSubstr("times of run another"));
}

TEST_F(RecordFiles, ADamagedSamplesFileIsFound) {
  const std::filesystem::path path = folder_ / "samples.h5";
  ASSERT_TRUE(write_samples(sample_times(1000), "id", path).ok());
  std::string bytes = *read_file(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x5a);
  std::ofstream(path, std::ios::binary) << bytes;
  const auto read = read_samples(path);
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message, HasSubstr("samples.h5"));
  std::ofstream(path, std::ios::binary) << "not HDF5";
  EXPECT_FALSE(read_samples(path).ok());
}

TEST_F(RecordFiles, WritingWhereNothingCanBeWrittenIsAnError) {
  const Status written = write_samples(sample_times(1), "id", folder_ / "no" / "samples.h5");
  ASSERT_FALSE(written.ok());
  EXPECT_THAT(written.error().message, HasSubstr("samples.h5"));
}

}  // namespace
}  // namespace lode::record
