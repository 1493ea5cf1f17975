// Record -> result.json.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "results/record/record.h"

namespace lode::record {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no NaN and no infinity: a figure that is one is a bug of ours.
double finite(double value) {
  LODE_ASSERT(std::isfinite(value));
  return value;
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  if (!value.has_value()) return Json();
  if constexpr (std::is_same_v<T, double>) {
    return finite(*value);
  } else {
    return *value;
  }
}

Json config_json(const std::vector<ConfigEntry>& config) {
  Json json = Json::object();
  for (const ConfigEntry& entry : config) {
    std::visit([&](const auto& value) { json[entry.key] = value; }, entry.value);
  }
  return json;
}

Json config_from_json(const std::vector<ConfigEntry>& config) {
  Json json = Json::object();
  for (const ConfigEntry& entry : config) json[entry.key] = entry.from;
  return json;
}

Json system_json(const SystemInfo& system, const BuildInfo& build) {
  return {
      {"cpu", text_or_null(system.cpu_model)},
      {"architecture", system.architecture},
      {"isa", system.isa},
      {"cores", or_null(system.logical_cpus)},
      {"physical_cores", or_null(system.physical_cores)},
      {"affinity", system.affinity},
      {"memory_bytes", or_null(system.memory_total_bytes)},
      {"memory_available_bytes", or_null(system.memory_available_bytes)},
      {"kernel", system.kernel},
      {"os", text_or_null(system.os)},
      {"governor", system.governors.empty() ? Json() : Json(system.governors)},
      {"turbo", or_null(system.turbo)},
      {"smt", or_null(system.smt)},
      {"transparent_hugepages", text_or_null(system.transparent_hugepages)},
      {"clock_source", text_or_null(system.clock_source)},
      {"hypervisor", or_null(system.hypervisor)},
      {"aslr", or_null(system.aslr)},
      {"numa_nodes", or_null(system.numa_nodes)},
      {"affinity_nodes", or_null(system.affinity_nodes)},
      {"load_1min", or_null(system.load_1min)},
      {"cgroup_cpus", or_null(system.cgroup_cpus)},
      {"cgroup_memory_bytes", or_null(system.cgroup_memory_bytes)},
      {"lode",
       {{"version", build.version},
        {"commit", build.commit},
        {"compiler", build.compiler},
        {"build_type", build.build_type}}},
  };
}

Json sut_json(const SutInfo& sut) {
  Json transport;
  if (sut.transport.has_value()) {
    const Transport& t = *sut.transport;
    transport = {{"round_trips", t.round_trips},
                 {"p50_ns", t.p50_ns},
                 {"p99_ns", t.p99_ns},
                 {"paused_round_trips", t.paused_round_trips},
                 {"paused_p50_ns", t.paused_p50_ns},
                 {"paused_p99_ns", t.paused_p99_ns}};
  }
  return {{"name", sut.name}, {"transport", std::move(transport)}};
}

Json model_json(const std::optional<ModelInfo>& model) {
  if (!model.has_value()) return Json();
  return {{"path", model->path},
          {"sha256", model->sha256},
          {"precision", text_or_null(model->precision)},
          {"file_bytes", model->file_bytes},
          {"weight_bytes", or_null(model->weight_bytes)},
          {"isa_cap", text_or_null(model->isa_cap)}};
}

Json dataset_json(const std::optional<DatasetInfo>& dataset) {
  if (!dataset.has_value()) return Json();
  return {{"path", dataset->path}, {"sha256", dataset->sha256}, {"samples", dataset->samples}};
}

Json verdict_json(const Verdict& verdict) {
  Json reasons = Json::array();
  for (const Reason& reason : verdict.reasons) {
    reasons.push_back({{"rule", reason.rule},
                       {"value", reason.value},
                       {"limit", reason.limit},
                       {"advice", reason.advice}});
  }
  return {{"valid", verdict.valid}, {"reasons", std::move(reasons)}};
}

Json distribution_json(const std::optional<Distribution>& distribution) {
  if (!distribution.has_value()) return Json();
  const Distribution& d = *distribution;
  return {{"min", d.min}, {"mean", d.mean}, {"p50", d.p50},     {"p90", d.p90}, {"p95", d.p95},
          {"p97", d.p97}, {"p99", d.p99},   {"p99_9", d.p99_9}, {"max", d.max}};
}

Json headline_json(const Metrics& metrics) {
  const Headline& headline = metrics.headline;
  Json value;
  if (has_headline(metrics)) {
    value = headline.unit == "ns" ? Json(static_cast<std::int64_t>(finite(headline.value)))
                                  : Json(finite(headline.value));
  }
  return {{"name", headline.name}, {"value", std::move(value)}, {"unit", headline.unit}};
}

Json early_stopping_json(const EarlyStopping& early) {
  if (!early.applied) return {{"applied", false}, {"note", early.note}};
  return {{"applied", true},
          {"met", early.met},
          {"percentile", early.percentile > 0.0 ? Json(finite(early.percentile)) : Json()},
          {"queries", early.queries},
          {"queries_needed", early.queries_needed},
          {"discarded", early.discarded},
          {"estimate_ns", or_null(early.estimate_ns)},
          {"estimate_p99_ns", or_null(early.estimate_p99_ns)}};
}

Json peak_search_json(const std::vector<PeakProbe>& probes) {
  Json list = Json::array();
  for (const PeakProbe& probe : probes) {
    list.push_back({{"target_qps", finite(probe.target_qps)},
                    {"passed", probe.passed},
                    {"latency_ns", probe.latency_ns},
                    {"queries", probe.queries},
                    {"reason", text_or_null(probe.reason)}});
  }
  return list;
}

Json metrics_json(const Record& record) {
  const Metrics& metrics = record.metrics;
  Json json = {
      {"headline", headline_json(metrics)},
      {"queries", metrics.queries},
      {"samples", metrics.samples},
      {"duration_ns", metrics.duration_ns},
      {"throughput_samples_per_s", finite(metrics.throughput_samples_per_s)},
      {"latency_ns", distribution_json(metrics.latency_ns)},
      {"service_ns", distribution_json(metrics.service_ns)},
      {"issue_lag_ns", distribution_json(metrics.issue_lag_ns)},
      {"early_stopping", early_stopping_json(metrics.early_stopping)},
      {"warmup_queries", record.warmup_queries},
  };
  if (!metrics.peak_search.empty()) json["peak_search"] = peak_search_json(metrics.peak_search);
  if (record.expected_qps > 0) json["expected_qps"] = finite(record.expected_qps);
  return json;
}

Json accuracy_json(const std::optional<Accuracy>& accuracy) {
  if (!accuracy.has_value()) return Json();
  return {{"samples", accuracy->samples},
          {"top1", finite(accuracy->top1)},
          {"top5", finite(accuracy->top5)},
          {"top1_correct", accuracy->top1_correct},
          {"top5_correct", accuracy->top5_correct},
          {"agreement_fp32", or_null(accuracy->agreement_fp32)},
          {"calibration_seen", accuracy->calibration_seen},
          {"target_top1", or_null(accuracy->target_top1)}};
}

Json series_json(const MonitorSeries& series) {
  const bool is_unknown = std::none_of(series.values.begin(), series.values.end(),
                                       [](const auto& value) { return value.has_value(); });
  if (is_unknown) return Json();
  Json values = Json::array();
  for (const std::optional<double>& value : series.values) values.push_back(or_null(value));
  return values;
}

Json monitoring_json(const Monitoring& seen) {
  Json series = Json::object();
  for (const MonitorSeries& each : seen.series) series[each.name] = series_json(each);
  return {{"interval_ns", seen.interval_ns},
          {"duration_ns", seen.duration_ns},
          {"cpu_share", finite(seen.monitor_cpu_share)},
          {"energy_joules", or_null(seen.energy_joules)},
          {"energy_note", text_or_null(seen.why_no_energy)},
          {"time_ns", seen.time_ns},
          {"series", std::move(series)}};
}

Json resources_json(const Record& record) {
  const Resources& resources = record.resources;
  return {{"peak_rss_bytes", resources.peak_rss_bytes},
          {"cpu_seconds", finite(resources.cpu_seconds)},
          {"user_seconds", finite(resources.user_seconds)},
          {"system_seconds", finite(resources.system_seconds)},
          {"minor_page_faults", resources.minor_page_faults},
          {"major_page_faults", resources.major_page_faults},
          {"voluntary_context_switches", resources.voluntary_context_switches},
          {"involuntary_context_switches", resources.involuntary_context_switches},
          {"sut_peak_rss_bytes", or_null(resources.sut_peak_rss_bytes)},
          {"sut_cpu_seconds", or_null(resources.sut_cpu_seconds)},
          {"monitor", record.monitoring ? monitoring_json(*record.monitoring) : Json()}};
}

}  // namespace

std::string to_json(const Record& record) {
  LODE_ASSERT(record.verdict.valid == record.verdict.reasons.empty());
  const Json json = {
      {"schema", kRunSchema},
      {"id", record.id},
      {"started_at", record.started_at},
      {"command", record.command},
      {"config", config_json(record.config)},
      {"config_from", config_from_json(record.config)},
      {"system", system_json(record.system, record.build)},
      {"sut", record.sut.has_value() ? sut_json(*record.sut) : Json()},
      {"model", model_json(record.model)},
      {"dataset", dataset_json(record.dataset)},
      {"scenario", record.scenario},
      {"mode", record.mode},
      {"interrupted", record.interrupted},
      {"verdict", verdict_json(record.verdict)},
      {"metrics", metrics_json(record)},
      {"accuracy", accuracy_json(record.accuracy)},
      {"resources", resources_json(record)},
  };
  // File names may hold any bytes; the record must stay JSON all the same.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lode::record
