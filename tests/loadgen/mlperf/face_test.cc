// MLPerf's names, types, defaults and signatures, and what its logs hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <set>
#include <sstream>
#include <thread>
#include <type_traits>

#include "base/file_io.h"
#include "loadgen/mlperf/config_file.h"
#include "loadgen/mlperf/loadgen.h"
#include "loadgen/mlperf/results.h"

namespace mlperf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A program that compiles against the reference compiles against this.
static_assert(std::is_same_v<ResponseId, uintptr_t>);
static_assert(std::is_same_v<QuerySampleIndex, size_t>);
static_assert(std::is_same_v<QuerySampleLatency, int64_t>);
static_assert(std::is_same_v<decltype(QuerySampleResponse::data), uintptr_t>);
static_assert(std::is_same_v<decltype(QuerySampleResponse::n_tokens), int64_t>);
static_assert(std::is_constructible_v<QuerySampleResponse, ResponseId, uintptr_t, size_t>);
static_assert(std::is_constructible_v<QuerySampleResponse, ResponseId, uintptr_t, size_t, int64_t>);
static_assert(std::is_same_v<ResponseCallback, std::function<void(QuerySampleResponse*)>>);
static_assert(std::is_same_v<decltype(&QuerySamplesComplete),
                             void (*)(QuerySampleResponse*, size_t, const ResponseCallback&)>);
static_assert(std::is_same_v<decltype(&FirstTokenComplete), decltype(&QuerySamplesComplete)>);
static_assert(std::is_same_v<decltype(&StartTest),
                             void (*)(SystemUnderTest*, QuerySampleLibrary*, const TestSettings&,
                                      const LogSettings&, const std::string)>);
static_assert(std::is_same_v<decltype(&AbortTest), void (*)()>);
static_assert(std::is_same_v<decltype(&RegisterIssueQueryThread), void (*)()>);
static_assert(std::is_abstract_v<SystemUnderTest> && std::is_abstract_v<QuerySampleLibrary>);
static_assert(std::is_same_v<decltype(&SystemUnderTest::IssueQuery),
                             void (SystemUnderTest::*)(const std::vector<QuerySample>&)>);
static_assert(
    std::is_same_v<decltype(&SystemUnderTest::Name), const std::string& (SystemUnderTest::*)()>);
static_assert(std::is_same_v<decltype(&QuerySampleLibrary::LoadSamplesToRam),
                             void (QuerySampleLibrary::*)(const std::vector<QuerySampleIndex>&)>);
static_assert(std::is_same_v<decltype(&TestSettings::FromConfig),
                             int (TestSettings::*)(const std::string&, const std::string&,
                                                   const std::string&, int)>);

TEST(Face, DefaultsAreTheReferences) {
  const TestSettings s;
  EXPECT_EQ(s.scenario, TestScenario::SingleStream);
  EXPECT_EQ(s.mode, TestMode::PerformanceOnly);
  EXPECT_EQ(s.single_stream_expected_latency_ns, 1'000'000U);
  EXPECT_EQ(s.single_stream_target_latency_percentile, 0.90);
  EXPECT_EQ(s.multi_stream_expected_latency_ns, 8'000'000U);
  EXPECT_EQ(s.multi_stream_samples_per_query, 8U);
  EXPECT_EQ(s.server_target_latency_ns, 100'000'000U);
  EXPECT_EQ(s.min_duration_ms, 10'000U);
  EXPECT_EQ(s.min_query_count, 100U);
  const LogSettings logs;
  EXPECT_EQ(logs.log_output.outdir, ".");
  EXPECT_EQ(logs.log_output.prefix, "mlperf_log_");
  EXPECT_EQ(logs.log_mode, LoggingMode::AsyncPoll);
  EXPECT_TRUE(logs.enable_trace);
}

class Library final : public QuerySampleLibrary {
 public:
  const std::string& Name() override { return name_; }
  size_t TotalSampleCount() override { return 100; }
  size_t PerformanceSampleCount() override { return 50; }
  void LoadSamplesToRam(const std::vector<QuerySampleIndex>& s) override { loaded += s.size(); }
  void UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& s) override { loaded -= s.size(); }
  size_t loaded = 0;

 private:
  std::string name_ = "library";
};

