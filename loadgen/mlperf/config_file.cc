#include "loadgen/mlperf/config_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/file_io.h"

namespace mlperf {
namespace {

using lode::Result;
using lode::Status;
using lode::usage_error;
using Values = std::map<std::string, std::string>;

thread_local std::vector<std::string> t_config_errors;

constexpr std::size_t kBytesMax = 1U << 22;
constexpr double kNsPerMs = 1e6;
constexpr double kPercent = 0.01;

bool is_set(double value) {
  return value != 0.0;
}

std::uint64_t as_count(const std::string& text) {
  std::uint64_t value = 0;
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Whole numbers keep their 64 bits; what else passed the check is a decimal.
  if (code == std::errc{} && rest == text.data() + text.size()) return value;
  return static_cast<std::uint64_t>(std::strtod(text.c_str(), nullptr));
}

double as_number(const std::string& text) {
  return std::strtod(text.c_str(), nullptr);
}

/// One key. `scenario` says to which scenario's fields it belongs where that matters; "" for all.
struct Key {
  std::string_view name;
  std::string_view scenario;
  void (*set)(TestSettings& settings, const std::string& value);
};

template <auto kMember>
void set_count(TestSettings& settings, const std::string& value) {
  settings.*kMember = as_count(value);
}
template <auto kMember>
void set_flag(TestSettings& settings, const std::string& value) {
  settings.*kMember = is_set(as_number(value));
}
template <auto kMember>
void set_number(TestSettings& settings, const std::string& value) {
  settings.*kMember = as_number(value);
}
template <auto kMember>
void set_percent(TestSettings& settings, const std::string& value) {
  settings.*kMember = as_number(value) * kPercent;
}
template <auto kMember>
void set_ms_as_ns(TestSettings& settings, const std::string& value) {
  using Field = std::remove_reference_t<decltype(settings.*kMember)>;
  settings.*kMember = static_cast<Field>(std::llround(as_number(value) * kNsPerMs));
}
void set_mode(TestSettings& settings, const std::string& value) {
  settings.mode = static_cast<TestMode>(as_count(value));
}
void set_scaling_factor(TestSettings& settings, const std::string& value) {
  settings.token_latency_scaling_factor =
      static_cast<std::int64_t>(std::min(as_number(value), 1e15));
}
void set_decimals(TestSettings& settings, const std::string& value) {
  settings.server_find_peak_qps_decimals_of_precision =
      static_cast<int>(std::min(as_number(value), 9.0));
}
/// Known, and without a field that it could change.
void set_nothing(TestSettings&, const std::string&) {}

using S = TestSettings;
constexpr std::string_view kAll = "";
constexpr std::string_view kSingle = "SingleStream";
constexpr std::string_view kMulti = "MultiStream";
constexpr std::string_view kServer = "Server";
constexpr std::string_view kOffline = "Offline";

constexpr Key kKeys[] = {
    {"mode", kAll, set_mode},
    {"min_duration", kAll, set_count<&S::min_duration_ms>},
    {"max_duration", kAll, set_count<&S::max_duration_ms>},
    {"min_query_count", kAll, set_count<&S::min_query_count>},
    {"max_query_count", kAll, set_count<&S::max_query_count>},
    {"qsl_rng_seed", kAll, set_count<&S::qsl_rng_seed>},
    {"sample_index_rng_seed", kAll, set_count<&S::sample_index_rng_seed>},
    {"schedule_rng_seed", kAll, set_count<&S::schedule_rng_seed>},
    {"accuracy_log_rng_seed", kAll, set_count<&S::accuracy_log_rng_seed>},
    {"accuracy_log_probability", kAll, set_percent<&S::accuracy_log_probability>},
    {"accuracy_log_sampling_target", kAll, set_count<&S::accuracy_log_sampling_target>},
    {"test05_qsl_rng_seed", kAll, set_count<&S::test05_qsl_rng_seed>},
    {"test05_sample_index_rng_seed", kAll, set_count<&S::test05_sample_index_rng_seed>},
    {"test05_schedule_rng_seed", kAll, set_count<&S::test05_schedule_rng_seed>},
    {"print_timestamps", kAll, set_flag<&S::print_timestamps>},
    {"performance_issue_unique", kAll, set_flag<&S::performance_issue_unique>},
    {"performance_issue_same", kAll, set_flag<&S::performance_issue_same>},
    {"performance_issue_same_index", kAll, set_count<&S::performance_issue_same_index>},
    {"performance_sample_count_override", kAll, set_count<&S::performance_sample_count_override>},
    {"accuracy_sample_count_override", kAll, set_count<&S::accuracy_sample_count_override>},
    {"sample_concatenate_permutation", kAll, set_flag<&S::sample_concatenate_permutation>},
    {"use_token_latencies", kAll, set_flag<&S::use_token_latencies>},
    {"infer_token_latencies", kAll, set_flag<&S::infer_token_latencies>},
    {"token_latency_scaling_factor", kAll, set_scaling_factor},
    {"target_latency_percentile", kSingle,
     set_percent<&S::single_stream_target_latency_percentile>},
    {"target_latency", kSingle, set_ms_as_ns<&S::single_stream_expected_latency_ns>},
    {"target_latency_percentile", kMulti, set_percent<&S::multi_stream_target_latency_percentile>},
    {"target_latency", kMulti, set_ms_as_ns<&S::multi_stream_expected_latency_ns>},
    {"samples_per_query", kMulti, set_count<&S::multi_stream_samples_per_query>},
    {"target_latency_percentile", kServer, set_percent<&S::server_target_latency_percentile>},
    {"target_latency", kServer, set_ms_as_ns<&S::server_target_latency_ns>},
    {"target_qps", kServer, set_number<&S::server_target_qps>},
    {"coalesce_queries", kServer, set_flag<&S::server_coalesce_queries>},
    {"max_async_queries", kServer, set_count<&S::server_max_async_queries>},
    {"num_issue_query_threads", kServer, set_count<&S::server_num_issue_query_threads>},
    {"find_peak_qps_decimals_of_precision", kServer, set_decimals},
    {"find_peak_qps_boundary_step_size", kServer,
     set_number<&S::server_find_peak_qps_boundary_step_size>},
    {"target_duration", kServer, set_nothing},
    {"ttft_latency", kServer, set_ms_as_ns<&S::server_ttft_latency>},
    {"tpot_latency", kServer, set_ms_as_ns<&S::server_tpot_latency>},
    {"target_qps", kOffline, set_number<&S::offline_expected_qps>},
    {"target_latency_percentile", kOffline, set_nothing},
};

constexpr std::array<std::string_view, 5> kScenarios = {"*", kSingle, kMulti, kServer, kOffline};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// The known key that has the longest part in common with `name`, for the error.
std::string_view resembling(std::string_view name) {
  std::string_view best = kKeys[0].name;
  std::size_t most = 0;
  for (const Key& key : kKeys) {
    std::size_t same = 0;
    while (same < std::min(name.size(), key.name.size()) && name[same] == key.name[same]) ++same;
    if (same > most) best = key.name;
    most = std::max(most, same);
  }
  return best;
}

Status check_key(std::string_view full) {
  const std::size_t last = full.rfind('.');
  const std::size_t middle = last == 0 ? last : full.rfind('.', last - 1);
  if (last == full.npos || middle == full.npos || last == 0) {
    return usage_error("'{}' is no key; write model.scenario.key", full);
  }
  const std::string_view scenario = full.substr(middle + 1, last - middle - 1);
  const std::string_view name = full.substr(last + 1);
  if (std::find(kScenarios.begin(), kScenarios.end(), scenario) == kScenarios.end()) {
    return usage_error("'{}' is no scenario; use SingleStream, MultiStream, Server, Offline or *",
                       scenario);
  }
  const bool is_known = std::any_of(std::begin(kKeys), std::end(kKeys),
                                    [&](const Key& key) { return key.name == name; });
  if (is_known) return {};
  return usage_error("the key '{}' is not known; did you mean '{}'?", name, resembling(name));
}

Status check_value(std::string_view key, const std::string& value) {
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (value.empty() || end != value.c_str() + value.size() || !std::isfinite(number)) {
    return usage_error("'{}' is no number", value);
  }
  constexpr double kMost = 18446744073709551615.0;
  if (number < 0.0 || number > kMost) return usage_error("{} is out of range", value);
  const bool is_mode = key.ends_with(".mode");
  if (is_mode && (number > 3.0 || number != std::floor(number))) {
    return usage_error("mode {} is not known; use 0 submission, 1 accuracy, 2 performance, 3 peak",
                       value);
  }
  const bool is_time = key.ends_with("latency");
  if (is_time && number > 9e12) return usage_error("{} ms is out of range", value);
  return {};
}

Status read_line(std::string_view line, Values& values) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return usage_error("expected 'key = value'");
  const std::string_view key = trimmed(line.substr(0, equals));
  std::string_view rest = line.substr(equals + 1);
  rest = trimmed(rest.substr(0, std::min(rest.find('#'), rest.size())));
  const std::string value(rest);
  LODE_CHECK_OK(check_key(key));
  const Status valid = check_value(key, value);
  if (!valid.ok()) return valid.error().within(key);
  values[std::string(key)] = value;
  return {};
}

}  // namespace

