#include "run/execute.h"

#include <chrono>
#include <optional>

#include "base/file_io.h"
#include "base/provenance.h"
#include "config/keys.h"
#include "config/resolve.h"
#include "loadgen/arrivals.h"
#include "loadgen/peak_search.h"
#include "run/mlperf_files.h"
#include "run/monitor.h"
#include "run/resources.h"
#include "run/scorer.h"
#include "run/subject.h"

namespace lode::run {
namespace {

using config::ResolvedConfig;
using config::ValueType;
using record::Record;

/// Ten readings a second: twice what the eye wants of a curve, and the ticks of /proc/stat.
constexpr std::int64_t kMonitorIntervalNs = 100'000'000;

std::int64_t unix_ms_now() {
  using std::chrono::duration_cast;
  return duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// A setting as the record holds it: numbers as numbers, all else as YAML spells it.
record::ConfigValue config_value(const ResolvedConfig& config, const config::Setting& setting) {
  switch (config::find_key(setting.key)->type) {
    case ValueType::kCount:
      return static_cast<std::uint64_t>(std::stoull(setting.text));
    case ValueType::kNumber:
    case ValueType::kFraction:
      return std::stod(setting.text);
    case ValueType::kCpuList:
      return std::vector<std::int64_t>(config.values.cpus.begin(), config.values.cpus.end());
    default:
      return setting.text;
  }
}

std::vector<record::ConfigEntry> config_entries(const ResolvedConfig& config,
                                                const Subject& subject) {
  std::vector<record::ConfigEntry> entries;
  for (const config::Setting& setting : config.settings) {
    if (!config::find_key(setting.key)->recorded || setting.key == "calibration") continue;
    entries.push_back(
        {std::string(setting.key), config_value(config, setting), setting.source.where});
  }
  if (subject.model.has_value()) {
    const bool given = !config.values.calibration.empty();
    const std::string used = subject.calibration.empty() ? "unused" : subject.calibration.string();
    entries.push_back({"calibration", used, given ? config.where("calibration") : "default"});
  }
  return entries;
}

Record describe(const ResolvedConfig& config, const Subject& subject, std::string_view command) {
  Record record;
  const std::int64_t now_ms = unix_ms_now();
  const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
  record.id = record::make_run_id(
      now_ms, fmt::format("{} {} {}", ticks, config.values.output.string(), command));
  record.started_at = record::format_utc(now_ms);
  record.command = command;
  record.config = config_entries(config, subject);
  record.system = read_system_info();
  const Provenance& build = provenance();
  record.build = {std::string(build.version), std::string(build.commit),
                  std::string(build.compiler), std::string(build.build_type)};
  record.model = subject.model;
  record.dataset = subject.dataset;
  record.scenario = scenario_name(config.values.settings.scenario);
  record.mode = mode_name(config.values.settings.mode);
  return record;
}

record::SutInfo describe_sut(const loadgen::SystemUnderTest& sut) {
  record::SutInfo info{.name = sut.name(), .transport = std::nullopt};
  if (const auto cost = sut.facts().transport) {
    info.transport = record::Transport{.round_trips = cost->round_trips,
                                       .p50_ns = cost->p50_ns,
                                       .p99_ns = cost->p99_ns,
                                       .paused_round_trips = cost->paused_round_trips,
                                       .paused_p50_ns = cost->paused_p50_ns,
                                       .paused_p99_ns = cost->paused_p99_ns};
  }
  return info;
}

/// Who decided that early stopping was not applied.
std::string early_stopping_note(const ResolvedConfig& config, const std::string& measured) {
  for (const config::Setting& setting : config.settings) {
    if (setting.key != "early_stopping" || setting.source.origin == config::Origin::kDefault) {
      continue;
    }
    return fmt::format("waived by {}", setting.source.where);
  }
  return measured;
}

/// The settings with what the configuration only names: the times of a replay.
Result<loadgen::Settings> complete_settings(const ResolvedConfig& config) {
  loadgen::Settings settings = config.values.settings;
  if (settings.arrivals.kind != loadgen::Arrivals::Kind::kReplay) return settings;
  const std::string& text = config.values.arrivals;
  const std::filesystem::path file = text.substr(text.find(':') + 1);
  if (file.extension() == ".h5") {
    LODE_TRY(record::RawTimes raw, record::read_samples(file));
    settings.arrivals.times_ns = std::move(raw.scheduled_ns);
    if (settings.arrivals.times_ns.empty()) {
      return runtime_error("{}: '{}' holds no query", config.where("arrivals"), file.string());
    }
    return settings;
  }
  LODE_TRY(const std::string lines, read_file(file));
  auto times_ns = loadgen::parse_arrival_times(lines);
  if (!times_ns.ok()) return times_ns.error().within(file.string());
  settings.arrivals.times_ns = *std::move(times_ns);
  return settings;
}

/// One test, or the best of a search for the highest rate.
Result<record::Measurement> measure(const config::RunConfig& values,
                                    const loadgen::Settings& settings, const Subject& subject,
                                    const loadgen::TestHooks& hooks) {
  if (!values.find_peak) {
    return loadgen::run_test(*subject.sut, *subject.library, settings, *subject.clock, hooks);
  }
  LODE_TRY(loadgen::PeakSearch search,
           loadgen::find_peak_qps(*subject.sut, *subject.library, settings, *subject.clock, hooks,
                                  {.qps = 0.0}));
  return std::move(search.measurement);
}

record::Answers answers_to(const record::RawTimes& raw, const Scorer& scorer,
                           const SampleLibrary& library) {
  record::Answers answers;
  for (const std::int64_t sample : raw.sample_index) {
    const auto index = static_cast<SampleIndex>(sample);
    answers.predicted.push_back(scorer.predicted(index));
    answers.label.push_back(library.label(index));
  }
  return answers;
}

/// Names the directory asked for where an error names its staging place.
Error in_users_terms(const Error& error, const PendingDirectory& directory,
                     const std::filesystem::path& output) {
  Error told = error;
  const std::string staging = directory.staging().string();
  for (auto at = told.message.find(staging); at != std::string::npos;
       at = told.message.find(staging, at + output.string().size())) {
    told.message.replace(at, staging.size(), output.string());
  }
  return told;
}

Status write_files(const ResolvedConfig& config, const RunOutcome& outcome,
                   const std::filesystem::path& folder) {
  LODE_CHECK_OK(record::write_samples(outcome.raw, outcome.record.id, folder / record::kSamplesFile,
                                      outcome.answers));
  LODE_CHECK_OK(
      write_file_atomically(folder / record::kConfigFile, config::effective_yaml(config)));
  return write_file_atomically(folder / record::kResultFile, record::to_json(outcome.record));
}

}  // namespace

Result<RunOutcome> execute(const ResolvedConfig& config, std::string_view command,
                           const RunHooks& hooks) {
  LODE_CHECK_OK(config::check_complete(config));
  const config::RunConfig& values = config.values;
  LODE_TRY(PendingDirectory directory, PendingDirectory::create(values.output));
  LODE_TRY(const Subject subject, open_subject(config, hooks.interrupted));

  RunOutcome outcome;
  outcome.directory = values.output;
  outcome.record = describe(config, subject, command);
  Record& record = outcome.record;

  LODE_TRY(const loadgen::Settings settings, complete_settings(config));
  loadgen::TestHooks test_hooks{.interrupted = hooks.interrupted,
                                .progress = hooks.progress,
                                .outputs = {},
                                .issue_threads = {},
                                .kept_alive = {}};
  MlperfFiles files;
  std::optional<Scorer> scorer;
  if (values.settings.mode == loadgen::Mode::kAccuracy) {
    scorer.emplace(*subject.library);
    test_hooks.outputs = [&](loadgen::SampleId id, SampleIndex index,
                             std::span<const std::byte> output) {
      const Status scored = scorer->add(index, output);
      if (scored.ok()) files.add_output(id, index, output);
      return scored;
    };
  }
  files.begin(subject.sut->name(), *subject.library);
  const std::vector<int> processes = subject.sut->facts().processes;
  Monitor monitor({.root = "/",
                   .cpus = record.system.affinity,
                   .sut_processes = processes,
                   .interval_ns = kMonitorIntervalNs});
  auto measured = measure(values, settings, subject, test_hooks);
  record.monitoring = monitor.stop();
  if (!measured.ok()) return measured.error();
  record::Measurement measurement = *std::move(measured);
  LODE_CHECK_OK(files.write(settings, measurement, values.trace, directory.staging()));
  record.sut = describe_sut(*subject.sut);
  record.interrupted = measurement.interrupted;
  record.verdict = std::move(measurement.verdict);
  record.metrics = std::move(measurement.metrics);
  record.warmup_queries = measurement.warmup_queries;
  record.expected_qps = measurement.expected_qps;
  record::EarlyStopping& early = record.metrics.early_stopping;
  if (!early.applied) early.note = early_stopping_note(config, early.note);
  if (scorer.has_value()) {
    LODE_TRY(record.accuracy, scorer->result());
    record.accuracy->target_top1 = values.accuracy_target;
    outcome.answers = answers_to(measurement.raw, *scorer, *subject.library);
    record.accuracy->calibration_seen = subject.calibration_seen.size();
  }
  record.resources = read_resources();
  add_sut_resources(processes, "/", record.resources);
  outcome.raw = std::move(measurement.raw);

  Status written = write_files(config, outcome, directory.staging());
  if (written.ok()) written = directory.commit();
  if (!written.ok()) return in_users_terms(written.error(), directory, values.output);
  return outcome;
}

bool missed_accuracy(const Record& record) {
  return record.accuracy.has_value() && record.accuracy->target_top1.has_value() &&
         record.accuracy->top1 < *record.accuracy->target_top1;
}

}  // namespace lode::run