/// Answers at once, with its index as data.
class Sut : public SystemUnderTest {
 public:
  const std::string& Name() override { return name; }
  void IssueQuery(const std::vector<QuerySample>& samples) override {
    for (const QuerySample& sample : samples) {
      EXPECT_NE(sample.id, 0U);
      const auto index = static_cast<std::uint32_t>(sample.index);
      indices.push_back(sample.index);
      QuerySampleResponse response(sample.id, reinterpret_cast<uintptr_t>(&index), sizeof(index));
      last_id = sample.id;
      QuerySamplesComplete(&response, 1);
    }
  }
  void FlushQueries() override { ++flushes; }

  std::string name = "sut";
  std::vector<size_t> indices;
  ResponseId last_id = 0;
  int flushes = 0;
};

class FaceTest : public testing::Test {
 protected:
  FaceTest() {
    folder = std::filesystem::temp_directory_path() /
             fmt::format("lode-face-{}-{}", ::getpid(),
                         testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder);
    logs.log_output.outdir = folder;
    settings.min_duration_ms = 20;
    settings.server_target_qps = 2000;
    settings.offline_expected_qps = 1e6;
  }
  ~FaceTest() override { std::filesystem::remove_all(folder); }

  std::string read(const std::string& kind) {
    return lode::read_file(folder / ("mlperf_log_" + kind)).value();
  }
  std::string write(const std::string& name, const std::string& text) {
    const auto path = folder / name;
    EXPECT_TRUE(lode::write_file_atomically(path, text).ok());
    return path;
  }
  std::vector<nlohmann::json> detail() {
    std::vector<nlohmann::json> lines;
    std::istringstream text(read("detail.txt"));
    for (std::string line; std::getline(text, line);) {
      EXPECT_TRUE(line.starts_with(":::MLLOG ")) << line;
      lines.push_back(nlohmann::json::parse(line.substr(9)));
    }
    return lines;
  }
  nlohmann::json value(const std::string& key) {
    for (const auto& line : detail()) {
      if (line["key"] == key) return line["value"];
    }
    ADD_FAILURE() << key << " is not in the detail log";
    return {};
  }
  TestResult run() { return RunTest(&sut, &library, settings, logs); }

  std::filesystem::path folder;
  TestSettings settings;
  LogSettings logs;
  Library library;
  Sut sut;
};

TEST_F(FaceTest, EveryScenarioHasTheKeysThatCheckersReadInOrder) {
  const char* const kMetric[] = {"early_stopping_latency_ss", "early_stopping_latency_ms",
                                 "result_completed_samples_per_sec", "result_samples_per_second"};
  for (int i = 0; i < 4; ++i) {
    settings.scenario = static_cast<TestScenario>(i);
    settings.min_query_count = 1000;
    (void)run();
    std::vector<std::string> keys;
    for (const auto& line : detail()) {
      keys.push_back(line["key"]);
      EXPECT_TRUE(line["metadata"]["is_error"].is_boolean());
      EXPECT_TRUE(line["time_ms"].is_number());
    }
    auto at = keys.begin();
    for (const std::string key : {"loadgen_version",
                                  "test_datetime",
                                  "sut_name",
                                  "get_sut_name_duration_ns",
                                  "qsl_name",
                                  "qsl_reported_total_count",
                                  "qsl_reported_performance_count",
                                  "requested_scenario",
                                  "requested_test_mode",
                                  "requested_use_token_latencies",
                                  "effective_scenario",
                                  "effective_samples_per_query",
                                  "effective_target_latency_ns",
                                  "effective_min_duration_ms",
                                  "effective_min_query_count",
                                  "effective_qsl_rng_seed",
                                  "effective_sample_index_rng_seed",
                                  "effective_schedule_rng_seed",
                                  "effective_performance_sample_count",
                                  "effective_accuracy_sample_count",
                                  "effective_sample_concatenate_permutation",
                                  "generic_message",
                                  "loaded_qsl_set",
                                  "generated_query_count",
                                  "generated_samples_per_query",
                                  "generated_query_duration",
                                  "power_begin",
                                  "power_end",
                                  "result_validity",
                                  "result_min_duration_met",
                                  "result_min_queries_met",
                                  "early_stopping_met",
                                  "early_stopping_result",
                                  "result_query_count",
                                  kMetric[i],
                                  "result_mean_latency_ns",
                                  "result_99.90_percentile_latency_ns",
                                  "num_errors"}) {
      at = std::find(at, keys.end(), key);
      ASSERT_NE(at, keys.end()) << key << " in scenario " << i;
    }
    EXPECT_EQ(value("effective_min_duration_ms"), 20);
    EXPECT_EQ(value("num_errors"), 0);
    EXPECT_EQ(value("generic_message"), "Starting performance mode");
    EXPECT_EQ(value("loaded_qsl_set").size(), 50U);
    EXPECT_EQ(library.loaded, 0U);
  }
}

