// result.json -> Record, strictly.
#include <algorithm>
#include <cmath>

#include "base/file_io.h"
#include "results/record/json_cursor.h"
#include "results/record/record.h"

namespace lode::record {
namespace {

using Json = JsonCursor::Json;

/// Far above any record; a file beyond it is something else.
constexpr std::uintmax_t kMostBytes = 64U << 20;

std::uint64_t as_count(const JsonCursor& cursor) {
  return cursor.count();
}
double as_number(const JsonCursor& cursor) {
  return cursor.number();
}
bool as_boolean(const JsonCursor& cursor) {
  return cursor.boolean();
}
std::string as_text(const JsonCursor& cursor) {
  return cursor.text();
}

int as_int(const JsonCursor& cursor) {
  const std::int64_t value = cursor.integer();
  if (value >= 0 && value <= INT32_MAX) return static_cast<int>(value);
  cursor.fail("is out of range");
  return 0;
}

double as_fraction(const JsonCursor& cursor) {
  const double value = cursor.number();
  if (value < 0.0 || value > 1.0) cursor.fail("expected a fraction from 0 to 1");
  return value;
}

std::string as_choice(const JsonCursor& cursor, std::initializer_list<std::string_view> choices) {
  std::string text = cursor.text();
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    cursor.fail(fmt::format("'{}' is not known", text));
  }
  return text;
}

std::string as_sha256(const JsonCursor& cursor) {
  std::string text = cursor.text();
  const bool hex = text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (text.size() != 64 || !hex) cursor.fail("expected 64 lower-case hex digits");
  return text;
}

ConfigValue as_config_value(const JsonCursor& cursor) {
  const Json& json = cursor.json();
  if (json.is_number_unsigned()) return cursor.count();
  if (json.is_number()) return cursor.number();
  if (json.is_array()) return cursor.list([](const JsonCursor& item) { return item.integer(); });
  return cursor.text();
}

std::vector<ConfigEntry> as_config(const JsonCursor& root) {
  std::vector<ConfigEntry> config;
  const JsonCursor values = root.at("config");
  const JsonCursor origins = root.at("config_from");
  if (!values.json().is_object()) {
    values.fail("expected an object");
    return config;
  }
  for (const auto& [key, value] : values.json().items()) {
    config.push_back({key, as_config_value(values.at(key)), origins.at(key).text()});
  }
  return config;
}

SystemInfo as_system(const JsonCursor& cursor) {
  SystemInfo system;
  system.cpu_model = cursor.at("cpu").text_or_null();
  system.architecture = cursor.at("architecture").text();
  system.isa = cursor.at("isa").list(as_text);
  system.logical_cpus = cursor.at("cores").optional(as_int);
  system.physical_cores = cursor.at("physical_cores").optional(as_int);
  system.affinity = cursor.at("affinity").list(as_int);
  system.memory_total_bytes = cursor.at("memory_bytes").optional(as_count);
  system.memory_available_bytes = cursor.at("memory_available_bytes").optional(as_count);
  system.kernel = cursor.at("kernel").text();
  system.os = cursor.at("os").text_or_null();
  const JsonCursor governor = cursor.at("governor");
  if (!governor.is_null()) system.governors = governor.list(as_text);
  system.turbo = cursor.at("turbo").optional(as_boolean);
  system.smt = cursor.at("smt").optional(as_boolean);
  system.transparent_hugepages = cursor.at("transparent_hugepages").text_or_null();
  system.clock_source = cursor.at("clock_source").text_or_null();
  system.hypervisor = cursor.at("hypervisor").optional(as_boolean);
  if (cursor.has("aslr")) system.aslr = cursor.at("aslr").optional(as_boolean);
  if (cursor.has("numa_nodes")) system.numa_nodes = cursor.at("numa_nodes").optional(as_int);
  if (cursor.has("affinity_nodes")) {
    system.affinity_nodes = cursor.at("affinity_nodes").optional(as_int);
  }
  system.load_1min = cursor.at("load_1min").optional(as_number);
  system.cgroup_cpus = cursor.at("cgroup_cpus").optional(as_number);
  system.cgroup_memory_bytes = cursor.at("cgroup_memory_bytes").optional(as_count);
  return system;
}

BuildInfo as_build(const JsonCursor& cursor) {
  return {cursor.at("version").text(), cursor.at("commit").text(), cursor.at("compiler").text(),
          cursor.at("build_type").text()};
}

ModelInfo as_model(const JsonCursor& cursor) {
  return {.path = cursor.at("path").text(),
          .sha256 = as_sha256(cursor.at("sha256")),
          .precision = cursor.at("precision").text_or_null(),
          .file_bytes = cursor.at("file_bytes").count(),
          .weight_bytes = cursor.at("weight_bytes").optional(as_count),
          .isa_cap = cursor.at("isa_cap").text_or_null()};
}

Transport as_transport(const JsonCursor& cursor) {
  return {.round_trips = cursor.at("round_trips").count(),
          .p50_ns = cursor.at("p50_ns").integer(),
          .p99_ns = cursor.at("p99_ns").integer(),
          .paused_round_trips = cursor.at("paused_round_trips").count(),
          .paused_p50_ns = cursor.at("paused_p50_ns").integer(),
          .paused_p99_ns = cursor.at("paused_p99_ns").integer()};
}

SutInfo as_sut(const JsonCursor& cursor) {
  return {cursor.at("name").text(), cursor.at("transport").optional(as_transport)};
}

DatasetInfo as_dataset(const JsonCursor& cursor) {
  return {.path = cursor.at("path").text(),
          .sha256 = as_sha256(cursor.at("sha256")),
          .samples = cursor.at("samples").count()};
}

Verdict as_verdict(const JsonCursor& cursor) {
  Verdict verdict;
  verdict.valid = cursor.at("valid").boolean();
  verdict.reasons = cursor.at("reasons").list([](const JsonCursor& item) {
    return Reason{item.at("rule").text(), item.at("value").text(), item.at("limit").text(),
                  item.at("advice").text()};
  });
  if (verdict.valid != verdict.reasons.empty()) {
    cursor.fail("valid and reasons contradict each other");
  }
  return verdict;
}

Distribution as_distribution(const JsonCursor& cursor) {
  Distribution d;
  const std::pair<const char*, std::int64_t*> kFields[] = {
      {"min", &d.min}, {"mean", &d.mean}, {"p50", &d.p50},     {"p90", &d.p90}, {"p95", &d.p95},
      {"p97", &d.p97}, {"p99", &d.p99},   {"p99_9", &d.p99_9}, {"max", &d.max}};
  for (const auto& [name, field] : kFields) *field = cursor.at(name).integer();
  const std::int64_t ordered[] = {d.min, d.p50, d.p90, d.p95, d.p97, d.p99, d.p99_9, d.max};
  const bool between = d.min <= d.mean && d.mean <= d.max;
  if (!std::is_sorted(std::begin(ordered), std::end(ordered)) || !between) {
    cursor.fail("its percentiles are not in order");
  }
  return d;
}

double as_headline_value(const JsonCursor& cursor, bool is_time) {
  if (cursor.is_null()) return 0.0;
  if (!is_time) return cursor.number();
  // What a double holds exactly: a hundred days.
  constexpr std::int64_t kMostNs = 1LL << 53;
  const std::int64_t ns = cursor.integer();
  if (ns < 0 || ns > kMostNs) cursor.fail("is out of range");
  return static_cast<double>(ns);
}

/// The figure that a headline repeats; none if there is no such figure in `metrics`.
std::optional<double> figure_of_headline(const Metrics& metrics) {
  const std::string& name = metrics.headline.name;
  if (name == "throughput") return metrics.throughput_samples_per_s;
  if (!metrics.latency_ns.has_value()) return std::nullopt;
  const Distribution& d = *metrics.latency_ns;
  const std::pair<std::string_view, std::int64_t> kFigures[] = {
      {"p50_latency", d.p50}, {"p90_latency", d.p90}, {"p95_latency", d.p95},
      {"p97_latency", d.p97}, {"p99_latency", d.p99}, {"p99_9_latency", d.p99_9}};
  for (const auto& [latency, ns] : kFigures) {
    if (latency == name) return static_cast<double>(ns);
  }
  return std::nullopt;
}

void check_headline(const JsonCursor& cursor, const Record& record) {
  const Metrics& metrics = record.metrics;
  const bool is_offline = record.scenario == "offline";
  const bool is_rate = metrics.headline.name == "throughput" || metrics.headline.name == "max_qps";
  if (record.scenario != "server" && is_offline != (metrics.headline.name == "throughput")) {
    cursor.at("name").fail(fmt::format("is not the headline of scenario {}", record.scenario));
  }
  const std::string_view unit = !is_rate ? "ns" : is_offline ? "samples/s" : "queries/s";
  if (metrics.headline.unit != unit) cursor.at("unit").fail(fmt::format("expected {}", unit));
  const JsonCursor value = cursor.at("value");
  if (value.is_null() == has_headline(metrics)) {
    value.fail("is null if and only if nothing completed");
  }
  const std::optional<double> figure = figure_of_headline(metrics);
  if (has_headline(metrics) && figure.has_value() && *figure != metrics.headline.value) {
    value.fail("is not the figure that it repeats");
  }
}

/// What of one part of a record another part has to agree with.
void check_parts(const JsonCursor& root, const Record& record) {
  const JsonCursor metrics = root.at("metrics");
  check_headline(metrics.at("headline"), record);
  if (record.metrics.latency_ns.has_value() != (record.metrics.queries > 0)) {
    metrics.at("latency_ns").fail("contradicts metrics.queries");
  }
  const JsonCursor accuracy = root.at("accuracy");
  if (record.accuracy.has_value() != (record.mode == "accuracy")) {
    accuracy.fail("contradicts mode");
  }
  if (record.accuracy.has_value() && record.accuracy->samples != record.metrics.samples) {
    accuracy.at("samples").fail("contradicts metrics.samples");
  }
}

EarlyStopping as_early_stopping(const JsonCursor& cursor) {
  const auto as_integer = [](const JsonCursor& value) { return value.integer(); };
  EarlyStopping early;
  early.applied = cursor.at("applied").boolean();
  if (!early.applied) {
    early.note = cursor.at("note").text();
    return early;
  }
  early.met = cursor.at("met").boolean();
  early.percentile = cursor.at("percentile").optional(as_fraction).value_or(0.0);
  early.queries = cursor.at("queries").count();
  early.queries_needed = cursor.at("queries_needed").count();
  early.discarded = cursor.at("discarded").count();
  early.estimate_ns = cursor.at("estimate_ns").optional(as_integer);
  early.estimate_p99_ns = cursor.at("estimate_p99_ns").optional(as_integer);
  if (early.discarded > early.queries) cursor.at("discarded").fail("is more than queries");
  return early;
}

PeakProbe as_probe(const JsonCursor& cursor) {
  return {.target_qps = cursor.at("target_qps").number(),
          .passed = cursor.at("passed").boolean(),
          .latency_ns = cursor.at("latency_ns").integer(),
          .queries = cursor.at("queries").count(),
          .reason = cursor.at("reason").text_or_null()};
}

Metrics as_metrics(const JsonCursor& cursor) {
  Metrics metrics;
  const JsonCursor headline = cursor.at("headline");
  const std::string unit = headline.at("unit").text();
  metrics.headline = {headline.at("name").text(),
                      as_headline_value(headline.at("value"), unit == "ns"), unit};
  metrics.queries = cursor.at("queries").count();
  metrics.samples = cursor.at("samples").count();
  metrics.duration_ns = cursor.at("duration_ns").integer();
  metrics.throughput_samples_per_s = cursor.at("throughput_samples_per_s").number();
  metrics.latency_ns = cursor.at("latency_ns").optional(as_distribution);
  metrics.service_ns = cursor.at("service_ns").optional(as_distribution);
  metrics.issue_lag_ns = cursor.at("issue_lag_ns").optional(as_distribution);
  metrics.early_stopping = as_early_stopping(cursor.at("early_stopping"));
  if (cursor.has("peak_search")) metrics.peak_search = cursor.at("peak_search").list(as_probe);
  return metrics;
}

void check_share(const JsonCursor& cursor, double share, std::uint64_t part, std::uint64_t whole) {
  const double exact = whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
  // Other programs may round the last digits when they write a record.
  constexpr double kRounding = 1e-9;
  if (std::abs(share - exact) > kRounding) {
    cursor.fail(fmt::format("{} contradicts {} of {} samples", share, part, whole));
  }
}

Accuracy as_accuracy(const JsonCursor& cursor) {
  Accuracy accuracy;
  accuracy.samples = cursor.at("samples").count();
  accuracy.top1 = as_fraction(cursor.at("top1"));
  accuracy.top5 = as_fraction(cursor.at("top5"));
  accuracy.top1_correct = cursor.at("top1_correct").count();
  accuracy.top5_correct = cursor.at("top5_correct").count();
  accuracy.agreement_fp32 = cursor.at("agreement_fp32").optional(as_fraction);
  accuracy.calibration_seen = cursor.at("calibration_seen").count();
  accuracy.target_top1 = cursor.at("target_top1").optional(as_fraction);
  const std::uint64_t most =
      std::max({accuracy.top1_correct, accuracy.top5_correct, accuracy.calibration_seen});
  if (most > accuracy.samples) cursor.fail("counts more samples than there are");
  if (accuracy.top1_correct > accuracy.top5_correct) {
    cursor.at("top1_correct").fail("is more than top5_correct");
  }
  check_share(cursor.at("top1"), accuracy.top1, accuracy.top1_correct, accuracy.samples);
  check_share(cursor.at("top5"), accuracy.top5, accuracy.top5_correct, accuracy.samples);
  return accuracy;
}

Resources as_resources(const JsonCursor& cursor) {
  Resources resources;
  resources.peak_rss_bytes = cursor.at("peak_rss_bytes").count();
  resources.cpu_seconds = cursor.at("cpu_seconds").number();
  resources.user_seconds = cursor.at("user_seconds").number();
  resources.system_seconds = cursor.at("system_seconds").number();
  resources.minor_page_faults = cursor.at("minor_page_faults").count();
  resources.major_page_faults = cursor.at("major_page_faults").count();
  resources.voluntary_context_switches = cursor.at("voluntary_context_switches").count();
  resources.involuntary_context_switches = cursor.at("involuntary_context_switches").count();
  if (cursor.has("sut_peak_rss_bytes")) {
    resources.sut_peak_rss_bytes = cursor.at("sut_peak_rss_bytes").optional(as_count);
    resources.sut_cpu_seconds = cursor.at("sut_cpu_seconds").optional(as_number);
  }
  return resources;
}

Monitoring as_monitoring(const JsonCursor& cursor) {
  Monitoring seen;
  seen.interval_ns = cursor.at("interval_ns").integer();
  seen.duration_ns = cursor.at("duration_ns").integer();
  seen.monitor_cpu_share = cursor.at("cpu_share").number();
  seen.energy_joules = cursor.at("energy_joules").optional(as_number);
  seen.why_no_energy = cursor.at("energy_note").text_or_null();
  seen.time_ns = cursor.at("time_ns").list([](const JsonCursor& item) { return item.integer(); });
  const JsonCursor series = cursor.at("series");
  if (!series.json().is_object()) {
    series.fail("expected an object");
    return seen;
  }
  for (const auto& [name, values] : series.json().items()) {
    MonitorSeries each{name, std::vector<std::optional<double>>(seen.time_ns.size())};
    const JsonCursor list = series.at(name);
    if (!list.is_null()) {
      each.values = list.list([](const JsonCursor& item) { return item.optional(as_number); });
      if (each.values.size() != seen.time_ns.size()) list.fail("is not as long as time_ns");
    }
    seen.series.push_back(std::move(each));
  }
  return seen;
}

Record as_record(const JsonCursor& root) {
  Record record;
  record.id = root.at("id").text();
  record.started_at = root.at("started_at").text();
  record.command = root.at("command").text();
  record.config = as_config(root);
  record.system = as_system(root.at("system"));
  record.build = as_build(root.at("system").at("lode"));
  if (root.has("sut")) record.sut = root.at("sut").optional(as_sut);
  record.model = root.at("model").optional(as_model);
  record.dataset = root.at("dataset").optional(as_dataset);
  record.scenario =
      as_choice(root.at("scenario"), {"single-stream", "multi-stream", "server", "offline"});
  record.mode = as_choice(root.at("mode"), {"performance", "accuracy"});
  record.interrupted = root.at("interrupted").boolean();
  record.verdict = as_verdict(root.at("verdict"));
  const JsonCursor metrics = root.at("metrics");
  record.metrics = as_metrics(metrics);
  record.warmup_queries = metrics.at("warmup_queries").count();
  if (metrics.has("expected_qps")) record.expected_qps = metrics.at("expected_qps").number();
  record.accuracy = root.at("accuracy").optional(as_accuracy);
  const JsonCursor resources = root.at("resources");
  record.resources = as_resources(resources);
  if (resources.has("monitor")) {
    record.monitoring = resources.at("monitor").optional(as_monitoring);
  }
  check_parts(root, record);
  return record;
}

}  // namespace

Result<Record> from_json(std::string_view text, std::string_view name) {
  return read_json(text, name, kRunSchema, as_record);
}

Result<Record> read_record(const std::filesystem::path& path) {
  std::error_code ignored;
  const bool is_directory = std::filesystem::is_directory(path, ignored);
  const std::filesystem::path file = is_directory ? path / kResultFile : path;
  if (std::filesystem::file_size(file, ignored) > kMostBytes && !ignored) {
    return runtime_error("{}: is too large to be a record", file.string());
  }
  LODE_TRY(const std::string text, read_file(file));
  return from_json(text, file.string());
}

}  // namespace lode::record
