#include "loadgen/settings.h"

#include <array>
#include <utility>

#include "base/units.h"

namespace lode::loadgen {
namespace {

constexpr std::array<std::pair<Scenario, std::string_view>, 4> kScenarios = {{
    {Scenario::kSingleStream, "single-stream"},
    {Scenario::kMultiStream, "multi-stream"},
    {Scenario::kServer, "server"},
    {Scenario::kOffline, "offline"},
}};

constexpr std::array<std::pair<Mode, std::string_view>, 2> kModes = {{
    {Mode::kPerformance, "performance"},
    {Mode::kAccuracy, "accuracy"},
}};

constexpr std::uint64_t kSamplesPerQueryMax = 1U << 20;
constexpr std::uint64_t kIssueThreadsMax = 256;
constexpr std::uint64_t kConcurrencyMax = 1U << 20;
constexpr double kQpsMax = 1e12;
constexpr std::uint64_t kRecorderMemoryMin = 16ULL << 20;

template <typename Names, typename Key>
std::string_view name_of(const Names& names, Key key) {
  for (const auto& [value, name] : names) {
    if (value == key) return name;
  }
  LODE_ASSERT(false);
  return {};
}

template <typename Names>
auto value_of(const Names& names, std::string_view wanted) {
  std::optional<typename Names::value_type::first_type> found;
  for (const auto& [value, name] : names) {
    if (name == wanted) found = value;
  }
  return found;
}

/// What a performance run ends by; accuracy mode ends with the samples.
Status validate_stop_rule(const Settings& settings) {
  if (settings.min_duration_ns < 0 || settings.max_duration_ns < 0) {
    return usage_error("min_duration and max_duration: a duration cannot be negative");
  }
  if (settings.min_query_count == 0) {
    return usage_error("min_queries is 0; use at least 1");
  }
  return {};
}

/// That no limit ends the test before its minima.
Status validate_minima(const Settings& settings) {
  if (settings.max_duration_ns != 0 && settings.max_duration_ns < settings.min_duration_ns) {
    return usage_error("max_duration {} is below min_duration {}; raise the one or lower the other",
                       format_duration_exact(settings.max_duration_ns),
                       format_duration_exact(settings.min_duration_ns));
  }
  if (settings.max_query_count != 0 && settings.max_query_count < settings.min_query_count) {
    return usage_error("max_queries {} is below min_queries {}; raise the one or lower the other",
                       settings.max_query_count, settings.min_query_count);
  }
  return {};
}

Status validate_limits(const Settings& settings) {
  if (settings.query_timeout_ns <= 0) {
    return usage_error("query_timeout must be above 0");
  }
  if (settings.recorder_memory_bytes < kRecorderMemoryMin) {
    return usage_error("recorder_memory {} is too little; use at least {}",
                       format_bytes(settings.recorder_memory_bytes),
                       format_bytes(kRecorderMemoryMin));
  }
  return {};
}

Status validate_latency_target(const Settings& settings) {
  const double p = settings.target_percentile;
  if (!(p >= 0.0 && p < 1.0)) {
    return usage_error("target_percentile {} is out of range; use a fraction above 0 and below 1",
                       p);
  }
  if (settings.target_latency_ns < 0) {
    return usage_error("target_latency: a duration cannot be negative");
  }
  if (settings.ttft_limit_ns < 0 || settings.tpot_limit_ns < 0) {
    return usage_error("ttft_limit and tpot_limit: a duration cannot be negative");
  }
  if (settings.token_latencies && settings.target_latency_ns != 0) {
    return usage_error("target_latency means nothing with token latencies, which have their own");
  }
  if (settings.scenario != Scenario::kOffline) return {};
  if (settings.target_latency_ns != 0) {
    return usage_error("target_latency means nothing in offline, which is judged by throughput");
  }
  if (p != 0.0) {
    return usage_error("target_percentile means nothing in offline, which is judged by throughput");
  }
  return {};
}

Status validate_server(const Settings& settings) {
  const bool is_server = settings.scenario == Scenario::kServer;
  const Arrivals& arrivals = settings.arrivals;
  const bool has_own_rate =
      arrivals.kind == Arrivals::Kind::kStep || arrivals.kind == Arrivals::Kind::kReplay;
  if (settings.issue_threads == 0 || settings.issue_threads > kIssueThreadsMax) {
    return usage_error("issue_threads {} is out of range; use 1 to {}", settings.issue_threads,
                       kIssueThreadsMax);
  }
  if (!is_server) {
    if (settings.target_qps == 0.0) return {};
    return usage_error("target_qps means nothing in {}; it is server's rate of arrival",
                       scenario_name(settings.scenario));
  }
  if (has_own_rate && settings.target_qps != 0.0) {
    return usage_error("target_qps means nothing with arrivals that bring their own times");
  }
  if (!has_own_rate && !(settings.target_qps > 0.0 && settings.target_qps <= kQpsMax)) {
    return usage_error(
        "target_qps {} is out of range; server needs the rate at which queries arrive, above 0",
        settings.target_qps);
  }
  return {};
}

Status validate_samples(const Settings& settings) {
  if (settings.concurrency == 0 || settings.concurrency > kConcurrencyMax) {
    return usage_error("concurrency {} is out of range; use 1 to {}", settings.concurrency,
                       kConcurrencyMax);
  }
  if (settings.concurrency > 1 && settings.scenario != Scenario::kSingleStream) {
    return usage_error("concurrency means nothing in {}; it is for single-stream",
                       scenario_name(settings.scenario));
  }
  const double share = settings.accuracy_log_probability;
  if (share >= 0.0 && share <= 1.0) return {};
  return usage_error("accuracy_log_probability {} is out of range; use a fraction from 0 to 1",
                     share);
}

Status validate_query_size(const Settings& settings) {
  if (settings.samples_per_query == 0 || settings.samples_per_query > kSamplesPerQueryMax) {
    return usage_error("samples_per_query {} is out of range; use 1 to {}",
                       settings.samples_per_query, kSamplesPerQueryMax);
  }
  if (!(settings.offline_expected_qps >= 0.0)) {
    return usage_error("expected_qps {} is out of range; use a rate above 0, or 0 to measure it",
                       settings.offline_expected_qps);
  }
  if (settings.scenario == Scenario::kOffline) {
    const std::uint64_t limit = settings.max_query_count;
    if (limit == 0 || settings.offline_min_samples <= limit) return {};
    return usage_error(
        "max_queries {} is below offline_min_samples {}; raise the one or lower the other", limit,
        settings.offline_min_samples);
  }
  if (settings.offline_expected_qps != 0.0) {
    return usage_error("expected_qps means nothing in {}; it sizes offline's query",
                       scenario_name(settings.scenario));
  }
  if (settings.offline_min_samples != 0) {
    return usage_error("offline_min_samples means nothing in {}; it sizes offline's query",
                       scenario_name(settings.scenario));
  }
  return {};
}

}  // namespace

std::string_view scenario_name(Scenario scenario) {
  return name_of(kScenarios, scenario);
}

std::optional<Scenario> scenario_from_name(std::string_view name) {
  return value_of(kScenarios, name);
}

std::string_view mode_name(Mode mode) {
  return name_of(kModes, mode);
}

std::optional<Mode> mode_from_name(std::string_view name) {
  return value_of(kModes, name);
}

Status validate(const Settings& settings) {
  LODE_CHECK_OK(validate_values(settings));
  return settings.mode == Mode::kPerformance ? validate_minima(settings) : Status{};
}

Status validate_values(const Settings& settings) {
  if (settings.mode == Mode::kPerformance) LODE_CHECK_OK(validate_stop_rule(settings));
  LODE_CHECK_OK(validate_limits(settings));
  LODE_CHECK_OK(validate_latency_target(settings));
  LODE_CHECK_OK(validate_server(settings));
  LODE_CHECK_OK(validate_samples(settings));
  return validate_query_size(settings);
}

}  // namespace lode::loadgen