TEST_F(FaceTest, AccuracyModeHasItsKeysInOrder) {
  for (int i = 0; i < 4; ++i) {
    settings.scenario = static_cast<TestScenario>(i);
    settings.mode = TestMode::AccuracyOnly;
    EXPECT_TRUE(run().valid);
    std::vector<std::string> keys;
    std::size_t loaded = 0;
    for (const auto& line : detail()) {
      keys.push_back(line["key"]);
      if (line["key"] == "loaded_qsl_set") loaded += line["value"].size();
    }
    EXPECT_EQ(loaded, 100U);
    auto at = keys.begin();
    for (const char* key : {"loadgen_version",
                            "sut_name",
                            "requested_scenario",
                            "effective_scenario",
                            "effective_test_mode",
                            "effective_min_query_count",
                            "effective_qsl_rng_seed",
                            "effective_sample_index_rng_seed",
                            "effective_schedule_rng_seed",
                            "effective_performance_sample_count",
                            "effective_accuracy_sample_count",
                            "effective_sample_concatenate_permutation",
                            "generic_message",
                            "loaded_qsl_set",
                            "loaded_qsl_set",
                            "generated_query_count",
                            "generated_samples_per_query",
                            "generated_query_duration",
                            "power_begin",
                            "power_end",
                            "num_errors"}) {
      at = std::find(at, keys.end(), key);
      ASSERT_NE(at, keys.end()) << key << " in scenario " << i;
      ++at;
    }
    EXPECT_EQ(value("effective_test_mode"), "AccuracyOnly");
    EXPECT_EQ(value("generic_message"), "Starting accuracy mode");
    EXPECT_THAT(read("summary.txt"), HasSubstr("No performance results: the mode was accuracy."));
  }
}

TEST_F(FaceTest, ASubmissionRunLogsBothPartsInOrder) {
  settings.mode = TestMode::SubmissionRun;
  settings.min_query_count = 1000;
  (void)run();
  std::vector<std::string> messages;
  for (const auto& line : detail()) {
    if (line["key"] == "generic_message") messages.push_back(line["value"]);
  }
  EXPECT_THAT(messages, ElementsAre("Starting accuracy mode", "Starting performance mode"));
  EXPECT_EQ(nlohmann::json::parse(read("accuracy.json")).size(), 100U);
  EXPECT_EQ(value("result_query_count"), sut.indices.size() - 100);
}

TEST_F(FaceTest, FilesAreNamedAsTheReferencesAre) {
  logs.log_output.prefix = "p_";
  logs.log_output.suffix = "_s";
  logs.enable_trace = true;
  (void)run();
  for (const char* name :
       {"p_summary_s.txt", "p_detail_s.txt", "p_accuracy_s.json", "p_trace_s.json"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  }
  logs.log_output.prefix_with_datetime = true;
  logs.log_output.suffix = "";
  (void)run();
  std::size_t dated = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    dated += name.starts_with("p_20") && name.ends_with("Z_summary.txt") ? 1U : 0U;
  }
  EXPECT_EQ(dated, 1U);
}

TEST_F(FaceTest, Test05RunsPerformanceModeWithItsSeeds) {
  settings.mode = TestMode::AccuracyOnly;
  settings.qsl_rng_seed = 1;
  settings.test05_qsl_rng_seed = 7975553102935885558U;
  settings.test05_sample_index_rng_seed = 8;
  settings.test05_schedule_rng_seed = 9;
  (void)run();
  EXPECT_EQ(value("effective_qsl_rng_seed"), 1);
  settings.test05 = true;
  (void)run();
  EXPECT_EQ(value("effective_qsl_rng_seed"), 7975553102935885558U);
  EXPECT_EQ(value("effective_sample_index_rng_seed"), 8);
  EXPECT_EQ(value("effective_schedule_rng_seed"), 9);
  EXPECT_EQ(value("effective_test_mode"), "PerformanceOnly");
  EXPECT_THAT(value("warning_generic_message").get<std::string>(), HasSubstr("Test05"));
  EXPECT_THAT(read("summary.txt"), HasSubstr("\n1 warning encountered. See detailed log.\n"));
}

