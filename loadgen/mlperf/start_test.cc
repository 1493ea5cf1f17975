// StartTest(): from MLPerf's settings to a test of the core, and from its result to MLPerf's logs.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>

#include "base/clock.h"
#include "loadgen/load_generator.h"
#include "loadgen/mlperf/adapters.h"
#include "loadgen/mlperf/config_file.h"
#include "loadgen/mlperf/issue_threads.h"
#include "loadgen/mlperf/logs.h"
#include "loadgen/mlperf/results.h"
#include "results/record/record.h"

namespace mlperf {
namespace {

using lode::Result;
using lode::loadgen::Settings;
using lode::loadgen::TestHooks;
using lode::record::Measurement;

std::int64_t unix_ms_now() {
  using std::chrono::duration_cast;
  return duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// What AbortTest() reaches.
class Running {
 public:
  static Running& instance() {
    static auto* const kRunning = new Running;
    return *kRunning;
  }
  void add(std::atomic<bool>* aborted) {
    const std::lock_guard lock(mutex_);
    tests_.insert(aborted);
  }
  void remove(std::atomic<bool>* aborted) {
    const std::lock_guard lock(mutex_);
    tests_.erase(aborted);
  }
  void abort() {
    const std::lock_guard lock(mutex_);
    for (std::atomic<bool>* aborted : tests_) aborted->store(true);
  }

 private:
  std::mutex mutex_;
  std::set<std::atomic<bool>*> tests_;
};

/// All that a call of the SUT which never returns may still touch.
struct TestContext {
  TestContext(SystemUnderTest& user_sut, QuerySampleLibrary& user_qsl, const TestLog& log,
              const Settings& settings, bool is_accuracy)
      : clock(static_cast<std::int64_t>(log.requested.spin_us) * 1000),
        sut(user_sut, log.sut_name, settings.stop_timeout_ns),
        qsl(user_qsl, log.qsl_name,
            is_accuracy ? log.effective.accuracy_sample_count : log.qsl_total_count,
            log.effective.performance_sample_count) {}

  lode::RealClock clock;
  SutAdapter sut;
  QslAdapter qsl;
  std::atomic<bool> aborted{false};
};

/// What an answer holds, after the user's callback has brought it there.
struct Answer {
  std::string_view data;
  std::int64_t tokens = 0;
};

Answer fetch(std::span<const std::byte> bytes) {
  QuerySampleResponse* response = nullptr;
  auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  std::memcpy(&response, &address, sizeof(response));
  if (const ResponseCallback* callback = current_callback()) (*callback)(response);
  const char* data = nullptr;
  std::memcpy(&data, &response->data, sizeof(data));
  return {data == nullptr ? "" : std::string_view(data, response->size), response->n_tokens};
}

class Test {
 public:
  Test(SystemUnderTest& sut, QuerySampleLibrary& qsl, const TestSettings& requested,
       const LogSettings& log_settings)
      : sut_(sut), qsl_(qsl), log_settings_(log_settings) {
    log_.requested = requested;
  }

  TestResult run(const std::string& audit_config);

 private:
  void read_audit(const std::string& path);
  void apply_test05();
  [[nodiscard]] TestHooks make_hooks(const std::shared_ptr<TestContext>& context, bool is_accuracy,
                                     const Settings& settings);
  void describe();
  void run_mode(TestMode mode);
  Result<Measurement> measure(const std::shared_ptr<TestContext>& context, const Settings& settings,
                              TestMode mode);
  void write_logs();
  /// For an outside timer to compare with.
  void print_time(const char* event, std::int64_t unix_ms) const {
    if (!log_.requested.print_timestamps) return;
    std::printf("Loadgen :: Perf mode %s. system_clock Timestamp = %lld\n", event,
                static_cast<long long>(unix_ms / 1000));
    std::fflush(stdout);
  }
  void error(std::string text) { log_.errors.push_back(std::move(text)); }

  SystemUnderTest& sut_;
  QuerySampleLibrary& qsl_;
  const LogSettings& log_settings_;
  TestLog log_;
  AccuracyLog accuracy_;
  TestResult result_;
  bool has_performance_ = false;
};

void Test::read_audit(const std::string& path) {
  std::error_code ignored;
  if (path.empty() || !std::filesystem::exists(path, ignored)) return;
  log_.warnings.push_back("Found Audit Config file (" + path +
                          "). Overriding TestSettings from audit.config file.");
  const std::string scenario(scenario_name(log_.requested.scenario));
  (void)log_.requested.FromConfig(path, "*", scenario, 2);
}

void Test::apply_test05() {
  TestSettings& s = log_.requested;
  if (!s.test05) return;
  log_.warnings.push_back("Test05 flag detected Overriding random seeds");
  s.mode = TestMode::PerformanceOnly;
  s.qsl_rng_seed = s.test05_qsl_rng_seed;
  s.sample_index_rng_seed = s.test05_sample_index_rng_seed;
  s.schedule_rng_seed = s.test05_schedule_rng_seed;
}

void Test::describe() {
  const auto begin = std::chrono::steady_clock::now();
  log_.sut_name = sut_.Name();
  log_.sut_name_duration_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin)
          .count();
  log_.qsl_name = qsl_.Name();
  log_.qsl_total_count = qsl_.TotalSampleCount();
  log_.qsl_performance_count = qsl_.PerformanceSampleCount();
  log_.effective =
      effective_settings(log_.requested, log_.qsl_performance_count, log_.qsl_total_count);
  log_.started_at = lode::record::format_utc(unix_ms_now());
}

TestHooks Test::make_hooks(const std::shared_ptr<TestContext>& context, bool is_accuracy,
                           const Settings& settings) {
  TestHooks hooks;
  hooks.interrupted = &context->aborted;
  hooks.kept_alive = context;
  if (is_accuracy || settings.accuracy_log_probability > 0.0) {
    hooks.outputs = [this](lode::loadgen::SampleId id, lode::SampleIndex index,
                           std::span<const std::byte> bytes) {
      const Answer answer = fetch(bytes);
      accuracy_.add(id, index, answer.data, answer.tokens);
      return lode::Status{};
    };
    hooks.first_tokens = [this](lode::loadgen::SampleId id, lode::SampleIndex,
                                std::span<const std::byte> bytes) {
      accuracy_.add_first_token(id, fetch(bytes).data);
      return lode::Status{};
    };
  }
  if (log_.requested.server_num_issue_query_threads > 0) {
    hooks.issue_threads = [](std::size_t threads, const std::function<void(std::size_t)>& work) {
      IssueThreads::instance().run(threads, work);
    };
  }
  return hooks;
}

Result<Measurement> Test::measure(const std::shared_ptr<TestContext>& context,
                                  const Settings& settings, TestMode mode) {
  const TestHooks hooks = make_hooks(context, mode == TestMode::AccuracyOnly, settings);
  if (mode != TestMode::FindPeakPerformance) {
    return run_test(context->sut, context->qsl, settings, context->clock, hooks);
  }
  const lode::loadgen::PeakPrecision precision{
      .qps = std::pow(10.0, -log_.requested.server_find_peak_qps_decimals_of_precision),
      .step = log_.requested.server_find_peak_qps_boundary_step_size};
  LODE_TRY(lode::loadgen::PeakSearch search,
           find_peak_qps(context->sut, context->qsl, settings, context->clock, hooks, precision));
  result_.peak_search = std::move(search.probes);
  if (search.qps > 0.0) log_.requested.server_target_qps = search.qps;
  log_.effective.target_qps = log_.requested.server_target_qps;
  for (const auto& probe : result_.peak_search) {
    log_.messages.push_back(fmt::format("FindPeakPerformance: {} queries/s {} ({} queries)",
                                        probe.target_qps, probe.passed ? "passed" : "failed",
                                        probe.queries));
  }
  return std::move(search.measurement);
}

void Test::run_mode(TestMode mode) {
  const bool is_accuracy = mode == TestMode::AccuracyOnly;
  const auto settings = to_core(log_.requested, log_.effective, mode);
  if (!settings.ok()) return error(settings.error().message);
  auto context = std::make_shared<TestContext>(sut_, qsl_, log_, *settings, is_accuracy);
  Running::instance().add(&context->aborted);
  const std::int64_t begin_ms = unix_ms_now();
  if (!is_accuracy) print_time("start", begin_ms);
  Result<Measurement> measured = measure(context, *settings, mode);
  const std::int64_t end_ms = unix_ms_now();
  if (!is_accuracy) print_time("stop", end_ms);
  Running::instance().remove(&context->aborted);
  if (!measured.ok()) return error(measured.error().message);
  log_.parts.push_back(make_part(*settings, context->qsl, measured->raw));
  log_.parts.back().begin_unix_ms = begin_ms;
  log_.parts.back().end_unix_ms = end_ms;
  const lode::record::Verdict& verdict = measured->verdict;
  for (const lode::record::Reason& reason : verdict.reasons) {
    result_.reasons.push_back(fmt::format("{}: {}", reason.rule, reason.value));
  }
  if (is_accuracy) {
    for (const std::string& reason : result_.reasons) error("accuracy: " + reason);
    return;
  }
  result_.measurement = *std::move(measured);
  has_performance_ = true;
}

void Test::write_logs() {
  const LogOutputSettings& output = log_settings_.log_output;
  std::string date;
  if (output.prefix_with_datetime) date = log_.started_at + "_";
  const auto path = [&](std::string_view kind) {
    const std::size_t dot = kind.find('.');
    return std::filesystem::path(output.outdir) / fmt::format("{}{}{}{}{}", output.prefix, date,
                                                              kind.substr(0, dot), output.suffix,
                                                              kind.substr(dot));
  };
  const std::string summary = summary_log(log_);
  const std::string detail = detail_log(log_);
  std::vector<lode::Status> written = {write_log(path("summary.txt"), summary),
                                       write_log(path("detail.txt"), detail),
                                       write_log(path("accuracy.json"), accuracy_.text())};
  if (log_settings_.enable_trace) {
    const bool overlaps = log_.requested.scenario == TestScenario::Server;
    written.push_back(
        write_log(path("trace.json"), trace_log(result_.measurement.raw, log_.sut_name, overlaps)));
  }
  for (const lode::Status& status : written) {
    if (!status.ok()) result_.reasons.push_back(status.error().message);
  }
  if (output.copy_summary_to_stdout) std::fwrite(summary.data(), 1, summary.size(), stdout);
  if (output.copy_detail_to_stdout) std::fwrite(detail.data(), 1, detail.size(), stdout);
}

TestResult Test::run(const std::string& audit_config) {
  read_audit(audit_config);
  apply_test05();
  if (log_.requested.use_token_latencies) {
    const bool has_first = log_.requested.scenario != TestScenario::Offline;
    accuracy_.token_fields = has_first ? TokenFields::kCountAndFirst : TokenFields::kCount;
  }
  log_.errors = take_config_errors();
  describe();
  if (log_.errors.empty()) {
    const TestMode mode = log_.requested.mode;
    if (mode == TestMode::SubmissionRun) run_mode(TestMode::AccuracyOnly);
    run_mode(mode == TestMode::SubmissionRun ? TestMode::PerformanceOnly : mode);
  }
  if (log_.requested.server_num_issue_query_threads > 0) IssueThreads::instance().release();
  if (has_performance_) log_.performance = &result_.measurement;
  result_.valid = log_.errors.empty() && (!has_performance_ || result_.measurement.verdict.valid);
  result_.reasons.insert(result_.reasons.begin(), log_.errors.begin(), log_.errors.end());
  write_logs();
  return std::move(result_);
}

}  // namespace

TestResult RunTest(SystemUnderTest* sut, QuerySampleLibrary* qsl,
                   const TestSettings& requested_settings, const LogSettings& log_settings,
                   const std::string& audit_config_filename) {
  Test test(*sut, *qsl, requested_settings, log_settings);
  return test.run(audit_config_filename);
}

void StartTest(SystemUnderTest* sut, QuerySampleLibrary* qsl,
               const TestSettings& requested_settings, const LogSettings& log_settings,
               const std::string audit_config_filename) {
  (void)RunTest(sut, qsl, requested_settings, log_settings, audit_config_filename);
}

void AbortTest() {
  Running::instance().abort();
}

void QuerySamplesComplete(QuerySampleResponse* responses, std::size_t response_count,
                          const ResponseCallback& response_cb) {
  Sessions::instance().deliver(Sessions::Part::kAnswer, responses, response_count, response_cb);
}

void FirstTokenComplete(QuerySampleResponse* responses, std::size_t response_count,
                        const ResponseCallback& response_cb) {
  Sessions::instance().deliver(Sessions::Part::kFirstToken, responses, response_count, response_cb);
}

void RegisterIssueQueryThread() {
  IssueThreads::instance().lend();
}

}  // namespace mlperf
