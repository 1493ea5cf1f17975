#include "config/keys.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "base/rng.h"
#include "base/units.h"
#include "config/presets.h"
#include "config/values.h"
#include "loadgen/arrivals.h"

namespace lode::config {
namespace {

using loadgen::Mode;
using loadgen::Scenario;
using loadgen::Settings;

constexpr std::array kMultiStream = {Scenario::kMultiStream};
constexpr std::array kSingleStream = {Scenario::kSingleStream};
constexpr std::array kServer = {Scenario::kServer};
constexpr std::array kOffline = {Scenario::kOffline};
constexpr std::array kLatencyBound = {Scenario::kSingleStream, Scenario::kMultiStream,
                                      Scenario::kServer};
constexpr std::array kAccuracy = {Mode::kAccuracy};
constexpr std::array kPerformance = {Mode::kPerformance};
constexpr std::array kEngine = {SutKind::kEngine};
constexpr std::array kDelay = {SutKind::kDelay};
constexpr std::array kProcess = {SutKind::kProcess};
constexpr std::array kModelled = {SutKind::kEngine, SutKind::kProcess};
constexpr std::array kWorkers = {SutKind::kEngine, SutKind::kDelay, SutKind::kProcess};

constexpr std::array<std::string_view, 4> kScenarios = {"single-stream", "multi-stream", "server",
                                                        "offline"};
constexpr std::array<std::string_view, 2> kModes = {"performance", "accuracy"};
constexpr std::array<std::string_view, 4> kPrecisions = {"fp32", "fp16", "int8-static",
                                                         "int8-dynamic"};
constexpr std::array<std::string_view, 2> kSwitch = {"off", "on"};
constexpr std::array<std::string_view, 3> kPlainSuts = {"engine", "null", "delay"};
constexpr std::array<std::string_view, 4> kSuts = {"engine", "null", "delay",
                                                   "process:NAME-or-COMMAND"};
constexpr std::array<std::string_view, 4> kSutNames = {"engine", "null", "delay", "process"};
constexpr std::string_view kProcessPrefix = "process:";
constexpr std::array<std::string_view, 6> kIsas = {"best",   "generic",     "avx2",
                                                   "avx512", "avx512-vnni", "avx512-amx"};
constexpr std::array<std::string_view, 3> kStreamSeeds = {"qsl_seed", "sample_index_seed",
                                                          "schedule_seed"};

Status set_scenario(RunConfig& config, std::string_view text) {
  std::string name;
  LODE_CHECK_OK(read_choice(text, kScenarios, name));
  config.settings.scenario = *loadgen::scenario_from_name(name);
  return {};
}

Status set_mode(RunConfig& config, std::string_view text) {
  std::string name;
  LODE_CHECK_OK(read_choice(text, kModes, name));
  config.settings.mode = *loadgen::mode_from_name(name);
  return {};
}

Status set_precision(RunConfig& config, std::string_view text) {
  std::string name;
  LODE_CHECK_OK(read_choice(text, kPrecisions, name));
  config.precision = std::move(name);
  return {};
}

Status set_round_activations(RunConfig& config, std::string_view text) {
  std::string name;
  LODE_CHECK_OK(read_choice(text, kSwitch, name));
  config.round_activations = name == "on";
  return {};
}

Status set_sut(RunConfig& config, std::string_view text) {
  config.process.clear();
  if (text.starts_with(kProcessPrefix)) {
    config.sut = SutKind::kProcess;
    config.process = text.substr(kProcessPrefix.size());
    if (config.process.empty()) return usage_error("'{}' names no process; use {}", text, kSuts[3]);
    return {};
  }
  const auto at = std::find(kPlainSuts.begin(), kPlainSuts.end(), text) - kPlainSuts.begin();
  if (at == std::ssize(kPlainSuts)) {
    return usage_error("'{}' is not known; use {}", text, join_choices(kSuts));
  }
  config.sut = static_cast<SutKind>(at);
  return {};
}

std::string sut_text(const RunConfig& config) {
  return fmt::format("{}{}{}", sut_name(config.sut), config.process.empty() ? "" : ":",
                     config.process);
}

template <auto kMember>
Status set_switch(RunConfig& config, std::string_view text) {
  std::string name;
  LODE_CHECK_OK(read_choice(text, kSwitch, name));
  config.settings.*kMember = name == "on";
  return {};
}
template <auto kMember>
std::string switch_text(const RunConfig& config) {
  return std::string(kSwitch[config.settings.*kMember ? 1 : 0]);
}

Status set_preset(RunConfig& config, std::string_view text) {
  std::vector<std::string_view> names;
  for (const Preset& preset : all_presets()) names.push_back(preset.name);
  return read_choice(text, names, config.preset);
}

/// Each stream's seed comes from the run's seed and the stream's name, so that no two coincide.
Status set_seed(RunConfig& config, std::string_view text) {
  std::uint64_t seed = 0;
  LODE_CHECK_OK(read_count(text, 0, UINT64_MAX, seed));
  const auto derive = [seed](std::string_view stream) {
    Rng rng = make_rng(seed, stream);
    const std::uint64_t high = rng();
    return high << 32 | rng();
  };
  config.seed = seed;
  config.settings.qsl_seed = derive("qsl_seed");
  config.settings.sample_index_seed = derive("sample_index_seed");
  config.settings.schedule_seed = derive("schedule_seed");
  return {};
}

Status set_text(std::string& out, std::string_view text) {
  if (text.empty()) return usage_error("the value is empty");
  out = text;
  return {};
}

constexpr std::uint64_t kMostWorkers = 1024;
constexpr std::uint64_t kMostBatch = 65536;
constexpr std::uint64_t kMostQueries = 1ULL << 40;

/// The field that a member pointer of RunConfig, or of its settings, stands for.
template <auto kMember, typename Config>
auto& field(Config& config) {
  if constexpr (std::is_invocable_v<decltype(kMember), RunConfig&>) {
    return config.*kMember;
  } else {
    return config.settings.*kMember;
  }
}

template <auto kMember, std::uint64_t kLow, std::uint64_t kHigh>
Status set_count(RunConfig& config, std::string_view text) {
  return read_count(text, kLow, kHigh, field<kMember>(config));
}
template <auto kMember>
std::string count_text(const RunConfig& config) {
  return std::to_string(field<kMember>(config));
}

template <auto kMember>
Status set_duration(RunConfig& config, std::string_view text) {
  return read_duration(text, field<kMember>(config));
}
template <auto kMember>
std::string duration_text(const RunConfig& config) {
  return format_duration_exact(field<kMember>(config));
}

template <auto kMember>
Status set_path(RunConfig& config, std::string_view text) {
  return read_path(text, field<kMember>(config));
}
template <auto kMember>
std::string path_text(const RunConfig& config) {
  return field<kMember>(config).string();
}

template <auto kMember>
std::string optional_text(const RunConfig& config) {
  const auto& value = field<kMember>(config);
  return value.has_value() ? number_text(*value) : "";
}

Status set_target_qps(RunConfig& config, std::string_view text) {
  return read_positive(text, config.settings.target_qps);
}
std::string target_qps_text(const RunConfig& config) {
  const double qps = config.settings.target_qps;
  return qps > 0 ? number_text(qps) : "";
}

Status set_arrivals(RunConfig& config, std::string_view text) {
  loadgen::Arrivals arrivals;
  constexpr std::string_view kReplay = "replay:";
  if (text.starts_with(kReplay) && text.size() > kReplay.size()) {
    arrivals.kind = loadgen::Arrivals::Kind::kReplay;
  } else {
    LODE_TRY(arrivals, loadgen::parse_arrivals(text));
  }
  config.settings.arrivals = std::move(arrivals);
  config.arrivals = text;
  return {};
}

Status set_find_peak(RunConfig& config, std::string_view text) {
  std::string name;
  LODE_CHECK_OK(read_choice(text, kSwitch, name));
  config.find_peak = name == "on";
  return {};
}

Status set_trace(RunConfig& config, std::string_view text) {
  std::string name;
  LODE_CHECK_OK(read_choice(text, kSwitch, name));
  config.trace = name == "on";
  return {};
}

Status set_spin(RunConfig& config, std::string_view text) {
  return read_duration(text, config.spin_ns.emplace());
}
std::string spin_text(const RunConfig& config) {
  return config.spin_ns ? format_duration_exact(*config.spin_ns) : "";
}

Status set_expected_qps(RunConfig& config, std::string_view text) {
  return read_positive(text, config.settings.offline_expected_qps);
}
std::string expected_qps_text(const RunConfig& config) {
  const double qps = config.settings.offline_expected_qps;
  return qps > 0 ? number_text(qps) : "";
}

Status set_accuracy_target(RunConfig& config, std::string_view text) {
  return read_fraction(text, config.accuracy_target.emplace());
}

Status set_recorder_memory(RunConfig& config, std::string_view text) {
  return read_bytes(text, config.settings.recorder_memory_bytes);
}

Status set_disable_passes(RunConfig& config, std::string_view text) {
  const Status read = set_text(config.disable_passes, text);
  if (text == "none") config.disable_passes.clear();
  return read;
}

Status set_slowdown(RunConfig& config, std::string_view text) {
  double percent = 0.0;
  if (!text.ends_with('%')) return usage_error("'{}' is no share; write 2% or 0.5%", text);
  LODE_CHECK_OK(read_positive(text.substr(0, text.size() - 1), percent));
  constexpr double kMostPercent = 1000.0;
  if (percent > kMostPercent) return usage_error("'{}' is above {}%", text, kMostPercent);
  config.sut_slowdown_percent = percent;
  return {};
}
std::string slowdown_text(const RunConfig& config) {
  const double percent = config.sut_slowdown_percent;
  return percent > 0 ? number_text(percent) + "%" : "";
}

std::string cpus_text(const RunConfig& config) {
  std::string text;
  for (const int cpu : config.cpus) {
    if (!text.empty()) text += ',';
    text += std::to_string(cpu);
  }
  return text;
}

// What is measured.
// clang-format off
constexpr KeySpec kSubjectKeys[] = {
    {.name = "preset", .type = ValueType::kText,
     .doc = "a named set of values below the file: quick, mlperf-edge or mlperf-edge-literal",
     .set = set_preset,
     .text = [](const RunConfig& c) { return c.preset; }},
    {.name = "model", .type = ValueType::kPath, .doc = "the model, an ONNX file",
     .applies = {{}, {}, kModelled},
     .set = set_path<&RunConfig::model>, .text = path_text<&RunConfig::model>},
    {.name = "dataset", .type = ValueType::kPath,
     .doc = "the samples, an HDF5 file made by lode dataset",
     .set = set_path<&RunConfig::dataset>, .text = path_text<&RunConfig::dataset>},
    {.name = "scenario", .type = ValueType::kChoice, .doc = "how queries arrive",
     .choices = kScenarios, .set = set_scenario,
     .text = [](const RunConfig& c) { return std::string(scenario_name(c.settings.scenario)); }},
    {.name = "mode", .type = ValueType::kChoice,
     .doc = "performance, or accuracy: every sample once, scored against its label",
     .choices = kModes, .set = set_mode,
     .text = [](const RunConfig& c) { return std::string(mode_name(c.settings.mode)); }},
    {.name = "precision", .type = ValueType::kChoice,
     .doc = "what the model must hold; all but fp32 are made of an FP32 model at load",
     .choices = kPrecisions, .applies = {{}, {}, kModelled},
     .set = set_precision, .text = [](const RunConfig& c) { return c.precision; }},
    {.name = "round_activations", .type = ValueType::kChoice,
     .doc = "on: what each operator makes is rounded to half, as half activations would be",
     .choices = kSwitch, .applies = {{}, {}, kEngine},
     .set = set_round_activations,
     .text = [](const RunConfig& c) { return std::string(kSwitch[c.round_activations ? 1 : 0]); }},
    {.name = "calibration", .type = ValueType::kPath,
     .doc = "a dataset whose /calibration samples int8-static may see; the run's own by default",
     .set = set_path<&RunConfig::calibration>, .text = path_text<&RunConfig::calibration>},
    {.name = "output", .type = ValueType::kPath,
     .doc = "the run directory to make; absent or empty", .recorded = false,
     .set = set_path<&RunConfig::output>, .text = path_text<&RunConfig::output>},
};

// What runs it.
constexpr KeySpec kSutKeys[] = {
    {.name = "sut", .type = ValueType::kChoice,
     .doc = "system under test: the engine, null (answers at once), delay (a stated latency), or "
            "an adapter or program of its own (process:onnxruntime)",
     .choices = kSuts, .set = set_sut, .text = sut_text},
    {.name = "sut_options", .type = ValueType::kText,
     .doc = "NAME=VALUE,... in the words of the process: intra_op_num_threads=2, NUM_STREAMS=1",
     .applies = {{}, {}, kProcess}, .holds_commas = true,
     .set = [](RunConfig& c, std::string_view t) { return set_text(c.sut_options, t); },
     .text = [](const RunConfig& c) { return c.sut_options; }},
    {.name = "sut_environment", .type = ValueType::kText,
     .doc = "NAME=VALUE,... that the process finds in its environment",
     .applies = {{}, {}, kProcess}, .holds_commas = true,
     .set = [](RunConfig& c, std::string_view t) { return set_text(c.sut_environment, t); },
     .text = [](const RunConfig& c) { return c.sut_environment; }},
    {.name = "start_timeout", .type = ValueType::kDuration,
     .doc = "how long the process may take to get ready", .applies = {{}, {}, kProcess},
     .set = set_duration<&RunConfig::start_timeout_ns>,
     .text = duration_text<&RunConfig::start_timeout_ns>},
    {.name = "delay", .type = ValueType::kText,
     .doc = "the delay SUT's latency: constant:1ms, uniform:1ms,3ms, exponential:2ms and others",
     .applies = {{}, {}, kDelay}, .holds_commas = true,
     .set = [](RunConfig& c, std::string_view t) { return set_text(c.delay, t); },
     .text = [](const RunConfig& c) { return c.delay; }},
    {.name = "batch", .type = ValueType::kCount, .doc = "most samples in one engine call",
     .set = set_count<&RunConfig::batch, 1, kMostBatch>,
     .text = count_text<&RunConfig::batch>},
    {.name = "threads", .type = ValueType::kCount, .doc = "threads of each instance",
     .applies = {{}, {}, kModelled},
     .set = set_count<&RunConfig::threads, 1, kMostWorkers>,
     .text = count_text<&RunConfig::threads>},
    {.name = "instances", .type = ValueType::kCount,
     .doc = "engines, processes, or servers of the delay SUT, that work side by side",
     .applies = {{}, {}, kWorkers},
     .set = set_count<&RunConfig::instances, 1, kMostWorkers>,
     .text = count_text<&RunConfig::instances>},
    {.name = "isa", .type = ValueType::kChoice, .doc = "cap on the instruction set",
     .choices = kIsas, .applies = {{}, {}, kEngine},
     .set = [](RunConfig& c, std::string_view t) { return read_choice(t, kIsas, c.isa); },
     .text = [](const RunConfig& c) { return c.isa; }},
    {.name = "disable_passes", .type = ValueType::kText,
     .doc = "passes of the engine to leave out, such as bf16x3,winograd (see lode model inspect "
            "--explain), or none",
     .applies = {{}, {}, kEngine}, .holds_commas = true,
     .set = set_disable_passes, .text = [](const RunConfig& c) { return c.disable_passes; }},
    {.name = "cpus", .type = ValueType::kCpuList,
     .doc = "processors to pin the workers to; not set: not pinned", .applies = {{}, {}, kModelled},
     .holds_commas = true,
     .set = [](RunConfig& c, std::string_view t) { return read_cpu_list(t, c.cpus); },
     .text = cpus_text},
    {.name = "sut_slowdown", .type = ValueType::kText,
     .doc = "a test aid: each answer is held back by this share of its service time, such as 2%",
     .set = set_slowdown, .text = slowdown_text},
};

// When it ends, and what makes it valid.
constexpr KeySpec kRuleKeys[] = {
    {.name = "min_duration", .type = ValueType::kDuration,
     .doc = "least time under load", .applies = {{}, kPerformance, {}},
     .set = set_duration<&Settings::min_duration_ns>,
     .text = duration_text<&Settings::min_duration_ns>},
    {.name = "max_duration", .type = ValueType::kDuration,
     .doc = "stops issuing after this time; 0s: no limit",
     .set = set_duration<&Settings::max_duration_ns>,
     .text = duration_text<&Settings::max_duration_ns>},
    {.name = "min_queries", .type = ValueType::kCount,
     .doc = "least queries (offline: samples)", .applies = {{}, kPerformance, {}},
     .set = set_count<&Settings::min_query_count, 1, kMostQueries>,
     .text = count_text<&Settings::min_query_count>},
    {.name = "max_queries", .type = ValueType::kCount,
     .doc = "stops issuing after this many queries; 0: no limit",
     .set = set_count<&Settings::max_query_count, 0, kMostQueries>,
     .text = count_text<&Settings::max_query_count>},
    {.name = "warmup", .type = ValueType::kCount,
     .doc = "uncounted queries before the clock starts", .applies = {{}, kPerformance, {}},
     .set = set_count<&Settings::warmup_queries, 0, kMostQueries>,
     .text = count_text<&Settings::warmup_queries>},
    {.name = "target_qps", .type = ValueType::kNumber, .doc = "arrivals in queries/s",
     .applies = {kServer, {}, {}},
     .set = set_target_qps, .text = target_qps_text},
    {.name = "arrivals", .type = ValueType::kText,
     .doc = "how queries arrive: poisson, constant, burst:N, step:QPS@TIME,... or replay:FILE",
     .applies = {kServer, {}, {}}, .holds_commas = true,
     .set = set_arrivals, .text = [](const RunConfig& c) { return c.arrivals; }},
    {.name = "find_peak", .type = ValueType::kChoice,
     .doc = "on: searches for the highest rate that holds target_latency, from target_qps on",
     .choices = kSwitch, .applies = {kServer, kPerformance, {}},
     .set = set_find_peak,
     .text = [](const RunConfig& c) { return std::string(kSwitch[c.find_peak ? 1 : 0]); }},
    {.name = "coalesce", .type = ValueType::kChoice,
     .doc = "on: queries that are due already go to the system under test in one call",
     .choices = kSwitch, .applies = {kServer, {}, {}},
     .set = set_switch<&Settings::coalesce>, .text = switch_text<&Settings::coalesce>},
    {.name = "issue_threads", .type = ValueType::kCount,
     .doc = "threads that issue queries in turn, for a system under test that keeps them long",
     .applies = {kServer, {}, {}},
     .set = set_count<&Settings::issue_threads, 1, 256>,
     .text = count_text<&Settings::issue_threads>},
    {.name = "concurrency", .type = ValueType::kCount,
     .doc = "queries that wait for their answers at once",
     .applies = {kSingleStream, {}, {}},
     .set = set_count<&Settings::concurrency, 1, 1U << 20>,
     .text = count_text<&Settings::concurrency>},
    {.name = "target_latency", .type = ValueType::kDuration,
     .doc = "the run is INVALID if the scenario's percentile is above; 0s: no limit",
     .applies = {kLatencyBound, kPerformance, {}},
     .set = set_duration<&Settings::target_latency_ns>,
     .text = duration_text<&Settings::target_latency_ns>},
    {.name = "early_stopping", .type = ValueType::kChoice,
     .doc = "on: MLPerf's early stopping decides whether there were enough queries",
     .choices = kSwitch, .applies = {{}, kPerformance, {}},
     .set = set_switch<&Settings::early_stopping>, .text = switch_text<&Settings::early_stopping>},
    {.name = "samples_per_query", .type = ValueType::kCount, .doc = "samples of each query",
     .applies = {kMultiStream, {}, {}},
     .set = set_count<&Settings::samples_per_query, 1, kMostBatch>,
     .text = count_text<&Settings::samples_per_query>},
    {.name = "expected_qps", .type = ValueType::kNumber,
     .doc = "samples/s that size the one query; not set: measured during warm-up",
     .applies = {kOffline, kPerformance, {}},
     .set = set_expected_qps,
     .text = expected_qps_text},
    {.name = "offline_min_samples", .type = ValueType::kCount,
     .doc = "least samples of the one query",
     .applies = {kOffline, kPerformance, {}},
     .set = set_count<&Settings::offline_min_samples, 0, kMostQueries>,
     .text = count_text<&Settings::offline_min_samples>},
    {.name = "accuracy_target", .type = ValueType::kFraction,
     .doc = "least top-1 accuracy; exit code 4 below it", .applies = {{}, kAccuracy, {}},
     .set = set_accuracy_target,
     .text = optional_text<&RunConfig::accuracy_target>},
};

// How it is drawn and kept.
constexpr KeySpec kDrawKeys[] = {
    {.name = "performance_samples", .type = ValueType::kCount,
     .doc = "samples held in memory at once; 0: all, at most 1024",
     .set = set_count<&Settings::performance_sample_count, 0, kMostQueries>,
     .text = count_text<&Settings::performance_sample_count>},
    {.name = "seed", .type = ValueType::kCount,
     .doc = "one number from which the three seeds below derive; not set: those of MLPerf v6.1",
     .also_sets = kStreamSeeds, .set = set_seed,
     .text = [](const RunConfig& c) { return c.seed.has_value() ? std::to_string(*c.seed) : ""; }},
    {.name = "qsl_seed", .type = ValueType::kCount, .doc = "seed of the loaded sets, modulo 2^32",
     .set = set_count<&Settings::qsl_seed, 0, UINT64_MAX>,
     .text = count_text<&Settings::qsl_seed>},
    {.name = "sample_index_seed", .type = ValueType::kCount,
     .doc = "seed of the order of samples, modulo 2^32",
     .set = set_count<&Settings::sample_index_seed, 0, UINT64_MAX>,
     .text = count_text<&Settings::sample_index_seed>},
    {.name = "schedule_seed", .type = ValueType::kCount,
     .doc = "seed of server's arrivals and of the delay SUT's service times, modulo 2^32",
     .set = set_count<&Settings::schedule_seed, 0, UINT64_MAX>,
     .text = count_text<&Settings::schedule_seed>},
    {.name = "spin", .type = ValueType::kDuration,
     .doc = "how long the issuing thread spins before it sleeps, and before a query is due; not "
            "set: 20ms if a processor is left over, otherwise 50us in server and 0s elsewhere",
     .set = set_spin, .text = spin_text},
    {.name = "trace", .type = ValueType::kChoice,
     .doc = "on: also writes the queries for chrome://tracing and Perfetto, mlperf_log_trace.json",
     .choices = kSwitch, .recorded = false, .set = set_trace,
     .text = [](const RunConfig& c) { return std::string(kSwitch[c.trace ? 1 : 0]); }},
    {.name = "query_timeout", .type = ValueType::kDuration,
     .doc = "a query without answer for so long ends the run as INVALID",
     .set = set_duration<&Settings::query_timeout_ns>,
     .text = duration_text<&Settings::query_timeout_ns>},
    {.name = "recorder_memory", .type = ValueType::kBytes,
     .doc = "most memory for recorded times; reaching it ends the run",
     .set = set_recorder_memory,
     .text = [](const RunConfig& c) { return bytes_text(c.settings.recorder_memory_bytes); }},
};
// clang-format on

std::vector<KeySpec> join_keys() {
  std::vector<KeySpec> keys;
  const auto add = [&keys](std::span<const KeySpec> group) {
    for (const KeySpec& key : group) keys.push_back(key);
  };
  add(kSubjectKeys);
  add(kSutKeys);
  add(kRuleKeys);
  add(kDrawKeys);
  return keys;
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

template <typename T>
bool lacks(std::span<const T> allowed, T value) {
  return !allowed.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end();
}

template <typename T, typename Name>
std::string join_names(std::span<const T> values, Name name) {
  std::vector<std::string_view> names;
  for (const T value : values) names.push_back(name(value));
  return join_choices(names);
}

}  // namespace

std::string_view sut_name(SutKind kind) {
  return kSutNames[static_cast<std::size_t>(kind)];
}

std::string_view value_type_hint(ValueType type) {
  switch (type) {
    case ValueType::kText:
      return "TEXT";
    case ValueType::kPath:
      return "PATH";
    case ValueType::kChoice:
      return "NAME";
    case ValueType::kCount:
      return "N";
    case ValueType::kNumber:
      return "NUMBER";
    case ValueType::kFraction:
      return "0..1";
    case ValueType::kDuration:
      return "TIME (10s, 15ms, 500us)";
    case ValueType::kBytes:
      return "SIZE (512MiB, 1GB)";
    case ValueType::kCpuList:
      return "LIST (0,1 or 0-3)";
  }
  return "";
}

std::span<const KeySpec> all_keys() {
  static const std::vector<KeySpec> kKeys = join_keys();
  return kKeys;
}

const KeySpec* find_key(std::string_view name) {
  for (const KeySpec& key : all_keys()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  // A longer name than any of ours cannot be a slip of the keyboard; and the cost stays bounded.
  constexpr std::size_t kLongest = 64;
  if (name.size() > kLongest) return {};
  std::string_view best;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < least && distance < candidate.size()) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string_view nearest_key(std::string_view name) {
  std::vector<std::string_view> names;
  for (const KeySpec& key : all_keys()) names.push_back(key.name);
  return nearest(name, names);
}

std::string flag_name(std::string_view key) {
  std::string name = "--";
  name += key;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string environment_name(std::string_view key) {
  std::string name = "LODE_SET_";
  for (const char c : key) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string why_meaningless(const KeySpec& key, const RunConfig& config) {
  const auto reason = [](std::string_view kind, std::string_view name, const std::string& wanted) {
    return fmt::format("means nothing {} {} (it is for {}); remove it", kind, name, wanted);
  };
  if (lacks(key.applies.scenarios, config.settings.scenario)) {
    return reason("in scenario", scenario_name(config.settings.scenario),
                  join_names(key.applies.scenarios, loadgen::scenario_name));
  }
  if (lacks(key.applies.modes, config.settings.mode)) {
    return reason("in mode", mode_name(config.settings.mode),
                  join_names(key.applies.modes, loadgen::mode_name));
  }
  if (lacks(key.applies.suts, config.sut)) {
    return reason("with sut", sut_name(config.sut), join_names(key.applies.suts, sut_name));
  }
  return {};
}

std::string default_text(const KeySpec& key) {
  return key.text(RunConfig{});
}

std::string value_text(const KeySpec& key) {
  return key.choices.empty() ? std::string(value_type_hint(key.type)) : join_choices(key.choices);
}

std::string applies_text(const KeySpec& key) {
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!text.empty() && !part.empty()) text += "; ";
    text += part;
  };
  add(join_names(key.applies.scenarios, loadgen::scenario_name));
  if (!key.applies.modes.empty()) {
    add(fmt::format("mode {}", join_names(key.applies.modes, loadgen::mode_name)));
  }
  if (!key.applies.suts.empty()) {
    add(fmt::format("sut {}", join_names(key.applies.suts, sut_name)));
  }
  return text.empty() ? "all" : text;
}

std::string key_reference_markdown() {
  std::string text =
      "| key | value | default | for | meaning |\n"
      "|---|---|---|---|---|\n";
  for (const KeySpec& key : all_keys()) {
    const std::string standard = default_text(key);
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", key.name, value_text(key),
                        standard.empty() ? "not set" : fmt::format("`{}`", standard),
                        applies_text(key), key.doc);
  }
  return text;
}

}  // namespace lode::config