/// Tells of a first token, then answers with five.
class TokenSut final : public Sut {
 public:
  void IssueQuery(const std::vector<QuerySample>& samples) override {
    for (const QuerySample& sample : samples) {
      const char text[] = "Hi";
      QuerySampleResponse first(sample.id, reinterpret_cast<uintptr_t>(text), 1);
      if (tells_first) FirstTokenComplete(&first, 1);
      QuerySampleResponse answer(sample.id, reinterpret_cast<uintptr_t>(text), 2, 5);
      QuerySamplesComplete(&answer, 1);
    }
  }
  bool tells_first = true;
};

TEST_F(FaceTest, TokenLatenciesAreMeasuredAndLogged) {
  TokenSut tokens;
  settings.use_token_latencies = true;
  settings.min_query_count = 1000;
  settings.server_ttft_latency = settings.server_tpot_latency = 10'000'000'000;
  const auto count_tokens = [&] { return RunTest(&tokens, &library, settings, logs); };
  for (const TestScenario scenario :
       {TestScenario::SingleStream, TestScenario::MultiStream, TestScenario::Server}) {
    settings.scenario = scenario;
    const TestResult result = count_tokens();
    EXPECT_EQ(result.measurement.metrics.tokens->tokens,
              5 * static_cast<std::int64_t>(result.measurement.metrics.samples));
    for (const char* key :
         {"early_stopping_ttft_result", "early_stopping_tpot_result",
          "result_first_token_min_latency_ns", "result_first_token_mean_latency_ns",
          "result_first_token_99.00_percentile_latency_ns",
          "result_token_throughput_with_loadgen_overhead", "result_token_throughput",
          "result_time_per_output_token_99.00_percentile_ns", "result_time_to_output_token_mean",
          "result_completed_tokens_per_second", "requested_server_ttft_latency"}) {
      EXPECT_FALSE(value(key).is_null()) << key;
    }
    const std::string summary = read("summary.txt");
    EXPECT_THAT(summary, HasSubstr("TTFT Early Stopping Result:\n"));
    EXPECT_THAT(summary, HasSubstr("TPOT Early Stopping Result:\n"));
    EXPECT_THAT(summary, HasSubstr("99.00 percentile first token latency (ns)   : "));
    EXPECT_THAT(summary, HasSubstr("ttft_latency (ns): 10000000000\n"));
  }
  EXPECT_THAT(read("summary.txt"), HasSubstr("\nCompleted tokens per second: "));
  settings.scenario = TestScenario::Offline;
  tokens.tells_first = false;
  EXPECT_TRUE(count_tokens().measurement.metrics.tokens.has_value());
  EXPECT_THAT(read("summary.txt"), HasSubstr("\nTokens per second: "));
  EXPECT_GT(value("result_tokens_per_second"), 0.0);
  settings.scenario = TestScenario::SingleStream;
  EXPECT_THAT(testing::PrintToString(count_tokens().reasons), HasSubstr("token_counts"));
}

TEST_F(FaceTest, TokensStandInTheAccuracyLog) {
  TokenSut tokens;
  settings.use_token_latencies = true;
  settings.mode = TestMode::AccuracyOnly;
  (void)RunTest(&tokens, &library, settings, logs);
  EXPECT_THAT(read("accuracy.json"),
              HasSubstr("\"data\" : \"4869\", \"token_data\" : \"48\", \"token_count\" : 5 }"));
  settings.scenario = TestScenario::Offline;
  (void)RunTest(&tokens, &library, settings, logs);
  EXPECT_THAT(read("accuracy.json"), HasSubstr("\"data\" : \"4869\", \"token_count\" : 5 }"));
}