Result<Values> parse_config(std::string_view text, std::string_view name) {
  if (text.size() > kBytesMax) return usage_error("{}: is too large for a configuration", name);
  Values values;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const Status read = read_line(line, values);
    if (!read.ok()) return read.error().within(fmt::format("{}:{}", name, number));
  }
  return values;
}

void apply_config(const Values& values, const std::string& model, const std::string& scenario,
                  TestSettings& settings) {
  for (const Key& key : kKeys) {
    // The fields of each scenario are its own, so its keys are taken whatever test is to run.
    const std::string own(key.scenario.empty() ? std::string_view(scenario) : key.scenario);
    for (const std::string& prefix :
         {model + "." + own, "*." + own, model + ".*", std::string("*.*")}) {
      const auto found = values.find(fmt::format("{}.{}", prefix, key.name));
      if (found == values.end()) continue;
      key.set(settings, found->second);
      break;
    }
  }
}

std::vector<std::string> take_config_errors() {
  return std::exchange(t_config_errors, {});
}

int TestSettings::FromConfig(const std::string& path, const std::string& model,
                             const std::string& scenario_name, int) {
  const Result<std::string> text = lode::read_file(path);
  if (!text.ok()) {
    t_config_errors.push_back(text.error().message);
    return -ENOENT;
  }
  const Result<Values> values = parse_config(*text, path);
  if (!values.ok()) {
    t_config_errors.push_back(values.error().message);
    return -EINVAL;
  }
  apply_config(*values, model, scenario_name, *this);
  return 0;
}

}  // namespace mlperf
