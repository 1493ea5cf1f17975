// What the load generator itself costs and how precisely it paces, with a SUT that answers inline:
// the table that README and docs/loadgen.md quote. Figures are medians of five.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>
#include <vector>

#include "loadgen/load_generator.h"
#include "loadgen/mlperf/logs.h"
#include "loadgen/recorder.h"
#include "results/record/record.h"
#include "run/index_library.h"
#include "sut/sut_list.h"

namespace {

using lode::loadgen::Scenario;
using lode::loadgen::Settings;
using lode::record::Measurement;

constexpr std::uint64_t kQueries = 1'000'000;
constexpr int kRepeats = 5;

Measurement run(const Settings& settings) {
  lode::run::IndexLibrary library(1024);
  lode::RealClock clock(20'000'000);
  lode::sut::SutRequest request;
  request.name = "null";
  const auto sut = lode::sut::make_sut(request, library, clock);
  auto result = lode::loadgen::run_test(**sut, library, settings, clock, {});
  if (!result.ok()) {
    fmt::print(stderr, "{}\n", result.error().message);
    std::exit(1);
  }
  return std::move(result).value();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Settings unpaced(Scenario scenario) {
  Settings settings;
  settings.scenario = scenario;
  settings.min_duration_ns = 0;
  settings.min_query_count = kQueries;
  if (scenario == Scenario::kMultiStream) settings.min_query_count = kQueries / 8;
  if (scenario == Scenario::kServer) settings.target_qps = 1e9;
  if (scenario == Scenario::kOffline) settings.offline_expected_qps = 1.0;
  return settings;
}

/// ns of the timed window for each query (multi-stream, offline: sample), and the bytes kept.
void print_issue_cost() {
  using lode::loadgen::Recorder;
  fmt::print("{:<24}{:>12}{:>12}\n", "null SUT, 1M, unpaced", "ns", "bytes kept");
  const std::pair<Scenario, const char*> kRows[] = {
      {Scenario::kSingleStream, "single-stream query"},
      {Scenario::kMultiStream, "multi-stream sample"},
      {Scenario::kServer, "server query"},
      {Scenario::kOffline, "offline sample"}};
  for (const auto& [scenario, name] : kRows) {
    std::vector<double> costs;
    double bytes = 0.0;
    for (int i = 0; i < kRepeats; ++i) {
      const Measurement m = run(unpaced(scenario));
      const auto samples = static_cast<double>(m.metrics.samples);
      costs.push_back(static_cast<double>(m.metrics.duration_ns) / samples);
      bytes = sizeof(Recorder::Sample) +
              sizeof(Recorder::Query) * static_cast<double>(m.metrics.queries) / samples;
    }
    fmt::print("{:<24}{:>12.1f}{:>12.1f}\n", name, median(costs), bytes);
  }
}

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void print_write_cost(const std::filesystem::path& folder) {
  const Measurement m = run(unpaced(Scenario::kSingleStream));
  lode::record::Record record;
  record.metrics = m.metrics;
  record.verdict = m.verdict;
  mlperf::TestLog log;
  log.performance = &m;
  std::vector<double> writes;
  std::vector<double> traces;
  for (int i = 0; i < kRepeats; ++i) {
    writes.push_back(seconds([&] {
      (void)lode::record::write_samples(m.raw, "bench", folder / "samples.h5");
      (void)mlperf::write_log(folder / "result.json", lode::record::to_json(record));
      (void)mlperf::write_log(folder / "summary.txt", mlperf::summary_log(log));
      (void)mlperf::write_log(folder / "detail.txt", mlperf::detail_log(log));
    }));
    traces.push_back(seconds([&] {
      (void)mlperf::write_log(folder / "trace.json", mlperf::trace_log(m.raw, "null", false));
    }));
  }
  fmt::print("\nrecord, samples.h5 and logs of 1M queries: {:.3f} s; the trace: {:.3f} s more\n",
             median(writes), median(traces));
}

void print_pacing() {
  fmt::print("\n{:<24}{:>10}{:>10}{:>10}{:>10}\n", "server, issue lag (us)", "p50", "p99", "p99.9",
             "max");
  for (const double qps : {1e3, 1e4, 1e5, 1e6}) {
    Settings settings;
    settings.scenario = Scenario::kServer;
    settings.target_qps = qps;
    settings.min_duration_ns = 2'000'000'000;
    settings.min_query_count = 1;
    std::vector<lode::record::Distribution> lags;
    for (int i = 0; i < kRepeats; ++i) lags.push_back(*run(settings).metrics.issue_lag_ns);
    const auto median_us = [&](std::int64_t lode::record::Distribution::*figure) {
      std::vector<double> values;
      for (const auto& lag : lags) values.push_back(static_cast<double>(lag.*figure) / 1e3);
      return median(values);
    };
    using lode::record::Distribution;
    fmt::print("{:<24}{:>10.2f}{:>10.2f}{:>10.2f}{:>10.2f}\n", fmt::format("{:.0f} queries/s", qps),
               median_us(&Distribution::p50), median_us(&Distribution::p99),
               median_us(&Distribution::p99_9), median_us(&Distribution::max));
  }
  int valid = 0;
  for (int i = 0; i < kRepeats; ++i) {
    Settings settings;
    settings.scenario = Scenario::kServer;
    settings.target_qps = 5e6;
    settings.target_latency_ns = 100'000'000;  // MLPerf's default, 5% of which may be issue lag.
    settings.min_duration_ns = 5'000'000'000;
    settings.min_query_count = 1;
    settings.recorder_memory_bytes = 2ULL << 30;
    const Measurement m = run(settings);
    if (m.verdict.valid) ++valid;
    fmt::print("5,000,000 queries/s for 5 s: {}, held {:.0f}/s, issue lag p99 {:.2f} us\n",
               m.verdict.valid ? "VALID" : m.verdict.reasons.front().rule,
               m.metrics.throughput_samples_per_s,
               static_cast<double>(m.metrics.issue_lag_ns->p99) / 1e3);
  }
  fmt::print("VALID {} times of {}\n", valid, kRepeats);
}

/// Resident bytes of this process.
std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

/// Test after test of a million queries, for `duration_s` and a hundred million queries at least:
/// memory has to stay where it was after the first ones. Returns the exit code.
int soak(double duration_s) {
  constexpr std::uint64_t kAll = 100'000'000;
  constexpr std::int64_t kGrowthMax = 1 << 20;
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t queries = 0;
  std::int64_t first_bytes = 0;
  std::int64_t most_bytes = 0;
  for (int tests = 0;; ++tests) {
    queries += run(unpaced(Scenario::kSingleStream)).metrics.queries;
    malloc_trim(0);
    if (tests < 5) first_bytes = std::max(first_bytes, resident_bytes());
    most_bytes = std::max(most_bytes, resident_bytes());
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    if (queries >= kAll && elapsed.count() >= duration_s) break;
  }
  fmt::print("{} queries; memory grew by {} bytes beyond the first tests\n", queries,
             most_bytes - first_bytes);
  return most_bytes - first_bytes <= kGrowthMax ? 0 : 1;
}

}  // namespace

/// With a part's name ("cost", "write" or "pacing"), that part alone; "soak SECONDS": the long run.
int main(int argc, char** argv) {
  const std::string_view part = argc > 1 ? argv[1] : "";
  if (part == "soak") return soak(argc > 2 ? std::atof(argv[2]) : 600.0);
  if (part.empty() || part == "cost") print_issue_cost();
  if (part.empty() || part == "write") {
    const auto folder = std::filesystem::temp_directory_path() / "lode-loadgen-bench";
    std::filesystem::create_directories(folder);
    print_write_cost(folder);
    std::filesystem::remove_all(folder);
  }
  if (part.empty() || part == "pacing") print_pacing();
  return 0;
}