TEST_F(FaceTest, InferredTokensAreAMultipleOfTheAnswers) {
  settings.scenario = TestScenario::Offline;
  settings.infer_token_latencies = true;
  settings.token_latency_scaling_factor = 69;
  (void)run();
  EXPECT_DOUBLE_EQ(value("result_inferred_tokens_per_second").get<double>(),
                   69.0 * value("result_samples_per_second").get<double>());
  EXPECT_THAT(read("summary.txt"), HasSubstr("\nTokens per second (inferred): "));
  settings.scenario = TestScenario::Server;
  (void)run();
  EXPECT_DOUBLE_EQ(value("result_inferred_completed_tokens_per_second").get<double>(),
                   69.0 * value("result_completed_samples_per_sec").get<double>());
}

TEST_F(FaceTest, ALatencyLimitOfZeroIsMetByNothing) {
  settings.scenario = TestScenario::Server;
  settings.server_target_latency_ns = 0;
  EXPECT_THAT(testing::PrintToString(run().reasons), HasSubstr("target_latency"));
  EXPECT_GT(value("result_overlatency_query_count"), 0);
}

TEST_F(FaceTest, SummaryHasTheVerdictLines) {
  settings.min_query_count = 2000;
  const TestResult result = run();
  const std::string summary = read("summary.txt");
  const std::string verdict = result.valid ? "VALID" : "INVALID";
  EXPECT_THAT(summary, HasSubstr("MLPerf Results Summary\n"));
  EXPECT_THAT(summary, HasSubstr("SUT name : sut\nScenario : SingleStream\n"
                                 "Mode     : PerformanceOnly\n90.0th percentile latency (ns) : "));
  EXPECT_THAT(summary, HasSubstr("\nResult is : " + verdict +
                                 "\n  Min duration satisfied : Yes\n"
                                 "  Min queries satisfied : Yes\n"
                                 "  Early stopping satisfied: Yes\n"));
  EXPECT_THAT(summary, HasSubstr("\nEarly Stopping Result:\n * Processed at least 64 queries ("));
  EXPECT_THAT(summary, HasSubstr("\n * Early stopping 90.0th percentile estimate: "));
  EXPECT_THAT(summary, HasSubstr("\nNo errors encountered during test.\n"));
  settings.scenario = TestScenario::Server;
  settings.max_query_count = 20;
  EXPECT_FALSE(run().valid);
  EXPECT_THAT(read("summary.txt"), HasSubstr("Result is : INVALID\n"
                                             "  Performance constraints satisfied : Yes\n"
                                             "  Min duration satisfied : NO\n"
                                             "  Min queries satisfied : NO\n"
                                             "  Early stopping satisfied: NO\n"));
}

TEST_F(FaceTest, NamesSurviveWhateverTheyHold) {
  sut.name = "a \"quoted\" \\ back\nslash \xC3\xBC \xFF";
  (void)run();
  EXPECT_EQ(value("sut_name"), "a \"quoted\" \\ back\nslash \xC3\xBC \xEF\xBF\xBD");
  EXPECT_THAT(read("summary.txt"), HasSubstr("a \"quoted\" \\ back slash"));
  EXPECT_TRUE(nlohmann::json::accept(read("trace.json")));
}

TEST_F(FaceTest, AccuracyLogsEverySampleInUpperCaseHex) {
  settings.mode = TestMode::AccuracyOnly;
  const TestResult result = run();
  EXPECT_TRUE(result.valid) << testing::PrintToString(result.reasons);
  const auto log = nlohmann::json::parse(read("accuracy.json"));
  ASSERT_EQ(log.size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(log[i]["seq_id"], i);
    const auto index = log[i]["qsl_idx"].get<unsigned>();
    EXPECT_EQ(log[i]["data"], fmt::format("{:02X}000000", index));
  }
  EXPECT_THAT(read("accuracy.json"), testing::StartsWith("[\n{ \"seq_id\" : 0, \"qsl_idx\" : "));
}

TEST_F(FaceTest, SamplingLogsSomeAnswersOfPerformance) {
  settings.accuracy_log_rng_seed = 17;
  settings.accuracy_log_sampling_target = 100;
  settings.min_query_count = 1000;
  settings.min_duration_ms = 0;
  (void)run();
  const auto log = nlohmann::json::parse(read("accuracy.json"));
  EXPECT_GT(log.size(), 60U);
  EXPECT_LT(log.size(), 140U);
}

TEST_F(FaceTest, AuditConfigOverridesSettings) {
  settings.min_duration_ms = 0;
  const std::string audit = write("audit.config",
                                  "*.*.mode = 2\n*.*.performance_issue_same = 1\n"
                                  "*.*.performance_issue_same_index = 3\n");
  const TestResult result = RunTest(&sut, &library, settings, logs, audit);
  EXPECT_EQ(sut.indices.size(), 100U);
  EXPECT_EQ(std::set(sut.indices.begin(), sut.indices.end()).size(), 1U);
  EXPECT_THAT(value("warning_generic_message").get<std::string>(),
              HasSubstr("Found Audit Config file"));
  EXPECT_EQ(value("effective_performance_issue_same"), true);
}

TEST_F(FaceTest, ConfigurationThatCannotBeReadIsAnErrorOfTheNextTest) {
  EXPECT_EQ(settings.FromConfig(folder / "none.conf", "m", "Server"), -ENOENT);
  EXPECT_EQ(settings.FromConfig(write("u.conf", "*.*.min_durations = 5\n"), "m", "Server"),
            -EINVAL);
  EXPECT_FALSE(run().valid);
  EXPECT_EQ(value("num_errors"), 2);
  EXPECT_THAT(read("detail.txt"), HasSubstr("u.conf:1: the key 'min_durations' is not known"));
  EXPECT_THAT(read("summary.txt"), HasSubstr("2 ERRORS encountered. See detailed log."));
  (void)run();
  EXPECT_EQ(value("num_errors"), 0);
}

/// Answers nothing, or late, or hangs.
class BadSut final : public Sut {
 public:
  void IssueQuery(const std::vector<QuerySample>& samples) override {
    last_id = samples[0].id;
    if (throws) throw std::runtime_error("out of memory");
    while (blocks) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (twice) {
      Sut::IssueQuery(samples);
      Sut::IssueQuery(samples);
    }
  }
  std::atomic<bool> blocks{false};
  bool throws = false;
  bool twice = false;
};

TEST_F(FaceTest, FaultsEndTheTestAndLeaveTheProcessUsable) {
  settings.query_timeout_ms = 100;
  BadSut bad;
  const auto reasons = [&] {
    const TestResult result = RunTest(&bad, &library, settings, logs);
    EXPECT_FALSE(result.valid);
    EXPECT_EQ(library.loaded, 0U);
    return testing::PrintToString(result.reasons);
  };
  EXPECT_THAT(reasons(), HasSubstr("query_timeout"));
  // An answer to a test that is over.
  QuerySampleResponse late(bad.last_id, 0, 0);
  QuerySamplesComplete(&late, 1);
  bad.twice = true;
  EXPECT_THAT(reasons(), HasSubstr("duplicates"));
  bad.throws = true;
  EXPECT_THAT(reasons(), HasSubstr("issue() threw an exception: out of memory"));
  bad.throws = false;
  bad.blocks = true;
  EXPECT_THAT(reasons(), HasSubstr("sut_blocked"));
  bad.blocks = false;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  settings.min_query_count = 1000;
  const TestResult after = run();
  EXPECT_GE(after.measurement.metrics.queries, 1000U);
}

TEST_F(FaceTest, AbortTestEndsARunningTest) {
  settings.min_duration_ms = 60'000;
  std::thread aborter([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    AbortTest();
  });
  const TestResult result = run();
  aborter.join();
  EXPECT_FALSE(result.valid);
  EXPECT_TRUE(result.measurement.interrupted);
  EXPECT_LT(result.measurement.metrics.duration_ns, 5'000'000'000);
}

TEST_F(FaceTest, TwoTestsSideBySideDoNotSeeEachOther) {
  settings.min_duration_ms = 200;
  settings.min_query_count = 500;
  Sut other_sut;
  Library other_library;
  LogSettings other_logs = logs;
  other_logs.log_output.prefix = "other_";
  TestResult other;
  std::thread thread([&] { other = RunTest(&other_sut, &other_library, settings, other_logs); });
  const TestResult mine = run();
  thread.join();
  for (const TestResult* result : {&mine, static_cast<const TestResult*>(&other)}) {
    for (const std::string& reason : result->reasons) EXPECT_THAT(reason, HasSubstr("issue_lag"));
  }
  EXPECT_EQ(mine.measurement.metrics.samples, sut.indices.size());
  EXPECT_EQ(other.measurement.metrics.samples, other_sut.indices.size());
}

TEST_F(FaceTest, PeakSearchReportsItself) {
  settings.mode = TestMode::FindPeakPerformance;
  settings.scenario = TestScenario::Server;
  settings.server_target_qps = 100;
  settings.server_target_latency_ns = 1;  // Nothing is that fast.
  settings.min_query_count = 10;
  settings.min_duration_ms = 1;
  const TestResult result = run();
  EXPECT_FALSE(result.valid);
  ASSERT_FALSE(result.peak_search.empty());
  EXPECT_LT(result.peak_search.size(), 10U) << "a lower rate would not help";
  EXPECT_FALSE(result.peak_search[0].passed);
  EXPECT_THAT(read("detail.txt"), HasSubstr("FindPeakPerformance: 100 queries/s failed"));
}

TEST(ConfigFile, TheFirstOfTheWildcardsCounts) {
  const auto values = parse_config(
      "# comment\n*.*.min_duration = 1\n*.Server.min_duration = 2\nm.*.min_duration = 3\n"
      "m.Server.target_latency = 1.5  # ms\n*.Server.target_latency_percentile = 97\n"
      "*.*.qsl_rng_seed = 18209322760996052031\n*.Server.target_qps=12.5\n",
      "user.conf");
  ASSERT_TRUE(values.ok()) << values.error().message;
  TestSettings s;
  apply_config(*values, "m", "Server", s);
  EXPECT_EQ(s.min_duration_ms, 2U);
  EXPECT_EQ(s.server_target_latency_ns, 1'500'000U);
  EXPECT_DOUBLE_EQ(s.server_target_latency_percentile, 0.97);
  EXPECT_EQ(s.qsl_rng_seed, 18209322760996052031ULL);
  EXPECT_EQ(s.server_target_qps, 12.5);
  apply_config(*values, "m", "Offline", s);
  EXPECT_EQ(s.min_duration_ms, 3U);
  apply_config(*values, "other", "Offline", s);
  EXPECT_EQ(s.min_duration_ms, 1U);
}

TEST(ConfigFile, TheDocumentationHasEveryKey) {
  const auto page =
      lode::read_file(std::string(LODE_SOURCE_DIR) + "/docs/coming-from-mlperf-loadgen.md");
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(*page, HasSubstr("\n" + config_keys_markdown())) << "put this there:\n"
                                                               << config_keys_markdown();
}

TEST(ConfigFile, EveryKeyOfTheCurrentFileIsKnownAndOthersAreRefused) {
  for (const char* key : {"performance_sample_count_override",
                          "qsl_rng_seed",
                          "sample_index_rng_seed",
                          "schedule_rng_seed",
                          "test05_qsl_rng_seed",
                          "test05_sample_index_rng_seed",
                          "test05_schedule_rng_seed",
                          "test05",
                          "target_latency_percentile",
                          "min_duration",
                          "samples_per_query",
                          "min_query_count",
                          "target_latency",
                          "sample_concatenate_permutation",
                          "target_duration",
                          "use_token_latencies",
                          "infer_token_latencies",
                          "token_latency_scaling_factor",
                          "ttft_latency",
                          "tpot_latency",
                          "target_qps",
                          "accuracy_log_rng_seed",
                          "accuracy_log_sampling_target",
                          "performance_issue_same"}) {
    EXPECT_TRUE(parse_config(fmt::format("llama2-70b.Server.{} = 1\n", key), "f").ok()) << key;
  }
  const auto error = [](const char* text) { return parse_config(text, "f").error().message; };
  EXPECT_EQ(error("\n*.*.min_query_cout = 5\n"),
            "f:2: the key 'min_query_cout' is not known; did you mean 'min_query_count'?");
  EXPECT_THAT(error("*.Sever.target_qps = 5"), HasSubstr("'Sever' is no scenario"));
  EXPECT_THAT(error("*.*.min_duration = ten"), HasSubstr("'ten' is no number"));
  EXPECT_THAT(error("*.*.min_duration = -1"), HasSubstr("out of range"));
  EXPECT_THAT(error("*.*.min_duration 5"), HasSubstr("expected 'key = value'"));
  EXPECT_THAT(error("min_duration = 5"), HasSubstr("write model.scenario.key"));
  EXPECT_THAT(error("*.*.mode = 4"), HasSubstr("mode 4 is not known"));
}

}  // namespace
}  // namespace mlperf
